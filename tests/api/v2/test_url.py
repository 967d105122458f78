"""The call `url`: what an entry is made of, where it goes, and what it replaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd.clock import SECOND
from shortd.ids import base62_encode
from shortd.models.common import NEVER
from shortd.store.check import faults
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import check_entry, everything
from tests.api.v2.people import DESTINATION, Person, path_of, temporary
from tests.conftest import GENEROUS

HOSTS = {
    "SHORTD_PUBLIC_URL": "https://ww7.example",
    "SHORTD_HOSTS": "https://s.example, http://lan.example:8081",
}


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[RunningApp]:
    """An app with three short hosts."""
    with open_app(tmp_path / "hosts", environ={**GENEROUS, **HOSTS}) as app:
        yield app


def test_defaults_of_an_entry(guest: Person) -> None:
    entry = guest.shorten()
    check_entry(entry)
    assert entry == {
        "count": 0,
        "count_qr": 0,
        "enabled": True,
        "encryption": 0,
        "expiration_count": 0,
        "expiration_utime": NEVER,
        "filekey": "",
        "filesize": -1,
        "filetype": "",
        "id": entry["id"],
        "order": 0,
        "shorturl": f"http://127.0.0.1:8080/{base62_encode(entry['id'])}",
        "signature": "",
        "tag": 0,
        "url": DESTINATION,
        "userid": guest.userid,
        "utime": guest.app.clock.now(),
    }


def test_the_redirect(app: RunningApp, guest: Person) -> None:
    entry = guest.shorten("https://example.com/a?b=c&d=%20#e")
    response = app.get(path_of(entry))
    assert response.status_code == 302
    assert response.headers["location"] == "https://example.com/a?b=c&d=%20#e"


def test_codes_are_drawn(guest: Person) -> None:
    entries = [guest.shorten() for _ in range(20)]
    assert len({entry["id"] for entry in entries}) == 20
    for entry in entries:
        assert path_of(entry) == "/" + base62_encode(entry["id"])


def test_everything_given_is_kept(guest: Person) -> None:
    given: dict[str, Any] = {
        "tag": -(2**63),
        "expiration_utime": 2**63 - 1,
        "expiration_count": 2**63 - 1,
    }
    entry = guest.shorten(**given)
    assert {key: entry[key] for key in given} == given
    assert guest.entry(entry["shorturl"]) == entry


@pytest.mark.parametrize("field", ["host", "code", "shorturl", "qr"])
def test_null_is_absent(guest: Person, field: str) -> None:
    absent: dict[str, Any] = {field: None}
    entry = guest.shorten(**absent)
    check_entry(entry)
    assert entry["shorturl"].endswith(base62_encode(entry["id"]))


class TestDestination:
    def test_white_space_around_is_dropped(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten("  https://example.com/ \n")
        assert entry["url"] == "https://example.com/"
        assert app.get(path_of(entry)).headers["location"] == "https://example.com/"

    def test_other_scripts_are_shown_as_given_and_sent_in_ascii(
        self, app: RunningApp, guest: Person
    ) -> None:
        entry = guest.shorten("https://bücher.example/ä?ö")
        assert entry["url"] == "https://bücher.example/ä?ö"
        location = app.get(path_of(entry)).headers["location"]
        assert location == "https://xn--bcher-kva.example/%C3%A4?%C3%B6"

    def test_8192_bytes_and_no_more(self, guest: Person) -> None:
        longest = "https://example.com/".ljust(8192, "x")
        assert guest.shorten(longest)["url"] == longest
        error = guest.refused("url", url=longest + "x")
        assert (error["code"], error["field"]) == ("invalid_url", "url")
        # Bytes, not characters.
        assert guest.refused("url", url="https://example.com/" + "ä" * 4087)["field"] == "url"

    @pytest.mark.parametrize(
        "url",
        [
            "",
            " ",
            "example.com",
            "//example.com/",
            "/path",
            "ftp://example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "https:///path",
            "https://exa mple.com/",
            "https://example.com/a b",
            "https://example.com/a\tb",
            "https://example.com/\r\nSet-Cookie: a=b",
            "https://example.com/\0",
            "https://example.com/\x7f",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com:99999/",
            "https://[::1/",
        ],
    )
    def test_refused(self, guest: Person, url: str) -> None:
        before = everything(guest.app)
        error = guest.refused("url", url=url)
        assert error["http_status"] == 400
        assert error["code"] in ("invalid_url", "invalid_field")
        assert error["field"] == "url"
        assert everything(guest.app) == before

    @pytest.mark.parametrize(
        "url",
        [
            "https://ww7.example/abcdef",
            "http://ww7.example/",
            "https://WW7.EXAMPLE./abcdef",
            "https://s.example/abcdef",
            "http://lan.example:8081/x",
        ],
    )
    def test_own_hosts_are_loops(self, hosts: RunningApp, url: str) -> None:
        error = temporary(hosts).refused("url", url=url)
        assert (error["http_status"], error["code"], error["field"]) == (400, "url_loops", "url")

    def test_another_port_of_an_own_host_is_no_loop(self, hosts: RunningApp) -> None:
        assert temporary(hosts).shorten("http://lan.example:9000/")["url"]


class TestExpiry:
    def test_the_moment_of_expiry(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten(expiration_utime=app.clock.now() + 10 * SECOND)
        app.clock.advance(10 - 1e-6)
        assert app.get(path_of(entry)).status_code == 302
        app.clock.advance(1e-6)
        assert app.get(path_of(entry)).status_code == 410

    @pytest.mark.parametrize("moment", [0, -1, -(2**63), 1])
    def test_the_past_is_accepted_and_gone_at_once(
        self, app: RunningApp, guest: Person, moment: int
    ) -> None:
        entry = guest.shorten(expiration_utime=moment)
        assert entry["expiration_utime"] == moment
        assert app.get(path_of(entry)).status_code == 410

    @pytest.mark.parametrize("limit", [1, 3])
    def test_clicks(self, app: RunningApp, guest: Person, limit: int) -> None:
        entry = guest.shorten(expiration_count=limit)
        for _ in range(limit):
            assert app.get(path_of(entry)).status_code == 302
        for _ in range(2):
            assert app.get(path_of(entry)).status_code == 410
        assert guest.entry(entry["shorturl"])["count"] == limit

    def test_expired_entries_are_still_their_owners(self, guest: Person) -> None:
        entry = guest.shorten(expiration_utime=0)
        assert guest.entry(entry["shorturl"]) == entry
        assert guest.entries() == [entry]


class TestCode:
    @pytest.mark.parametrize("code", ["abcdef", "ABCDEF0123456789", "Zz9Zz9"])
    def test_own(self, app: RunningApp, guest: Person, code: str) -> None:
        entry = guest.shorten(code=code)
        assert path_of(entry) == f"/{code}"
        assert app.get(f"/{code}").status_code == 302

    def test_an_own_code_gets_a_free_id(self, guest: Person) -> None:
        entry = guest.shorten(code="AAAAAA")
        assert 0 <= entry["id"] < 62**6
        assert entry["id"] != 0

    def test_case_matters(self, app: RunningApp, guest: Person, stranger: Person) -> None:
        guest.shorten(code="abcdef", url="https://example.com/lower")
        stranger.shorten(code="ABCDEF", url="https://example.com/upper")
        assert app.get("/abcdef").headers["location"] == "https://example.com/lower"
        assert app.get("/ABCDEF").headers["location"] == "https://example.com/upper"

    @pytest.mark.parametrize(
        "code",
        ["", "abcde", "a" * 17, "abc-def", "abc_def", "abcdeé", "abcde ", "abcdef\n", "../../x"],
    )
    def test_refused(self, guest: Person, code: str) -> None:
        error = guest.refused("url", url=DESTINATION, code=code)
        assert error["http_status"] == 400
        assert error["field"] == "code"
        assert guest.entries() == []

    def test_taken_by_another_account(self, guest: Person, stranger: Person) -> None:
        guest.shorten(code="fanciest")
        before = everything(guest.app)
        error = stranger.refused("url", url=DESTINATION, code="fanciest")
        assert (error["http_status"], error["code"]) == (409, "code_taken")
        assert error["field"] == "code"
        assert everything(guest.app) == before

    @pytest.mark.parametrize("end", ["disabled", "expired", "clicked"])
    def test_taken_also_by_a_link_that_no_longer_answers(
        self, app: RunningApp, guest: Person, stranger: Person, end: str
    ) -> None:
        entry = guest.shorten(
            code="fanciest", expiration_count=1, expiration_utime=0 if end == "expired" else NEVER
        )
        if end == "disabled":
            guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        app.get("/fanciest")
        assert app.get("/fanciest").status_code in (404, 410)
        error = stranger.refused("url", url=DESTINATION, code="fanciest")
        assert error["code"] == "code_taken"


class TestReplace:
    def test_a_new_entry_takes_the_code(self, app: RunningApp, guest: Person) -> None:
        old = guest.shorten(code="fanciest", tag=7, expiration_count=9, expiration_utime=2**60)
        app.get("/fanciest")
        app.clock.advance(1)
        new = guest.shorten("https://example.org/", code="fanciest")
        assert new["shorturl"] == old["shorturl"]
        assert new["id"] != old["id"]
        assert new["utime"] == app.clock.now() > old["utime"]
        assert (new["count"], new["tag"]) == (0, 0)
        assert (new["expiration_count"], new["expiration_utime"]) == (0, NEVER)
        assert guest.entries() == [{**new, "order": 0}]
        assert app.get("/fanciest").headers["location"] == "https://example.org/"

    @pytest.mark.parametrize("drained", ["before", "after"])
    def test_clicks_are_not_inherited(self, app: RunningApp, guest: Person, drained: str) -> None:
        guest.shorten(code="fanciest", expiration_count=2)
        app.get("/fanciest")
        app.get("/fanciest.svg")
        if drained == "before":
            app.drain()
        entry = guest.shorten(code="fanciest", expiration_count=2)
        app.drain()
        shown = guest.entry(entry["shorturl"])
        assert (shown["count"], shown["count_qr"]) == (0, 0)
        assert [app.get("/fanciest").status_code for _ in range(3)] == [302, 302, 410]
        app.drain()
        with app.services.store.read() as txn:
            assert list(faults(txn)) == []

    def test_a_disabled_entry_is_replaced_by_an_enabled_one(
        self, app: RunningApp, guest: Person
    ) -> None:
        entry = guest.shorten(code="fanciest")
        guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        assert guest.shorten(code="fanciest")["enabled"] is True
        assert app.get("/fanciest").status_code == 302

    def test_by_its_drawn_code(self, guest: Person) -> None:
        old = guest.shorten()
        new = guest.shorten("https://example.org/", code=path_of(old)[1:])
        assert new["shorturl"] == old["shorturl"]
        assert new["id"] != old["id"]
        assert len(guest.entries()) == 1

    def test_by_shorturl(self, guest: Person) -> None:
        old = guest.shorten()
        new = guest.shorten("https://example.org/", shorturl=old["shorturl"])
        assert new["shorturl"] == old["shorturl"]
        assert [entry["id"] for entry in guest.entries()] == [new["id"]]

    def test_a_refused_call_replaces_nothing(self, guest: Person) -> None:
        guest.shorten(code="fanciest")
        before = everything(guest.app)
        guest.refused("url", url="nonsense", code="fanciest")
        assert everything(guest.app) == before


class TestHost:
    @pytest.mark.parametrize(
        ("host", "base"),
        [
            ("s.example", "https://s.example"),
            ("S.Example", "https://s.example"),
            ("https://s.example", "https://s.example"),
            ("https://s.example/", "https://s.example"),
            ("lan.example:8081", "http://lan.example:8081"),
            ("ww7.example", "https://ww7.example"),
            (None, "https://ww7.example"),
        ],
    )
    def test_the_entry_is_on_it(self, hosts: RunningApp, host: str | None, base: str) -> None:
        entry = temporary(hosts).shorten(host=host, code="abcdef")
        assert entry["shorturl"] == f"{base}/abcdef"

    @pytest.mark.parametrize(
        "host", ["other.example", "lan.example", "lan.example:8082", "s.example/x", "\0", "s", "::"]
    )
    def test_unknown(self, hosts: RunningApp, host: str) -> None:
        error = temporary(hosts).refused("url", url=DESTINATION, host=host)
        assert error["http_status"] == 400
        assert (error["code"], error["field"]) == ("unknown_host", "host")

    def test_one_code_on_two_hosts_is_two_entries(self, hosts: RunningApp) -> None:
        guest, stranger = temporary(hosts), temporary(hosts)
        one = guest.shorten("https://example.com/1", host="ww7.example", code="abcdef")
        two = stranger.shorten("https://example.com/2", host="s.example", code="abcdef")
        assert hosts.get(one["shorturl"]).headers["location"] == "https://example.com/1"
        assert hosts.get(two["shorturl"]).headers["location"] == "https://example.com/2"
        # Nothing is replaced across hosts, and nothing taken.
        guest.shorten("https://example.com/3", host="lan.example:8081", code="abcdef")
        assert hosts.get(one["shorturl"]).headers["location"] == "https://example.com/1"
        assert len(guest.entries()) == 2

    def test_the_host_header_chooses(self, hosts: RunningApp) -> None:
        guest = temporary(hosts)
        guest.shorten("https://example.com/1", host="ww7.example", code="abcdef")
        guest.shorten("https://example.com/2", host="s.example", code="abcdef")
        guest.shorten("https://example.com/3", host="lan.example:8081", code="abcdef")

        def location(host: str) -> str:
            header: str = hosts.get("/abcdef", headers={"host": host}).headers["location"]
            return header

        assert location("s.example") == "https://example.com/2"
        assert location("S.EXAMPLE:443") == "https://example.com/2"
        assert location("lan.example:8081") == "https://example.com/3"
        # Proxies drop ports.
        assert location("lan.example") == "https://example.com/3"
        assert location("ww7.example") == "https://example.com/1"
        # Any other name means the default host: an IP address, a typo, none at all.
        for other in (
            "192.0.2.1",
            "other.example",
            "",
            ":",
            "[::1]:x",
            "s.example/",
        ):
            assert location(other) == "https://example.com/1"

    def test_a_code_of_one_host_is_unknown_on_the_others(self, hosts: RunningApp) -> None:
        guest = temporary(hosts)
        guest.shorten(host="s.example", code="abcdef")
        assert hosts.get("/abcdef", headers={"host": "ww7.example"}).status_code == 404

    def test_short_urls_never_come_from_the_host_header(self, hosts: RunningApp) -> None:
        userid = temporary(hosts).userid
        response = hosts.post(
            "url", {"userid": userid, "url": DESTINATION}, headers={"host": "evil.example"}
        )
        assert response.json()["output"]["entry"]["shorturl"].startswith("https://ww7.example/")


class TestShorturl:
    @pytest.mark.parametrize(
        "shorturl",
        [
            "https://s.example/abcdef",
            "http://s.example/abcdef",
            "s.example/abcdef",
            " S.EXAMPLE/abcdef ",
        ],
    )
    def test_names_the_place(self, hosts: RunningApp, shorturl: str) -> None:
        entry = temporary(hosts).shorten(shorturl=shorturl)
        assert entry["shorturl"] == "https://s.example/abcdef"

    def test_host_and_code_are_ignored_beside_it(self, hosts: RunningApp) -> None:
        entry = temporary(hosts).shorten(
            shorturl="https://s.example/abcdef", host="nowhere.example", code="zyxwvu"
        )
        assert entry["shorturl"] == "https://s.example/abcdef"

    @pytest.mark.parametrize(
        ("shorturl", "code"),
        [
            ("https://other.example/abcdef", "unknown_host"),
            ("abcdef", "unknown_host"),
            ("/abcdef", "unknown_host"),
            ("https://s.example/", "invalid_code"),
            ("https://s.example", "invalid_code"),
            ("https://s.example/abcde", "invalid_code"),
            ("https://s.example/abc_def", "invalid_code"),
            ("https://s.example/abcdef/x", "invalid_code"),
            ("https://s.example/?abcdef", "invalid_code"),
            ("https://s.example/abcdef\0x", "invalid_code"),
            ("https://s.example/v2/url", "invalid_code"),
        ],
    )
    def test_refused(self, hosts: RunningApp, shorturl: str, code: str) -> None:
        error = temporary(hosts).refused("url", url=DESTINATION, shorturl=shorturl)
        assert error["http_status"] == 400
        assert (error["code"], error["field"]) == (code, "shorturl")

    def test_taken_by_another_account(self, hosts: RunningApp) -> None:
        temporary(hosts).shorten(shorturl="s.example/abcdef")
        error = temporary(hosts).refused("url", url=DESTINATION, shorturl="s.example/abcdef")
        assert (error["http_status"], error["code"]) == (409, "code_taken")


class TestQr:
    @pytest.mark.parametrize("qr", [False, None])
    def test_none(self, guest: Person, qr: object) -> None:
        check_entry(guest.shorten(qr=qr))

    def test_true_means_the_defaults(self, guest: Person) -> None:
        entry = guest.shorten(code="abcdef", qr=True)
        check_entry(entry, qrcode=True)
        assert entry["qrcode"].keys() == {"format", "image", "encoding"}
        assert (entry["qrcode"]["format"], entry["qrcode"]["encoding"]) == ("svg", "utf-8")
        assert entry["qrcode"]["image"].startswith("<svg")
        spelled_out = {
            "format": "svg",
            "border": 3,
            "fg": "#000000",
            "bg": "#ffffff",
            "level": "M",
        }
        for same in ({}, spelled_out, {"level": "m"}, {"track": False}):
            assert guest.entry(entry["shorturl"], qr=same)["qrcode"] == entry["qrcode"]

    def test_png(self, guest: Person) -> None:
        qrcode = guest.shorten(qr={"format": "png"})["qrcode"]
        assert (qrcode["format"], qrcode["encoding"]) == ("png", "base64")
        assert re.fullmatch(r"iVBORw0KGgo[A-Za-z0-9+/]+=*", qrcode["image"])

    @pytest.mark.parametrize(
        "options",
        [
            {"border": 0},
            {"fg": "#4444aa"},
            {"bg": "#ffffff00"},
            {"level": "H"},
            {"track": True},
            {"format": "png"},
        ],
    )
    def test_every_option_shows(self, guest: Person, options: dict[str, Any]) -> None:
        entry = guest.shorten(qr={})
        other = guest.entry(entry["shorturl"], qr=options)["qrcode"]
        assert other["image"] != entry["qrcode"]["image"]

    @pytest.mark.parametrize(
        ("qr", "field"),
        [
            (5, "qr"),
            ("svg", "qr"),
            ([], "qr"),
            ({"format": "gif"}, "qr.format"),
            ({"format": None}, "qr.format"),
            ({"border": -1}, "qr.border"),
            ({"border": 10**6}, "qr.border"),
            ({"border": "3"}, "qr.border"),
            ({"fg": "black"}, "qr.fg"),
            ({"fg": "#fff"}, "qr.fg"),
            ({"bg": "#ffffff\n"}, "qr.bg"),
            ({"bg": "#ffffff0"}, "qr.bg"),
            ({"level": "X"}, "qr.level"),
            ({"track": 1}, "qr.track"),
        ],
    )
    def test_refused(self, guest: Person, qr: object, field: str) -> None:
        before = everything(guest.app)
        error = guest.refused("url", url=DESTINATION, qr=qr)
        assert (error["http_status"], error["code"]) == (400, "invalid_field")
        assert error["field"] == field
        assert everything(guest.app) == before
