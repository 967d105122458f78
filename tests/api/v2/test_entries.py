"""The calls `get_entry` and `get_entries`: what an owner sees of his entries."""

from __future__ import annotations

from typing import Any

import pytest

from shortd.links import links
from shortd.testing import RunningApp
from tests.api.v2.envelopes import check_entry, checked, everything
from tests.api.v2.people import DESTINATION, Person, path_of, registered


def numbers(entries: list[dict[str, Any]]) -> list[int]:
    """The n of each entry's https://example.com/n."""
    return [int(entry["url"].rpartition("/")[2]) for entry in entries]


def make(person: Person, tags: list[int]) -> list[dict[str, Any]]:
    """An entry of each tag, https://example.com/0 the oldest."""
    return [
        person.shorten(f"https://example.com/{number}", tag=tag) for number, tag in enumerate(tags)
    ]


class TestGetEntry:
    def test_is_what_was_made(self, guest: Person) -> None:
        made = guest.shorten(tag=3, expiration_count=5)
        shown = guest.entry(made["shorturl"])
        check_entry(shown)
        assert shown == made

    @pytest.mark.parametrize(
        "spelling",
        [
            "http://127.0.0.1:8080/abcdef",
            "https://127.0.0.1:8080/abcdef",
            "HTTP://127.0.0.1:8080/abcdef",
            "127.0.0.1:8080/abcdef",
            " 127.0.0.1:8080/abcdef\n",
        ],
    )
    def test_the_scheme_may_be_left_out(self, guest: Person, spelling: str) -> None:
        made = guest.shorten(code="abcdef")
        assert guest.entry(spelling) == made

    def test_counts_are_live(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        for clicks in range(1, 4):
            app.get(path_of(entry))
            assert guest.entry(entry["shorturl"])["count"] == clicks
        app.drain()
        assert guest.entry(entry["shorturl"])["count"] == 3
        app.get(path_of(entry))
        assert guest.entry(entry["shorturl"])["count"] == 4

    def test_counts_of_qr_codes(self, app: RunningApp, guest: Person) -> None:
        entry = guest.shorten()
        path = path_of(entry)
        counts = []
        for address in (path, path + "?qr", path + ".svg", path + ".png", path + "?qr=1"):
            app.get(address)
            shown = guest.entry(entry["shorturl"])
            counts.append((shown["count"], shown["count_qr"]))
        assert counts == [(1, 0), (2, 1), (2, 2), (2, 3), (3, 3)]
        app.drain()
        shown = guest.entry(entry["shorturl"])
        assert (shown["count"], shown["count_qr"]) == (3, 3)

    def test_a_disabled_entry_is_shown_so(self, guest: Person) -> None:
        entry = guest.shorten()
        guest.call("set_enabled", shorturl=entry["shorturl"], enabled=False)
        assert guest.entry(entry["shorturl"]) == {**entry, "enabled": False}

    def test_qr(self, guest: Person) -> None:
        entry = guest.shorten()
        for qr in (True, {}, {"format": "png"}):
            shown = guest.entry(entry["shorturl"], qr=qr)
            check_entry(shown, qrcode=True)
            assert {**entry, "qrcode": shown["qrcode"]} == shown
        for none in (False, None):
            assert guest.entry(entry["shorturl"], qr=none) == entry

    @pytest.mark.parametrize(
        "shorturl",
        [
            "http://127.0.0.1:8080/nobody",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080",
            "http://other.example/abcdef",
            "abcdef",
            "http://127.0.0.1:8080/" + "x" * 65,
            "http://127.0.0.1:8080/abcdef/x",
            "http://127.0.0.1:8080/-bcdef",
            "http://127.0.0.1:8080/äbcdef",
            "http://127.0.0.1:8080/abcdef\0x",
            "\0",
            "://",
            "ftp://127.0.0.1:8080/abcdef",
            "x http://127.0.0.1:8080/abcdef",
            "https://other.example/?u=http://127.0.0.1:8080/abcdef",
        ],
    )
    def test_nothing_there(self, guest: Person, shorturl: str) -> None:
        guest.shorten(code="abcdef")
        error = guest.refused("get_entry", shorturl=shorturl)
        assert error["http_status"] == 404
        assert (error["code"], error["field"]) == ("entry_not_found", "shorturl")


class TestOwnership:
    CALLS = (
        ("get_entry", {"shorturl": "{}"}),
        ("set_enabled", {"shorturl": "{}", "enabled": False}),
        ("set_tag", {"shorturl": "{}", "tag": 1}),
        ("set_expiration_count", {"shorturl": "{}", "expiration_count": 1}),
        ("delete", {"shorturl": "{}"}),
        ("change_shorturl", {"shorturl_old": "{}", "shorturl_new": "127.0.0.1:8080/mynewone"}),
    )

    @pytest.mark.parametrize(("name", "template"), CALLS)
    def test_anothers_entry_looks_missing(
        self, guest: Person, stranger: Person, name: str, template: dict[str, Any]
    ) -> None:
        def inputs(code: str) -> dict[str, Any]:
            shorturl = f"http://127.0.0.1:8080/{code}"
            return {key: shorturl if value == "{}" else value for key, value in template.items()}

        guest.shorten(code="theirs")
        before = everything(guest.app)
        theirs = stranger.post(name, **inputs("theirs"))
        nobodys = stranger.post(name, **inputs("nobody"))
        # The clock stands still, so that even `utime` is the same.
        assert theirs.content == nobodys.content
        assert theirs.headers == nobodys.headers
        assert theirs.status_code == nobodys.status_code == 404
        error = checked(theirs, name)["error"]
        assert error["code"] == "entry_not_found"
        assert error["field"] in inputs("theirs")
        assert everything(guest.app) == before

    def test_lists_hold_only_ones_own(self, guest: Person, stranger: Person) -> None:
        mine = [guest.shorten(), guest.shorten()]
        theirs = stranger.shorten()
        assert [entry["id"] for entry in guest.entries()] == [mine[1]["id"], mine[0]["id"]]
        assert [entry["id"] for entry in stranger.entries()] == [theirs["id"]]

    def test_a_registered_accounts_token_opens_no_other_account(
        self, app: RunningApp, member: Person
    ) -> None:
        other = registered(app, "other")
        mixed = Person(app, other.userid, member.token)
        error = mixed.refused("get_entries")
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")


class TestGetEntries:
    def test_none(self, guest: Person) -> None:
        answer = checked(guest.post("get_entries"), "get_entries")
        assert answer["output"] == {"entries": [], "total": 0}
        assert answer["weight"] == 1000

    def test_three_newest_first_by_default(self, guest: Person) -> None:
        made = make(guest, [0] * 5)
        entries = guest.entries()
        assert numbers(entries) == [4, 3, 2]
        assert [entry["order"] for entry in entries] == [0, 1, 2]
        for entry, same in zip(entries, made[:1:-1], strict=True):
            check_entry(entry)
            assert {**entry, "order": 0} == same

    @pytest.mark.parametrize(
        ("start", "count", "expected"),
        [
            (0, 1, [4]),
            (2, 2, [2, 1]),
            (4, 1000, [0]),
            (5, 1, []),
            (2**63 - 1, 1000, []),
            (0, 5, [4, 3, 2, 1, 0]),
            (0, 1000, [4, 3, 2, 1, 0]),
        ],
    )
    def test_a_part_of_the_list(
        self, guest: Person, start: int, count: int, expected: list[int]
    ) -> None:
        make(guest, [0] * 5)
        entries = guest.entries(start=start, count=count)
        assert numbers(entries) == expected
        assert [entry["order"] for entry in entries] == [start + i for i in range(len(expected))]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("count", 0), ("count", 1001), ("count", -1), ("start", -1), ("start", 2**63)],
    )
    def test_out_of_range(self, guest: Person, field: str, value: int) -> None:
        error = guest.refused("get_entries", **{field: value})
        assert (error["http_status"], error["code"]) == (400, "invalid_field")
        assert error["field"] == field

    TAGS = (0b0001, 0b0011, 0b0111, 0, -1, -(2**63), 2**63 - 1)

    @pytest.mark.parametrize(
        "filters",
        [
            {"tag": 0b0011},
            {"tag": 0},
            {"tag": -1},
            {"tag": -(2**63)},
            {"tagmask_and": 0b0011},
            {"tagmask_and": 0},
            {"tagmask_and": -(2**63)},
            {"tagmask_or": 0b0110},
            {"tagmask_or": 0},
            {"tagmask_or": -(2**63)},
            {"tag": None, "tagmask_and": None, "tagmask_or": 0b0100},
            {"tagmask_and": 0b0100, "tagmask_or": 0b0001},
            {"tag": 0b0001, "tagmask_and": 0b0100, "tagmask_or": 0b0010},
        ],
    )
    def test_by_tag(self, guest: Person, filters: dict[str, int | None]) -> None:
        """`tag` equals; `tagmask_and` all bits; `tagmask_or` any; the first one given decides."""
        make(guest, list(self.TAGS))
        match filters:
            case {"tag": int(tag)}:
                chosen = [value == tag for value in self.TAGS]
            case {"tagmask_and": int(mask)}:
                chosen = [value & mask == mask for value in self.TAGS]
            case {"tagmask_or": int(mask)}:
                chosen = [bool(value & mask) for value in self.TAGS]
            case _:
                raise AssertionError("no filter")
        expected = [number for number, wanted in enumerate(chosen) if wanted][::-1]
        entries = guest.entries(count=1000, **filters)
        assert numbers(entries) == expected
        # `start` and `order` count what the filter leaves.
        assert [entry["order"] for entry in entries] == list(range(len(expected)))
        assert numbers(guest.entries(count=1000, start=1, **filters)) == expected[1:]

    def test_after_a_change_of_tag(self, guest: Person) -> None:
        made = make(guest, [1, 1, 2])
        guest.call("set_tag", shorturl=made[0]["shorturl"], tag=2)
        assert numbers(guest.entries(tag=1)) == [1]
        assert numbers(guest.entries(tag=2)) == [2, 0]

    def test_long_lists_are_read_in_slices(
        self, guest: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = make(guest, [number % 2 for number in range(11)])
        monkeypatch.setattr(links, "SCAN_SLICE", 3)
        assert numbers(guest.entries(count=1000)) == list(range(10, -1, -1))
        assert numbers(guest.entries(count=2, start=3, tag=1)) == [3, 1]
        assert numbers(guest.entries(count=1000, start=9)) == [1, 0]
        assert len(made) == 11

    @pytest.mark.parametrize("few", [1, 2, 5])
    @pytest.mark.parametrize("filters", [{}, {"tag": 2}, {"tagmask_or": 1}, {"tagmask_and": 3}])
    def test_what_is_in_front_of_a_page_is_passed_over(
        self, guest: Person, monkeypatch: pytest.MonkeyPatch, filters: dict[str, int], few: int
    ) -> None:
        make(guest, [number % 4 for number in range(17)])
        whole = numbers(guest.entries(count=100, **filters))
        monkeypatch.setattr(links, "FEW", few)
        monkeypatch.setattr(links, "SCAN_SLICE", 4)
        for start in range(19):
            page = guest.entries(start=start, count=3, **filters)
            assert numbers(page) == whole[start : start + 3]
            assert [entry["order"] for entry in page] == [*range(start, start + len(page))]

    def test_qr_of_each(self, guest: Person) -> None:
        make(guest, [0, 0])
        for entry in guest.entries(qr={}):
            check_entry(entry, qrcode=True)

    def test_disabled_and_expired_entries_are_listed(self, app: RunningApp, guest: Person) -> None:
        disabled, gone = guest.shorten(), guest.shorten(expiration_utime=0)
        guest.call("set_enabled", shorturl=disabled["shorturl"], enabled=False)
        assert [entry["id"] for entry in guest.entries()] == [gone["id"], disabled["id"]]

    def test_changed_entries_keep_their_place(self, guest: Person) -> None:
        made = make(guest, [0, 0, 0])
        guest.call(
            "change_shorturl",
            shorturl_old=made[0]["shorturl"],
            shorturl_new="http://127.0.0.1:8080/fanciest",
        )
        guest.call("set_tag", shorturl=made[1]["shorturl"], tag=5)
        assert numbers(guest.entries()) == [2, 1, 0]

    def test_the_clock_set_back_does_not_turn_the_list_around(
        self, app: RunningApp, guest: Person
    ) -> None:
        guest.shorten("https://example.com/0")
        app.clock.advance(-30)
        guest.shorten("https://example.com/1")
        assert numbers(guest.entries()) == [1, 0]

    def test_counts_of_all(self, app: RunningApp, guest: Person) -> None:
        made = [guest.shorten(DESTINATION) for _ in range(3)]
        for clicks, entry in enumerate(made):
            for _ in range(clicks):
                app.get(path_of(entry))
        assert [entry["count"] for entry in guest.entries()] == [2, 1, 0]
