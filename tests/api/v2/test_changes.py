"""The calls that change an entry: change_shorturl, set_*, delete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.store.check import faults
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import everything
from tests.api.v2.people import DESTINATION, Person, path_of, temporary
from tests.conftest import GENEROUS

BASE = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def consistent(app: RunningApp) -> Iterator[None]:
    """Whatever a test changed, afterwards the stored rows agree with each other."""
    yield
    app.drain()
    with app.services.store.read() as txn:
        assert list(faults(txn)) == []


def status(app: RunningApp, path: str) -> int:
    code: int = app.get(path).status_code
    return code


class TestChangeShorturl:
    def test_keeps_the_entry_and_moves_it(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten(tag=4, expiration_count=9, expiration_utime=2**60)
        app.get(path_of(entry))
        app.get(path_of(entry) + ".svg")
        app.drain()
        app.get(path_of(entry))
        before = guest.entry(entry["shorturl"])
        output = guest.call(
            "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=f"{BASE}/fanciest"
        )
        assert output == {}
        # The same id, counts, creation time, everything.
        assert guest.entry(f"{BASE}/fanciest") == {**before, "shorturl": f"{BASE}/fanciest"}
        assert (before["count"], before["count_qr"]) == (2, 1)
        assert guest.refused("get_entry", shorturl=entry["shorturl"])["code"] == "entry_not_found"

    def test_the_old_address_stops_at_once(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        guest.call(
            "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=f"{BASE}/fanciest"
        )
        assert status(app, path_of(entry)) == 404
        assert status(app, "/fanciest") == 302

    def test_the_old_address_is_free_again(
        self, app: RunningApp, guest: Person, stranger: Person
    ) -> None:
        guest.shorten(code="abcdef")
        guest.call(
            "change_shorturl", shorturl_old=f"{BASE}/abcdef", shorturl_new=f"{BASE}/fanciest"
        )
        stranger.shorten("https://example.org/", code="abcdef")
        assert app.get("/abcdef").headers["location"] == "https://example.org/"
        assert app.get("/fanciest").headers["location"] == DESTINATION

    def test_click_limits_go_on_where_they_were(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten(expiration_count=3)
        app.get(path_of(entry))
        guest.call(
            "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=f"{BASE}/fanciest"
        )
        assert [status(app, "/fanciest") for _ in range(3)] == [302, 302, 410]

    def test_a_disabled_entry_stays_disabled(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        guest.call(
            "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=f"{BASE}/fanciest"
        )
        assert status(app, "/fanciest") == 404

    def test_onto_an_existing_code(self, guest: Person, stranger: Person) -> None:
        """Its own present code too: any existing code is taken."""
        entry = guest.shorten()
        own = guest.shorten(code="ownone")
        theirs = stranger.shorten(code="theirs")
        before = everything(guest.app)
        for taken in (own, theirs, entry):
            error = guest.refused(
                "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=taken["shorturl"]
            )
            assert (error["http_status"], error["code"]) == (409, "code_taken")
            assert error["field"] == "shorturl_new"
        assert everything(guest.app) == before

    def test_a_missing_entry_is_told_before_a_taken_code(
        self, guest: Person, stranger: Person
    ) -> None:
        taken = stranger.shorten()
        error = guest.refused(
            "change_shorturl", shorturl_old=f"{BASE}/nobody", shorturl_new=taken["shorturl"]
        )
        assert (error["http_status"], error["code"]) == (404, "entry_not_found")
        assert error["field"] == "shorturl_old"

    @pytest.mark.parametrize(
        ("shorturl", "code"),
        [
            (f"{BASE}/short", "invalid_code"),
            (f"{BASE}/" + "x" * 17, "invalid_code"),
            (f"{BASE}/with-dash", "invalid_code"),
            (f"{BASE}/", "invalid_code"),
            (f"{BASE}/abcdef/x", "invalid_code"),
            ("https://other.example/fanciest", "unknown_host"),
            ("fanciest", "unknown_host"),
        ],
    )
    def test_a_new_address_that_cannot_be(self, guest: Person, shorturl: str, code: str) -> None:
        entry = guest.shorten()
        before = everything(guest.app)
        error = guest.refused(
            "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new=shorturl
        )
        assert error["http_status"] == 400
        assert (error["code"], error["field"]) == (code, "shorturl_new")
        assert everything(guest.app) == before

    def test_to_another_host(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_HOSTS": "https://s.example"}
        with open_app(tmp_path / "hosts", environ=environ) as app:
            guest = temporary(app)
            entry = guest.shorten(code="abcdef")
            guest.call(
                "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new="s.example/abcdef"
            )
            assert guest.entry("s.example/abcdef")["id"] == entry["id"]
            assert app.get("https://s.example/abcdef").status_code == 302
            assert app.get(entry["shorturl"]).status_code == 404


class TestSetEnabled:
    def test_off_and_on(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        path = path_of(entry)
        app.get(path)
        for _ in range(2):
            assert guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False) == {}
            for suffix in ("", "+", ".svg", ".png"):
                assert status(app, path + suffix) == 404
        assert guest.call("set_enabled", shorturl=entry["shorturl"], enabled=True) == {}
        assert status(app, path) == 302
        # The refused visits were no clicks.
        assert guest.entry(entry["shorturl"]) == {**entry, "count": 2}

    def test_a_disabled_link_looks_like_none(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten(expiration_utime=0)
        assert status(app, path_of(entry)) == 410
        guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        assert app.get(path_of(entry)).content == app.get("/nobody").content

    @pytest.mark.parametrize("value", [0, 1, "true", None])
    def test_only_a_boolean(self, guest: Person, value: object) -> None:
        entry = guest.shorten()
        error = guest.refused("set_enabled", shorturl=entry["shorturl"], enabled=value)
        assert (error["http_status"], error["field"]) == (400, "enabled")


class TestSetTag:
    @pytest.mark.parametrize("tag", [0, 1, -1, 2**63 - 1, -(2**63)])
    def test_changes_only_the_tag(self, app: RunningApp, guest: Person, tag: int) -> None:
        entry = guest.shorten(tag=77, expiration_count=5)
        app.get(path_of(entry))
        assert guest.call("set_tag", shorturl=entry["shorturl"], tag=tag) == {}
        assert guest.entry(entry["shorturl"]) == {**entry, "tag": tag, "count": 1}
        assert [found["id"] for found in guest.entries(tag=tag)] == [entry["id"]]
        assert guest.entries(tag=77) == []

    @pytest.mark.parametrize("tag", [2**63, -(2**63) - 1, 1.5])
    def test_only_64_bits(self, guest: Person, tag: float) -> None:
        entry = guest.shorten()
        assert guest.refused("set_tag", shorturl=entry["shorturl"], tag=tag)["field"] == "tag"


class TestSetExpirationCount:
    def test_sets_the_total(self, app: RunningApp, guest: Person) -> None:
        """Redirects already made count."""
        entry = guest.shorten()
        for _ in range(3):
            app.get(path_of(entry))
        assert (
            guest.call("set_expiration_count", shorturl=entry["shorturl"], expiration_count=5) == {}
        )
        assert guest.entry(entry["shorturl"]) == {**entry, "expiration_count": 5, "count": 3}
        assert [status(app, path_of(entry)) for _ in range(3)] == [302, 302, 410]

    @pytest.mark.parametrize("limit", [1, 2])
    def test_below_what_was_clicked_already(
        self, app: RunningApp, guest: Person, limit: int
    ) -> None:
        entry = guest.shorten()
        for _ in range(2):
            app.get(path_of(entry))
        guest.call("set_expiration_count", shorturl=entry["shorturl"], expiration_count=limit)
        assert status(app, path_of(entry)) == 410

    @pytest.mark.parametrize("limit", [0, 2**63 - 1, 3])
    def test_raised_or_lifted(self, app: RunningApp, guest: Person, limit: int) -> None:
        entry = guest.shorten(expiration_count=1)
        assert [status(app, path_of(entry)) for _ in range(2)] == [302, 410]
        guest.call("set_expiration_count", shorturl=entry["shorturl"], expiration_count=limit)
        assert [status(app, path_of(entry)) for _ in range(2)] == [302, 302]

    def test_not_below_zero(self, guest: Person) -> None:
        entry = guest.shorten()
        error = guest.refused(
            "set_expiration_count", shorturl=entry["shorturl"], expiration_count=-1
        )
        assert (error["http_status"], error["field"]) == (400, "expiration_count")


class TestDelete:
    def test_the_entry_is_gone(self, app: RunningApp, guest: Person) -> None:
        kept, entry = guest.shorten(), guest.shorten()
        app.get(path_of(entry))
        app.drain()
        app.get(path_of(entry))
        assert guest.call("delete", shorturl=entry["shorturl"]) == {}
        for suffix in ("", "+", ".svg", ".png"):
            assert status(app, path_of(entry) + suffix) == 404
        assert guest.refused("get_entry", shorturl=entry["shorturl"])["http_status"] == 404
        assert guest.refused("delete", shorturl=entry["shorturl"])["http_status"] == 404
        assert guest.entries() == [kept]

    def test_its_code_is_free_at_once_and_its_clicks_are_gone(
        self, app: RunningApp, guest: Person, stranger: Person
    ) -> None:
        guest.shorten(code="abcdef")
        app.get("/abcdef")
        guest.call("delete", shorturl=f"{BASE}/abcdef")
        entry = stranger.shorten(code="abcdef")
        app.drain()
        assert stranger.entry(f"{BASE}/abcdef") == entry
        assert entry["count"] == 0

    def test_nothing_of_it_stays_in_the_tables(self, app: RunningApp, guest: Person) -> None:
        clean = {name: rows for name, rows in everything(app).items() if name != "positions"}
        entry = guest.shorten()
        app.get(path_of(entry))
        app.drain()
        guest.call("delete", shorturl=entry["shorturl"])
        after = everything(app)
        for name in ("links", "counts", "day_stats", "visits"):
            assert after[name] == clean[name] == []

    def test_a_disabled_or_expired_entry(self, guest: Person) -> None:
        entry = guest.shorten(expiration_utime=0)
        guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        guest.call("delete", shorturl=entry["shorturl"])
        assert guest.entries() == []
