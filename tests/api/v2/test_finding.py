"""What is there already: get_entries by more than tags, find_entry, reuse, get_tags, and how much
of one's room is used.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd.links import destination_index, links
from shortd.store.turns import Turns
from shortd.testing import RunningApp, open_app
from tests.api.keyed import KEY, Sent, rows
from tests.api.v2.people import Person, registered, temporary
from tests.conftest import GENEROUS

URL = "https://example.com/page?a=1#part"


def listed(who: Person, **asked: Any) -> tuple[list[str], int]:
    """Codes and the total of get_entries."""
    output = who.call("get_entries", **{"count": 100, **asked})
    return [entry["shorturl"].rpartition("/")[2] for entry in output["entries"]], output["total"]


class TestTotal:
    def test_of_all(self, guest: Person) -> None:
        assert listed(guest) == ([], 0)
        guest.call("urls", urls=[URL] * 7)
        assert guest.call("get_entries", count=3)["total"] == 7
        assert guest.call("get_entries", count=3, start=6)["total"] == 7
        assert guest.call("get_entries", start=100)["total"] == 7

    def test_by_tag(self, guest: Person) -> None:
        for tag in (1, 1, 2, 3):
            guest.shorten(tag=tag)
        assert listed(guest, tag=1)[1] == 2
        assert listed(guest, tagmask_or=2)[1] == 2
        assert guest.call("get_entries", tagmask_and=1, count=1)["total"] == 3

    def test_of_more_than_are_read_at_once(
        self, guest: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(7):
            guest.shorten(tag=number % 3)
        for most in (1, 2, 3, 6, 7, 8):
            monkeypatch.setattr(links, "SCAN_SLICE", most)
            assert [listed(guest, tag=tag)[1] for tag in range(4)] == [3, 2, 2, 0]

    def test_of_who_is_in_a_team(self, app: RunningApp) -> None:
        from tests.api.v1.people import client

        ann = client(app, "ann")
        ann.shorten()
        team = ann.found("Shop").id
        ann.ask(
            "entity/link/create",
            teamId=team,
            domainId="0" * 24,
            destination="http://127.0.0.9/",
            noTitle=True,
        )
        assert (len(listed(ann)[0]), listed(ann)[1]) == (2, 2)


class TestSearching:
    @pytest.fixture
    def three(self, guest: Person) -> Person:
        guest.shorten("https://example.com/spring", code="aaaaaa", tags=["print", "a,b"], tag=1)
        guest.shorten(
            "https://example.com/sale", code="bbbbbb", tags=["print"], title="Fr\u00fchling"
        )
        guest.shorten("https://example.net/", code="cccccc", archived=True, tag=1)
        return guest

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"tags": ["print"]}, "ba"),
            ({"tags": ["print", "a,b"]}, "a"),
            ({"tags": ["Print"]}, ""),
            ({"tags": []}, "cba"),
            ({"tags": None}, "cba"),
            ({"search": "spring"}, "a"),
            ({"search": "SALE"}, "b"),
            ({"search": "fru\u0308hling"}, "b"),
            ({"search": "tag:print example.com"}, "ba"),
            ({"search": "is:hidden"}, "c"),
            ({"search": "nowhere"}, ""),
            ({"search": "example"}, "cba"),
            ({"archived": True}, "c"),
            ({"archived": False}, "ba"),
            ({"archived": None}, "cba"),
            ({"archived": True, "tags": ["print"]}, ""),
            ({"tag": 1, "search": "example"}, "ca"),
            ({"tagmask_or": 3, "archived": False}, "a"),
            ({"sort": "ending"}, "cba"),
            ({"sort": "clicks"}, "acb"),
            ({"sort": "latest"}, "acb"),
            ({"sort": "clicks", "archived": False}, "ab"),
        ],
    )
    def test_what_is_found(self, three: Person, asked: dict[str, Any], found: str) -> None:
        three.app.visit("/aaaaaa")
        assert listed(three, **asked) == ([one * 6 for one in found], len(found))

    def test_pages(self, three: Person) -> None:
        first = three.call("get_entries", search="example", count=2)
        second = three.call("get_entries", search="example", count=2, start=2)
        orders = [entry["order"] for entry in first["entries"] + second["entries"]]
        assert (orders, first["total"], second["total"]) == ([0, 1, 2], 3, 3)

    def test_what_was_made_just_now_is_found(self, three: Person) -> None:
        assert listed(three, search="new")[1] == 0
        three.shorten("https://example.org/new")
        assert listed(three, search="new")[1] == 1

    def test_others_are_not_searched(self, three: Person, stranger: Person) -> None:
        assert listed(stranger, search="example") == ([], 0)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("sort", "oldest"),
            ("sort", None),
            ("search", "\0"),
            ("search", "x" * 513),
            ("tags", [""]),
            ("tags", ["x" * 65]),
            ("tags", ["x"] * 51),
            ("tags", "print"),
            ("archived", "yes"),
        ],
    )
    def test_bad_input(self, three: Person, field: str, value: Any) -> None:
        refused = three.refused("get_entries", **{field: value})
        assert (refused["code"], refused["field"].partition("[")[0]) == ("invalid_field", field)


class TestFindEntry:
    def test_none(self, guest: Person) -> None:
        refused = guest.refused("find_entry", url=URL)
        assert (refused["code"], refused["field"]) == ("entry_not_found", "url")

    @pytest.mark.parametrize(
        "url",
        [
            URL,
            f" {URL} ",
            URL.replace("example.com", "EXAMPLE.com"),
            URL.replace(".com", ".com:443"),
        ],
    )
    def test_as_urls_are_compared(self, guest: Person, url: str) -> None:
        entry = guest.shorten(URL)
        assert guest.call("find_entry", url=url)["entry"]["id"] == entry["id"]

    @pytest.mark.parametrize(
        "url", [URL[:-1], URL.replace("https", "http"), URL.replace("page", "Page"), URL + "s"]
    )
    def test_others_are_others(self, guest: Person, url: str) -> None:
        guest.shorten(URL)
        assert guest.refused("find_entry", url=url)["code"] == "entry_not_found"

    def test_it_follows_every_change(self, guest: Person, stranger: Person) -> None:
        def found() -> int | None:
            answer = guest.post("find_entry", url=URL).json()
            return answer["output"]["entry"]["id"] if answer["status"] == "success" else None

        first = guest.shorten(URL)
        assert found() == first["id"]
        second = guest.shorten(URL)
        assert found() == second["id"], "the newest"
        guest.call("set_enabled", shorturl=second["shorturl"], enabled=False)
        assert found() == first["id"], "one that leads there"
        guest.call("set_terms", shorturl=first["shorturl"], url="https://example.org/")
        assert found() == second["id"], "one that is off before none"
        guest.call("delete", shorturl=second["shorturl"])
        assert found() is None
        guest.call("set_terms", shorturl=first["shorturl"], url=URL)
        assert found() == first["id"]
        guest.call(
            "change_shorturl",
            shorturl_old=first["shorturl"],
            shorturl_new="http://127.0.0.1:8080/another1",
        )
        assert found() == first["id"]
        assert stranger.refused("find_entry", url=URL)["code"] == "entry_not_found"

    def test_files_are_none(self, app: RunningApp) -> None:
        app.new_file(filename="a.txt")
        refused = app.refused("find_entry", userid=app.userid, url="https://a.txt/")
        assert refused["code"] == "entry_not_found"

    def test_bad_urls(self, guest: Person) -> None:
        for url in ("x", "ftp://example.com/", "https://", "https://127.0.0.1:8080/abc"):
            assert guest.refused("find_entry", url=url)["code"] in ("invalid_url", "url_loops")

    def test_many(self, guest: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever has more than is held together is asked about anew, and right all the same."""
        monkeypatch.setattr(destination_index, "MOST_LINKS", 150)
        other = temporary(guest.app)
        for who in (guest, other):
            who.call("urls", urls=[f"https://example.com/{number}" for number in range(100)])
        index = guest.app.services.links.index
        for _ in range(2):
            for who in (guest, other):
                entry = who.call("find_entry", url="https://example.com/42")["entry"]
                assert entry["userid"] == who.userid
        assert sum(known.held for known in index._accounts.values()) <= 150

    def test_what_it_costs(self, app: RunningApp) -> None:
        guest = temporary(app)
        guest.call("urls", urls=[f"https://example.com/{number}" for number in range(500)])
        weights = [
            guest.post("find_entry", url="https://example.com/42").json()["weight"]
            for _ in range(2)
        ]
        assert weights == [1050, 1000]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(
        st.tuples(st.sampled_from("ndeu"), st.integers(0, 5), st.integers(0, 3)), max_size=12
    )
)
def test_the_index_says_what_a_look_at_all_entries_says(guest: Person, acts: list[Any]) -> None:
    urls = [f"https://example.com/{number}" for number in range(4)]
    for act, which, url in acts:
        entries = guest.entries(count=100)
        one = entries[which % len(entries)]["shorturl"] if entries else None
        if act == "n" or one is None:
            guest.shorten(urls[url])
        elif act == "d":
            guest.call("delete", shorturl=one)
        elif act == "e":
            guest.call("set_enabled", shorturl=one, enabled=bool(url % 2))
        else:
            guest.call("set_terms", shorturl=one, url=urls[url])
        entries = guest.entries(count=100)
        for wanted in urls:
            there = [entry for entry in entries if entry["url"] == wanted]
            best = next((entry for entry in there if entry["enabled"]), there[0] if there else None)
            answer = guest.post("find_entry", url=wanted).json()["output"]
            assert answer.get("entry", {}).get("id") == (best and best["id"])


class TestReuse:
    def test_once(self, guest: Person) -> None:
        first = guest.call("url", url=URL, reuse=True)["entry"]
        again = guest.call("url", url=URL, reuse=True)["entry"]
        assert (first["id"], first["reused"], again["reused"]) == (again["id"], False, True)
        assert "reused" not in guest.shorten(URL)
        assert listed(guest)[1] == 2

    def test_counts_are_live(self, guest: Person) -> None:
        entry = guest.call("url", url=URL, reuse=True)["entry"]
        guest.app.visit(entry["shorturl"])
        assert guest.call("url", url=URL, reuse=True, qr=True)["entry"]["count"] == 1

    @pytest.mark.parametrize(
        "terms",
        [
            {"tag": 5},
            {"tags": ["print"]},
            {"title": "Spring"},
            {"expiration_utime": 2**60},
            {"expiration_count": 5},
            {"valid_since": 1},
            {"password": "secret"},
            {"note": "mine"},
            {"utm_source": "mail"},
            {"archived": True},
        ],
    )
    def test_entries_with_other_terms_are_others(
        self, guest: Person, terms: dict[str, Any]
    ) -> None:
        plain = guest.call("url", url=URL, reuse=True)["entry"]
        other = guest.call("url", url=URL, reuse=True, **terms)["entry"]
        assert (other["reused"], other["id"] == plain["id"]) == (False, False)
        again = guest.call("url", url=URL, reuse=True, **terms)["entry"]
        assert again["reused"] is ("password" not in terms)
        assert guest.call("url", url=URL, reuse=True)["entry"]["id"] == plain["id"]

    def test_what_an_entry_is_called_makes_no_other_of_it(self, guest: Person) -> None:
        """Unless that is asked for, too."""
        entry = guest.call("url", url=URL, reuse=True)["entry"]
        called = {"title": "Spring", "note": "mine", "tags": ["print"]}
        guest.call("set_terms", shorturl=entry["shorturl"], **called)
        guest.call("set_tag", shorturl=entry["shorturl"], tag=5)
        like: list[dict[str, Any]] = [{}, {"tag": 5}, {"tags": ["print"], "note": "mine"}]
        unlike: list[dict[str, Any]] = [{"tag": 4}, {"title": "Summer"}]
        for asked in like:
            again = guest.call("url", url=URL, reuse=True, **asked)["entry"]
            assert (again["id"], again["reused"]) == (entry["id"], True)
        for asked in unlike:
            assert guest.call("url", url=URL, reuse=True, **asked)["entry"]["id"] != entry["id"]

    def test_what_leads_nowhere_is_not_reused(self, guest: Person) -> None:
        now = guest.app.clock.now()
        for change in ({"enabled": False}, {"url": "https://example.org/"}):
            entry = guest.call("url", url=URL, reuse=True)["entry"]
            guest.call("set_terms", shorturl=entry["shorturl"], **change)
            assert guest.call("url", url=URL, reuse=True)["entry"]["id"] != entry["id"]
            for one in guest.entries(count=10):
                guest.call("delete", shorturl=one["shorturl"])
        ends = {"expiration_utime": now + 60_000_000}
        entry = guest.call("url", url=URL, reuse=True, **ends)["entry"]
        assert guest.call("url", url=URL, reuse=True, **ends)["entry"]["id"] == entry["id"]
        guest.app.clock.advance(61)
        assert guest.call("url", url=URL, reuse=True, **ends)["entry"]["id"] != entry["id"]
        once = guest.call("url", url=URL, reuse=True, expiration_count=1)["entry"]
        guest.app.visit(once["shorturl"])
        twice = guest.call("url", url=URL, reuse=True, expiration_count=1)["entry"]
        assert twice["id"] != once["id"]

    def test_codes_of_ones_own(self, guest: Person) -> None:
        drawn = guest.call("url", url=URL, reuse=True)["entry"]
        own = guest.call("url", url=URL, reuse=True, code="abcdef")["entry"]
        assert own["id"] != drawn["id"] and own["shorturl"].endswith("/abcdef")
        again = guest.call("url", url=URL, reuse=True, code="abcdef")["entry"]
        assert (again["id"], again["reused"]) == (own["id"], True)

    def test_links_with_plugins_data_are_others(self, guest: Person) -> None:
        entry = guest.call("url", url=URL, reuse=True)["entry"]
        data = {"ios": "https://ios.example/"}
        guest.call("set_plugin", shorturl=entry["shorturl"], plugin="mobile", data=data)
        assert guest.call("url", url=URL, reuse=True)["entry"]["id"] != entry["id"]

    def test_hosts(self, tmp_path: Path) -> None:
        environ = {**GENEROUS, "SHORTD_HOSTS": "https://two.example"}
        with open_app(tmp_path / "hosts", environ=environ) as app:
            guest = temporary(app)
            here = guest.call("url", url=URL, reuse=True)["entry"]
            there = guest.call("url", url=URL, reuse=True, host="two.example")["entry"]
            assert here["id"] != there["id"]
            again = guest.call("url", url=URL, reuse=True, host="two.example")["entry"]
            assert again["id"] == there["id"]

    def test_lists(self, guest: Person) -> None:
        first = guest.call("url", url=URL, reuse=True)["entry"]
        urls = [URL, "https://example.org/", URL, "https://EXAMPLE.org", "https://example.net/"]
        entries = guest.call("urls", urls=urls, reuse=True)["entries"]
        assert [entry["reused"] for entry in entries] == [True, False, True, False, False]
        ids = [entry["id"] for entry in entries]
        assert (ids[0], ids[2], ids[1]) == (first["id"], first["id"], ids[3])
        assert listed(guest)[1] == 3
        again = guest.call("urls", urls=urls, reuse=True)["entries"]
        assert [entry["id"] for entry in again] == ids

    def test_with_a_key(self, guest: Person) -> None:
        body = json.dumps({**guest.credentials, "url": URL, "reuse": True}).encode()
        first = Sent("/v2/url", body).by(guest.app)
        assert Sent("/v2/url", body).by(guest.app).content == first.content
        # Nothing is made here, and the answer is kept all the same.
        other = Sent("/v2/url", body).by(guest.app, f"{KEY}-2")
        assert other.json()["output"]["entry"]["reused"] is True
        guest.call("delete", shorturl=other.json()["output"]["entry"]["shorturl"])
        assert Sent("/v2/url", body).by(guest.app, f"{KEY}-2").content == other.content
        assert listed(guest)[1] == 0

    def test_many_at_once_make_one(self, guest: Person) -> None:
        transport = httpx.ASGITransport(guest.app._app)  # type: ignore[arg-type]

        async def ask() -> list[httpx.Response]:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8080"
            ) as w:
                body = {**guest.credentials, "url": URL, "reuse": True}
                return list(await asyncio.gather(*(w.post("/v2/url", json=body) for _ in range(8))))

        ids = {answer.json()["output"]["entry"]["id"] for answer in guest.app.run(ask())}
        assert len(ids) == 1 == listed(guest)[1]

    def test_what_is_refused_changes_nothing(self, guest: Person) -> None:
        before = rows(guest.app)
        assert guest.refused("url", url="x", reuse=True)["code"] == "invalid_url"
        assert guest.refused("url", url=URL, reuse="yes")["code"] == "invalid_field"
        assert guest.refused("urls", urls=[URL, "x"], reuse=True)["code"] == "invalid_url"
        assert rows(guest.app) == before


class TestTags:
    def test_all_that_there_are(self, guest: Person) -> None:
        none = {"tags": [], "total": 0, "bits": []}
        assert guest.call("get_tags") == none
        guest.shorten(tags=["print", "a,b"], tag=5)
        guest.shorten(tags=["print"], archived=True, tag=-(2**63))
        assert guest.call("get_tags") == {
            "tags": [{"name": "a,b", "count": 1}, {"name": "print", "count": 2}],
            "total": 2,
            "bits": [
                {"bit": 0, "name": "Tag 1", "count": 1},
                {"bit": 2, "name": "Tag 3", "count": 1},
            ],
        }

    def test_they_are_those_of_get_entries(self, guest: Person, stranger: Person) -> None:
        stranger.shorten(tags=["print"])
        for tags in (["print"], ["print", "web"], ["web"]):
            guest.shorten(tags=tags)
            for tag in guest.call("get_tags")["tags"]:
                assert listed(guest, tags=[tag["name"]])[1] == tag["count"]

    def test_pages(self, guest: Person) -> None:
        guest.shorten(tags=[f"tag {number}" for number in range(5)])
        answer = guest.call("get_tags", start=3, count=1)
        assert ([tag["name"] for tag in answer["tags"]], answer["total"]) == (["tag 3"], 5)
        assert guest.call("get_tags", start=9)["tags"] == []
        for field, value in (("start", -1), ("count", 0), ("count", 1001)):
            assert guest.refused("get_tags", **{field: value})["field"] == field


def test_room(app: RunningApp) -> None:
    ann = registered(app, "ann")
    limits = app.services.settings.limits.registered
    before = ann.call("get_account_info")
    assert (before["storage_quota"], before["storage_used"]) == (limits.storage_bytes, 0)
    assert before["max_file_bytes"] == limits.max_file_bytes
    app.new_file(b"x" * 1000)
    assert app.call("get_account_info", userid=app.userid)["storage_used"] == 1000


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        ("find_entry", {"url": "https://nowhere.example/"}),
        ("get_entries", {"search": "nowhere"}),
        ("get_entries", {"sort": "clicks"}),
        ("get_tags", {}),
    ],
)
def test_long_reads_take_turns(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch, call: str, inputs: dict[str, Any]
) -> None:
    guest = temporary(app)
    guest.call("urls", urls=[f"https://example.com/{number}" for number in range(450)])
    turns = 0

    async def ended(self: Turns) -> None:
        nonlocal turns
        turns += 1

    monkeypatch.setattr(Turns, "next", ended)
    answer = app.post(call, {**guest.credentials, **inputs})
    assert answer.status_code in (200, 404)
    assert turns >= 2
