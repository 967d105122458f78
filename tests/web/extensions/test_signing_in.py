"""Signing in on a plugin's word: by the rules of issuers, told to observers."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from shortd.testing import RunningApp
from tests.web.extensions.conftest import OTHER
from tests.web.surfer import Surfer


def badge(surfer: Surfer, *flags: str, **query: str) -> tuple[int, str]:
    asked = urlencode({**query, **dict.fromkeys(flags, "1")})
    answer = surfer.get(f"/-/x/desk/badge?{asked}")
    return answer.status_code, answer.headers.get("location", answer.text)


def test_who_has_no_account_gets_one_if_that_may_be(running: RunningApp) -> None:
    surfer = Surfer(running)
    status, said = badge(surfer, subject="1", email="new@nowhere.example", name="newcomer")
    assert status == 403 and not surfer.is_in()
    assert "Signing in with desk did not work" in said
    assert 'href="/-/x/desk/badge"' in said
    assert badge(surfer, "create", subject="1", email="new@nowhere.example", name="newcomer") == (
        303,
        "/-/dashboard",
    )
    assert surfer.is_in()
    again = Surfer(running)
    assert badge(again, subject="1", next="/-/tags") == (303, "/-/tags")
    assert again.credentials["userid"] == surfer.credentials["userid"]
    assert "desk" in again.get("/-/account").text
    other = Surfer(running)
    assert badge(other, subject="2")[0] == 403


@pytest.mark.parametrize(
    ("flags", "is_in"),
    [((), False), (("verified",), False), (("link",), False), (("verified", "link"), True)],
)
def test_an_address_opens_an_account_only_if_it_is_verified_and_may(
    running: RunningApp, people: dict[str, Surfer], flags: tuple[str, ...], is_in: bool
) -> None:
    subject = "-".join(("badge of ben", *flags))
    surfer = Surfer(running)
    if "ben" not in people:
        people["ben"] = Surfer(running)
        people["ben"].sign_up("ben")
    status, _ = badge(surfer, "create", *flags, subject=subject, email="ben@nowhere.example")
    assert (status == 303, surfer.is_in()) == (is_in, is_in)


@pytest.mark.parametrize(
    ("subject", "email"), [("", ""), ("x" * 256, "x@y.example"), ("\ud800", ""), ("1" * 9, "no")]
)
def test_who_nobody_can_be_is_not_let_in(running: RunningApp, subject: str, email: str) -> None:
    surfer = Surfer(running)
    asked = urlencode({"subject": subject, "email": email, "create": "1"}, errors="surrogatepass")
    assert surfer.get(f"/-/x/desk/badge?{asked}").status_code in (403, 502, 503)
    assert not surfer.is_in()


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/abcdef", "/-/files/x"]
)
def test_it_leads_to_pages_of_ours_alone(running: RunningApp, wanted: str) -> None:
    surfer = Surfer(running)
    mail = "lead@nowhere.example"
    assert badge(surfer, "create", subject="lead", email=mail, next=wanted) == (303, "/-/dashboard")


def test_nobody_is_signed_in_elsewhere(running: RunningApp) -> None:
    surfer = Surfer(running, OTHER)
    mail = "else@nowhere.example"
    assert badge(surfer, "create", subject="else", email=mail)[0] == 404
    assert not surfer.cookies


def test_a_locked_account_stays_shut(running: RunningApp, people: dict[str, Surfer]) -> None:
    surfer = Surfer(running)
    mail = "lou@nowhere.example"
    assert badge(surfer, "verified", "link", subject="lou", email=mail)[0] == 403
    assert not surfer.is_in()
