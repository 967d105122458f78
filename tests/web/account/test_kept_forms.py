"""A form that is sent after the login has ended: what was typed is still there after signing in."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlencode

import pytest

from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD
from tests.web.surfer import Surfer, derived

HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}"


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', page, re.DOTALL)
    return {html.unescape(name): html.unescape(value) for name, value in found}


@pytest.fixture
def late(app: RunningApp, ann: Surfer) -> Surfer:
    """Somebody whose login has ended since the page was opened; the browser kept the page alone."""
    ann.call("url", url="https://example.org/", code="spring")
    app.clock.advance(31 * 86_400)
    return ann


def link_id(app: RunningApp, ann: Surfer) -> int:
    """Of her one link."""
    token = app.call("login", username_email="ann", password=double_sha256_of_ann())["token"]
    userid = ann.cookies["shortd"].partition(".")[0]
    [entry] = app.call("get_entries", userid=userid, token=token)["entries"]
    return int(entry["id"])


def double_sha256_of_ann() -> str:
    return derived("password", PASSWORD)["password_sha256"]


def test_it_is_sent_after_signing_in_again(app: RunningApp, late: Surfer) -> None:
    path = f"/-/links/{link_id(app, late)}/edit/where"
    form = {"destination": "https://new.example/", "title": HOSTILE, "ending": "spring"}
    asked = late.send(path, form)
    assert asked.status_code == 403
    kept = hidden(asked.text)
    wrong = late.send("/-/login", {**kept, "name": "ann", **derived("password", "another one")})
    assert wrong.status_code == 422
    assert hidden(wrong.text) == kept, "a slip costs nothing"
    signed_in = late.send("/-/login", {**kept, "name": "ann", **derived("password", PASSWORD)})
    assert signed_in.status_code == 200
    assert f'action="{path}"' in signed_in.text
    assert hidden(signed_in.text) == form
    assert "<script>alert" not in signed_in.text
    sent = late.send(path, hidden(signed_in.text))
    assert sent.status_code == 303
    assert "https://new.example/" in late.follow(sent).text


def test_no_password_is_kept(app: RunningApp, late: Surfer) -> None:
    path = f"/-/links/{link_id(app, late)}/edit/who"
    asked = late.send(path, {"password": "Sesame 1", "password_new": "Sesame 2", "hint": "none"})
    assert "Sesame" not in asked.text
    assert parse_qsl(hidden(asked.text)["kept"]) == [("hint", "none")]


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/-/links/1/edit/where", urlencode({"title": "x" * 20_000}), "x-www-form-urlencoded"),
        ("/-/links/1/edit/where", "&".join("a=b" for _ in range(201)), "x-www-form-urlencoded"),
        ("/-/links/1/edit/where", b"title=\xff", "x-www-form-urlencoded"),
        ("/-/links/1/edit/where", "title=x", "json"),
    ],
    ids=["long", "many fields", "no text", "no form"],
)
def test_what_cannot_be_kept_is_asked_for_anew(
    late: Surfer, path: str, body: bytes | str, kind: str
) -> None:
    answer = late.send(path, content=body, headers={"content-type": f"application/{kind}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/-/login")


@pytest.mark.parametrize(
    "action",
    ["https://evil.example/", "//evil.example/", "/-/logout", "/spring", "javascript:alert(1)", ""],
)
def test_nothing_else_is_sent(late: Surfer, action: str) -> None:
    form = {"kept_action": action, "kept": "a=b", "name": "ann", **derived("password", PASSWORD)}
    answer = late.send("/-/login", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/-/dashboard")


def test_pages_tell_how_long_a_login_lasts(app: RunningApp, ann: Surfer) -> None:
    app.clock.advance(30 * 86_400 - 150)
    page = ann.get("/-/dashboard").text
    [left] = re.findall(r'data-left="(\d+)"', page)
    assert int(left) == 150_000
