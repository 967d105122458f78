"""`stats` and `ips`: what is told of a link's visits, to whom, and for how long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from socket import inet_aton
from unittest.mock import patch

import pytest

from shortd.models.teams import Role
from shortd.testing import RunningApp, open_app
from tests.api.sqwish.people import Client, client
from tests.conftest import GENEROUS

DAY = 86_400


def followed(ann: Client, *addresses: str, **given: str) -> str:
    """The code of a new link that was followed from these addresses, a second apart."""
    code = ann.shorten(**given)
    for address in addresses:
        ann.app.visit(f"/{code}", address=address)
        ann.app.clock.advance(1)
    return code


def test_every_visit_is_a_hit_at_once(ann: Client, written: str) -> None:
    code = ann.shorten()
    for hits in range(4):
        answer = ann.call("stats", written, code=code)
        assert list(answer) == ["error", "original", "shortURL", "code", "hits"]
        assert answer["hits"] == str(hits)
        ann.app.visit(f"/{code}")
    ann.app.visit(f"/{code}", method="HEAD")
    ann.app.visit(f"/{code}+")
    ann.app.visit(f"/{code}.svg")
    ann.app.drain()
    assert ann.call("stats", written, code=code)["hits"] == "4"


def test_addresses_come_with_the_newest_first(ann: Client, written: str) -> None:
    code = followed(ann, "198.51.100.1", "2001:db8::1", "::ffff:198.51.100.2")
    answer = ann.call("ips", written, code=code)
    limit = ["limit"] if written == "xml" else []
    facts = ["error", "original", "shortURL", "code"]
    assert list(answer) == [*facts, "hits", *limit, "iplist"]
    assert answer["hits"] == "3"
    assert answer.get("limit", "false") == "false"
    assert answer["iplist"] == [
        ("198.51.100.2", "2023-11-14 22:13:22"),
        ("2001:db8::1", "2023-11-14 22:13:21"),
        ("198.51.100.1", "2023-11-14 22:13:20"),
    ]


def test_a_link_that_nobody_followed_has_an_empty_list(ann: Client, written: str) -> None:
    assert ann.call("ips", written, code=ann.shorten())["iplist"] == []
    raw = ann.send("ips", written, code=ann.shorten()).text
    assert ("<iplist></iplist>" in raw) is (written == "xml")


@pytest.mark.parametrize(("limit", "shown"), [("1", 1), ("02", 2), ("3", 3), ("9" * 18, 3)])
def test_some_of_the_addresses(ann: Client, written: str, limit: str, shown: int) -> None:
    code = followed(ann, "198.51.100.1", "198.51.100.2", "198.51.100.3")
    answer = ann.call("ips", written, code=code, limit=limit)
    assert [ip[-1] for ip, _ in answer["iplist"]] == ["3", "2", "1"][:shown]
    if written == "xml":
        assert answer["limit"] == str(int(limit))


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1.5", "1e3", "x", " 1", "\u0661", "\u00b2", "9" * 19]
)
def test_bad_limits(ann: Client, written: str, limit: str) -> None:
    code = ann.shorten()
    refusal = ann.refused("ips", written, code=code, limit=limit)
    assert refusal == (400, "limit: Expected a whole number above 0.")


def test_a_long_list_comes_in_pieces_and_ends_somewhere(
    ann: Client, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = followed(ann, *(f"198.51.100.{number}" for number in range(25)))
    expected = [f"198.51.100.{number}" for number in reversed(range(25))]
    monkeypatch.setattr("shortd.clicks.recent_visits.ROWS_AT_ONCE", 10)
    for most in (100, 25, 20, 7):
        monkeypatch.setattr("shortd.api.sqwish.calls.MOST_ADDRESSES", most)
        answer = ann.call("ips", written, code=code)
        assert [ip for ip, _ in answer["iplist"]] == expected[:most]
        assert answer["hits"] == "25"


def test_addresses_are_charged_by_number(ann: Client) -> None:
    code = followed(ann, *["198.51.100.1"] * 7)
    before = ann.person.balance
    ann.call("stats", code=code)
    assert before - ann.person.balance == 1000
    ann.call("ips", code=code, limit="5")
    assert before - ann.person.balance == 2005


class TestPrivacy:
    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("full", ["2001:db8:1:2::3", "198.51.100.7"]),
            ("truncated", ["2001:db8:1::", "198.51.100.0"]),
            ("none", ["", ""]),
        ],
    )
    def test_addresses_are_as_the_settings_have_them(
        self, tmp_path: Path, written: str, mode: str, expected: list[str]
    ) -> None:
        with open_app(tmp_path, environ={**GENEROUS, "SHORTD_CLICKS__IP": mode}) as app:
            ann = client(app, "ann")
            code = followed(ann, "198.51.100.7", "2001:db8:1:2::3")
            assert [ip for ip, _ in ann.call("ips", written, code=code)["iplist"]] == expected

    @pytest.mark.parametrize(("mode", "expected"), [("truncated", "198.51.100.0"), ("none", "")])
    def test_new_settings_hold_for_what_is_kept(
        self, tmp_path: Path, mode: str, expected: str
    ) -> None:
        with open_app(tmp_path, environ=GENEROUS) as app:
            ann = client(app, "ann")
            code = followed(ann, "198.51.100.7")
            app.drain()
        with open_app(tmp_path, environ={**GENEROUS, "SHORTD_CLICKS__IP": mode}) as app:
            again = Client(app)
            answer = again.call("ips", api_key=ann.key, code=code)
        assert [ip for ip, _ in answer["iplist"]] == [expected]
        assert answer["hits"] == "1"

    def test_visits_are_told_for_as_long_as_they_may_be_kept(
        self, ann: Client, written: str
    ) -> None:
        app = ann.app
        code = followed(ann, "198.51.100.1")
        app.clock.advance(30 * DAY - 1)
        app.visit(f"/{code}", address="198.51.100.2")

        def told() -> list[str]:
            return [ip for ip, _ in ann.call("ips", written, code=code)["iplist"]]

        app.clock.advance(60 * DAY)
        assert told() == ["198.51.100.2", "198.51.100.1"]
        app.clock.advance(1)
        # From this moment on, though the sweeper has not come yet.
        assert told() == ["198.51.100.2"]
        assert inet_aton("198.51.100.1") in stored(app)
        app.sweep()
        assert told() == ["198.51.100.2"]
        assert inet_aton("198.51.100.1") not in stored(app)
        app.clock.advance(30 * DAY)
        app.sweep()
        assert told() == []
        assert inet_aton("198.51.100.2") not in stored(app)
        assert ann.call("stats", written, code=code)["hits"] == "2"

    def test_no_more_visits_are_kept_than_may_be(self, tmp_path: Path) -> None:
        for most, expected in (("2", ["198.51.100.3", "198.51.100.2"]), ("0", [])):
            environ = {**GENEROUS, "SHORTD_CLICKS__VISITS_PER_LINK": most}
            with open_app(tmp_path / most, environ=environ) as app:
                ann = client(app, "ann")
                code = followed(ann, "198.51.100.1", "198.51.100.2", "198.51.100.3")
                answer = ann.call("ips", code=code)
                assert [ip for ip, _ in answer["iplist"]] == expected
                assert answer["hits"] == "3"

    @pytest.mark.parametrize(("most", "expected"), [("1", ["198.51.100.2"]), ("0", [])])
    def test_no_more_of_those_that_are_kept_are_told(
        self, tmp_path: Path, most: str, expected: list[str]
    ) -> None:
        with open_app(tmp_path, environ=GENEROUS) as app:
            ann = client(app, "ann")
            code, key = followed(ann, "198.51.100.1", "198.51.100.2"), ann.key
        environ = {**GENEROUS, "SHORTD_CLICKS__VISITS_PER_LINK": most}
        with open_app(tmp_path, environ=environ) as app:
            answer = app.get(f"/ips.json?api_key={key}&code={code}").json()
            assert [visit["ip"] for visit in answer["iplist"]["ipdata"]] == expected
            assert answer["hits"] == "2"

    def test_a_deleted_link_takes_its_visits_along(self, ann: Client) -> None:
        code = followed(ann, "198.51.100.1", custom="again1")
        assert ann.call("ips", code=code)["iplist"]
        ann.person.call("delete", shorturl="127.0.0.1:8080/again1")
        ann.shorten(custom="again1")
        assert ann.call("ips", code=code)["iplist"] == []


def stored(app: RunningApp) -> bytes:
    """Every row of every table."""
    found = []
    with app.services.store.read() as txn:
        for name in txn.databases:
            rows = txn.raw.cursor(db=txn.databases[name])
            found += [bytes(key) + bytes(value) for key, value in rows]
    return b"\n".join(found)


class TestWho:
    def test_a_strangers_link_is_as_one_that_is_not_there(
        self, ann: Client, ben: Client, written: str
    ) -> None:
        code = followed(ann, "198.51.100.1")
        for name in ("stats", "ips"):
            missing = ben.refused(name, written, code="nothere")
            assert missing == (404, "You have no entry at this address.")
            assert ben.refused(name, written, code=code) == missing
            for odd in ("-x", "a b", "x" * 65, "/", "x/y", "\u00e4", "http://127.0.0.1:8080/a/b"):
                assert ben.refused(name, written, code=odd) == missing, odd
            assert ben.refused(name, written) == (400, "code: This parameter is missing.")

    def test_members_of_its_team_see_a_link(self, ann: Client, ben: Client) -> None:
        team = ann.person.found()
        ann.person.hire(team.id, ben.person, Role.MEMBER)
        link = ann.person.link(team.id, code="teamed")
        ann.app.visit("/teamed", address="198.51.100.1")
        for somebody in (ann, ben):
            assert somebody.call("stats", code=link.code)["hits"] == "1"
            assert len(somebody.call("ips", code=link.code)["iplist"]) == 1


class TestPasswords:
    def test_they_are_asked_for(self, ann: Client, written: str) -> None:
        code = ann.shorten(password="secret")
        for name in ("stats", "ips"):
            assert ann.refused(name, written, code=code) == (
                401,
                "This link asks for its password.",
            )
            wrong = ann.refused(name, written, code=code, password="Secret")
            assert wrong == (401, "This is not the link's password.")
            assert ann.call(name, written, code=code, password="secret")["code"] == code
            unprotected = ann.shorten()
            assert ann.call(name, written, code=unprotected, password="whatever")

    def test_guessing_is_refused(self, ann: Client, written: str) -> None:
        code = ann.shorten(password="secret")
        ann.call("stats", code=code, password="secret", address="198.51.100.9")
        for _ in range(10):
            assert ann.refused("stats", written, code=code, password="no")[0] == 401
        answer = ann.send("ips", written, code=code, password="secret")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        refusal = ann.refused("stats", written, code=code, password="secret")
        assert refusal == (429, "Too many wrong passwords; wait and try again.")
        # Elsewhere nobody is kept out.
        assert ann.call("stats", code=code, password="secret", address="198.51.100.9")
        assert ann.call("stats", code=code, password="secret", address="198.51.100.8")
        assert ann.call("stats", code=ann.shorten())
        ann.app.clock.advance(60)
        assert ann.call("stats", code=code, password="secret")

    def test_a_missing_one_is_no_guess(self, ann: Client) -> None:
        code = ann.shorten(password="secret")
        for _ in range(20):
            assert ann.refused("stats", code=code)[0] == 401
        assert ann.call("stats", code=code, password="secret")


def test_what_cannot_be_drained_is_left_out(ann: Client, written: str) -> None:
    """A disk that takes no more clicks does not keep what it has from being read."""
    code = followed(ann, "198.51.100.1")
    ann.app.drain()
    ann.app.visit(f"/{code}", address="198.51.100.2")

    async def fail() -> None:
        raise OSError("the disk is full")

    with patch.object(ann.app.services.clicks.drain, "catch_up", fail):
        answer = ann.call("ips", written, code=code)
    assert (answer["hits"], [ip for ip, _ in answer["iplist"]]) == ("2", ["198.51.100.1"])


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time zone."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_dates_are_utc(ann: Client, written: str) -> None:
    code = followed(ann, "198.51.100.1")
    assert ann.call("ips", written, code=code)["iplist"] == [
        ("198.51.100.1", "2023-11-14 22:13:20"),
    ]
