"""`set_terms`, and the same terms in the calls that make an entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd.clock import DAY, SECOND
from shortd.models.common import NEVER
from shortd.testing import RunningApp, open_app
from tests.api.v2.people import Person, path_of, registered
from tests.sharing.sharing import sharer

TARGET = "https://example.com/"
PLAIN: dict[str, Any] = {
    "tag": 0,
    "enabled": True,
    "valid_since": 0,
    "expiration_utime": NEVER,
    "date_fallback": "",
    "expiration_count": 0,
    "count_fallback": "",
    "counts_unique": False,
    "unique_minutes": 0,
    "password": False,
    "utm_source": "",
    "utm_medium": "",
    "utm_campaign": "",
    "utm_term": "",
    "utm_content": "",
    "title": "",
    "tags": [],
    "archived": False,
    "forward_query": "server",
    "robots": None,
    "note": "",
}
OTHER: dict[str, Any] = {
    "tag": -5,
    "enabled": False,
    "valid_since": 1_800_000_000 * SECOND,
    "expiration_utime": 1_900_000_000 * SECOND,
    "date_fallback": "https://example.com/over",
    "expiration_count": 7,
    "count_fallback": "https://example.com/used-up",
    "counts_unique": True,
    "unique_minutes": 60,
    "password": "Sesam",
    "utm_source": "mail",
    "utm_medium": "text",
    "utm_campaign": "spring",
    "utm_term": "shoes",
    "utm_content": "top",
    "title": "A title",
    "tags": ["print", "two words", "a, b"],
    "archived": True,
    "forward_query": "link",
    "robots": True,
    "note": "For the flyer.\nSecond edition",
}
SHOWN = OTHER | {"password": True}


@pytest.fixture
def owner(app: RunningApp) -> Iterator[Person]:
    yield registered(app, "owner")


def terms(owner: Person, shorturl: str, **changes: Any) -> dict[str, Any]:
    output = owner.call("set_terms", shorturl=shorturl, **changes)
    shown: dict[str, Any] = output["terms"]
    return shown


def test_without_any_it_tells_all_and_changes_nothing(owner: Person) -> None:
    entry = owner.shorten(url=TARGET)
    before = owner.call("get_entry", shorturl=entry["shorturl"])
    assert terms(owner, entry["shorturl"]) == PLAIN
    assert owner.call("get_entry", shorturl=entry["shorturl"]) == before


@pytest.mark.parametrize("name", OTHER)
def test_each_is_set_by_itself_and_taken_back(owner: Person, name: str) -> None:
    shorturl = owner.shorten(url=TARGET)["shorturl"]
    assert terms(owner, shorturl, **{name: OTHER[name]}) == PLAIN | {name: SHOWN[name]}
    back = "" if name == "password" else PLAIN[name]
    assert terms(owner, shorturl, **{name: back}) == PLAIN


def test_all_of_them_at_once(owner: Person) -> None:
    shorturl = owner.shorten(url=TARGET)["shorturl"]
    output = owner.call("set_terms", shorturl=shorturl, url="https://example.org/", **OTHER)
    assert output["terms"] == SHOWN
    assert (output["entry"]["url"], output["entry"]["tag"]) == ("https://example.org/", -5)


@pytest.mark.parametrize("name", [name for name in OTHER if name != "enabled"])
def test_each_can_be_given_to_a_new_entry(owner: Person, name: str) -> None:
    made = owner.shorten(url=TARGET, **{name: OTHER[name]})
    several = owner.call("urls", urls=[TARGET], **{name: OTHER[name]})["entries"]
    for entry in (made, *several):
        assert terms(owner, entry["shorturl"]) == PLAIN | {name: SHOWN[name]}


def test_a_file_can_have_them_too(app: RunningApp) -> None:
    since = app.clock.now() + DAY
    somebody = sharer(app)
    whole = somebody.share(b"abc", valid_since=since)
    filekey = somebody.begin(3)
    somebody.send_part(filekey, 0, b"abc")
    for entry in (whole, somebody.finish(filekey, valid_since=since)):
        assert terms(somebody, entry["shorturl"])["valid_since"] == since
        assert app.get(path_of(entry)).status_code == 404
    app.clock.advance(24 * 3600)
    assert app.get(path_of(whole)).status_code == 302
    assert app.get(path_of(entry)).status_code == 302


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("valid_since", -1, "valid_since"),
        ("valid_since", 2**63, "valid_since"),
        ("valid_since", "1800000000000000.0", "valid_since"),
        ("valid_since", None, "valid_since"),
        ("url", "ftp://example.com/", "url"),
        ("date_fallback", "javascript:alert(1)", "date_fallback"),
        ("count_fallback", "http://127.0.0.1:8080/x", "count_fallback"),
        ("unique_minutes", 525_601, "unique_minutes"),
        ("title", "a\x00b", "title"),
        ("title", "x" * 513, "title"),
        ("tags", ["one", "two\x1b"], "tags"),
        ("tags", ["x"] * 51, "tags"),
        ("tags", [""], "tags[0]"),
        ("utm_source", "é" * 129, "utm_source"),
        ("password", "x" * 257, "password"),
        ("expiration_count", -1, "expiration_count"),
    ],
)
def test_a_wrong_one_changes_nothing(owner: Person, name: str, value: Any, field: str) -> None:
    entry = owner.shorten(url=TARGET)
    refusal = owner.refused(
        "set_terms", shorturl=entry["shorturl"], **{"archived": True, name: value}
    )
    assert (refusal["http_status"], refusal["field"]) == (400, field)
    assert terms(owner, entry["shorturl"]) == PLAIN


def test_a_file_has_no_destination(app: RunningApp) -> None:
    somebody = sharer(app)
    entry = somebody.share(b"abc")
    refusal = somebody.refused("set_terms", shorturl=entry["shorturl"], url=TARGET)
    assert (refusal["code"], refusal["field"]) == ("invalid_field", "url")


def test_somebody_elses_entry_is_none(owner: Person, app: RunningApp) -> None:
    shorturl = owner.shorten(url=TARGET)["shorturl"]
    stranger = registered(app, "stranger")
    for changes in ({}, {"title": "mine"}):
        assert stranger.refused("set_terms", shorturl=shorturl, **changes)["code"] == (
            "entry_not_found"
        )


class TestValidSince:
    def test_before_it_the_link_is_missing(self, owner: Person, app: RunningApp) -> None:
        """Its preview and its QR image too; from that moment on all of them are there."""
        since = app.clock.now() + DAY
        entry = owner.shorten(url=TARGET, valid_since=since)
        path = path_of(entry)
        paths = (path, f"{path}+", f"{path}.svg", f"{path}.png")
        missing = app.get("/missing")
        for one in paths:
            answer = app.get(one)
            assert (answer.status_code, answer.content) == (404, missing.content)
        app.clock.utime = since - 1
        assert app.get(path).status_code == 404
        app.clock.utime = since
        assert [app.get(one).status_code for one in paths] == [302, 200, 200, 200]

    def test_explain_tells_it(self, owner: Person, app: RunningApp) -> None:
        since = app.clock.now() + DAY
        shorturl = owner.shorten(url=TARGET, valid_since=since)["shorturl"]
        now = owner.call("explain", shorturl=shorturl)
        assert (now["outcome"], now["steps"][-1]) == (
            "not_found",
            {"question": "has its time begun", "answer": "no"},
        )
        later = owner.call("explain", shorturl=shorturl, visitor={"utime": since})
        assert later["outcome"] == "redirect"
        assert {"question": "has its time begun", "answer": "yes"} in later["steps"]

    def test_it_survives_a_restart(self, tmp_path: Path) -> None:
        with open_app(tmp_path) as app:
            owner = registered(app, "owner")
            since = app.clock.now() + DAY
            entry = owner.shorten(url=TARGET, valid_since=since)
        with open_app(tmp_path) as app:
            path = path_of(entry)
            assert app.get(path).status_code == 404
            app.clock.utime = since
            assert app.get(path).status_code == 302
