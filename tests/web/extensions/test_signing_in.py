"""Signing in on a plugin's word: by the rules of issuers, told to observers."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from shortd.plugin import Plugin
from shortd.settings.config import ConfigError
from shortd.testing import RunningApp, open_app
from tests.web.extensions.conftest import OTHER, Desk
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


# Proving it once more


def test_who_came_by_a_plugin_proves_by_it_that_it_is_he(running: RunningApp) -> None:
    surfer = Surfer(running)
    badge(surfer, "create", subject="p", email="pia@nowhere.example", name="pia")
    running.clock.advance(601)
    wanted = {"email": "pia2@nowhere.example"}
    assert surfer.send("/-/account/email", wanted).status_code == 422
    page = surfer.get("/-/account/confirm?next=/-/account/second-factor").text
    begin = "/-/x/desk/badge?again=1&amp;next=/-/account/second-factor"
    assert f'href="{begin}"' in page and "Nothing here can prove it" not in page
    login = surfer.credentials
    assert badge(surfer, subject="p", again="1", next="/-/account/second-factor") == (
        303,
        "/-/account/second-factor",
    )
    assert surfer.credentials == login
    assert surfer.send("/-/account/email", wanted).status_code == 303


def test_somebody_else_proves_nothing_and_takes_nobodys_place(running: RunningApp) -> None:
    one, other = Surfer(running), Surfer(running)
    badge(one, "create", subject="one", email="one@nowhere.example")
    badge(other, "create", subject="other", email="other@nowhere.example")
    running.clock.advance(601)
    login = one.credentials
    for subject, flags in (("other", ()), ("unheard of", ("create",))):
        status, said = badge(one, *flags, subject=subject, email="new2@nowhere.example")
        assert status == 403 and "signed in to another account" in said
        assert one.credentials == login
        assert one.send("/-/account/email", {"email": "x@nowhere.example"}).status_code == 422
    assert running.services.accounts.accounts.named("new2@nowhere.example") is None


def test_others_are_not_sent_to_a_plugin(running: RunningApp, people: dict[str, Surfer]) -> None:
    assert "/-/x/desk/badge" not in people["account"].get("/-/account/confirm").text


# Without passwords


class NoDesk(Plugin[None, None]):
    """Signs nobody in."""

    name = "desk"


def test_a_plugin_is_a_way_in_where_there_is_no_other(tmp_path: Path) -> None:
    off = "[auth]\npassword = false\n"
    with pytest.raises(ConfigError, match="leaves no way to sign in"):
        open_app(tmp_path / "none", plugins=[NoDesk], config=off).__enter__()
    with open_app(tmp_path / "desk", plugins=[Desk], config=off) as app:
        page = app.browser().get("/-/login").text
        assert "/-/x/desk/badge" in page and 'type="password"' not in page
