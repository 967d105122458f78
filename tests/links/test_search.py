"""Finding links by a part of their code or title, page by page."""

from __future__ import annotations

import asyncio

import pytest

from shortd.links.searching import LINKS_READ, SLICE, Found, Source, mentions
from shortd.models.links import Terms
from shortd.store.schema import LINKS_BY_OWNER
from tests.links.keeper import Keeper


def find(keeper: Keeper, text: str, *, start: int = 0, count: int = 20) -> Found:
    services = keeper.app.services
    own = Source(LINKS_BY_OWNER, (keeper.userid,))
    page = services.links.search.page(
        [own], lambda link: mentions(link, text), start=start, count=count
    )
    return keeper.app.run(page)


def titles(found: Found) -> list[str]:
    return [link.rare.title if link.rare else "" for link in found.links]


def add(keeper: Keeper, code: str, title: str) -> None:
    keeper.create(code=code, terms=Terms(title=title))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["Straße", "", "Summer SALE", "Winter sale"]),
        ("sale", ["Summer SALE", "Winter sale"]),
        ("SUMMER S", ["Summer SALE"]),
        ("strasse", ["Straße"]),
        ("STRAẞE", ["Straße"]),
        ("code", [""]),
        ("oDe-3", [""]),
        ("nothing", []),
        ("%", []),
        (".*", []),
    ],
)
def test_a_part_of_code_or_title(keeper: Keeper, text: str, expected: list[str]) -> None:
    add(keeper, "one", "Winter sale")
    add(keeper, "two", "Summer SALE")
    keeper.create(code="Code-3")
    add(keeper, "four", "Straße")
    add(Keeper(keeper.app), "five", "A stranger's sale")
    found = find(keeper, text)
    assert titles(found) == expected
    assert found.total == len(expected)


@pytest.mark.parametrize(
    ("title", "texts"),
    [
        ("Caf\u00e9", ["Cafe\u0301", "  CAF\u00c9\n", "\u00e9", "e\u0301"]),
        ("Cafe\u0301 am Eck", ["caf\u00e9 am", "\u00c9 AM ECK "]),
        ("\uac00\uac01", ["\u1100\u1161", "\u1100\u1161\u1100\u1161\u11a8"]),
        ("\u1e69", ["s\u0307\u0323", "S\u0323\u0307"]),
        ("\u212b", ["\u00e5", "A\u030a", "\u00c5"]),
        ("j\u030c", ["\u01f0", "J\u030c"]),
    ],
)
def test_letters_are_the_same_however_they_are_encoded(
    keeper: Keeper, title: str, texts: list[str]
) -> None:
    add(keeper, "one", title)
    for text in texts:
        assert titles(find(keeper, text)) == [title], ascii(text)
    assert titles(find(keeper, "Cafe")) == []


def test_pages_of_what_was_found(keeper: Keeper) -> None:
    for number in range(25):
        add(keeper, f"code{number}", f"{'even' if number % 2 == 0 else 'odd'} {number}")
    pages = [find(keeper, "even", start=start, count=5) for start in (0, 5, 10, 15)]
    assert {page.total for page in pages} == {13}
    listed = [title for page in pages for title in titles(page)]
    assert listed == [f"even {number}" for number in range(24, -1, -2)]
    assert find(keeper, "even", start=5, count=0) == ([], 13)


def test_the_event_loop_goes_on_meanwhile(keeper: Keeper) -> None:
    urls = [f"https://example.com/{number}" for number in range(1000)]
    for _ in range(3):
        keeper.app.call("urls", userid=keeper.userid, urls=urls)
    add(keeper, "needle", "")
    turns = 0

    async def others(done: asyncio.Event) -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    async def together() -> Found:
        done = asyncio.Event()
        other = asyncio.ensure_future(others(done))
        search = keeper.app.services.links.search
        found = await search.page(
            [Source(LINKS_BY_OWNER, (keeper.userid,))],
            lambda link: mentions(link, "needle"),
            start=0,
            count=5,
        )
        done.set()
        await other
        return found

    found = keeper.app.run(together())
    assert [link.code for link in found.links] == ["needle"]
    assert turns >= 3001 // SLICE


def test_a_link_of_two_sources_is_found_once(keeper: Keeper) -> None:
    add(keeper, "one", "sale")
    other = Keeper(keeper.app)
    add(other, "two", "sale")
    sources = [Source(LINKS_BY_OWNER, (one.userid,)) for one in (keeper, other, keeper)]
    page = keeper.app.services.links.search.page(
        sources, lambda link: mentions(link, "sale"), start=0, count=5
    )
    found = keeper.app.run(page)
    assert ([link.code for link in found.links], found.total) == (["two", "one"], 2)


def test_what_one_search_may_cost_is_bounded(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LINKS_READ % SLICE == 0
    monkeypatch.setattr("shortd.links.searching.LINKS_READ", 4)
    monkeypatch.setattr("shortd.links.searching.SLICE", 2)
    for number in range(6):
        add(keeper, f"code{number}", "")
    found = find(keeper, "code")
    assert [link.code for link in found.links] == ["code5", "code4", "code3", "code2"]
    assert found.total == 4


def test_a_link_without_a_title_is_found_by_its_destination(keeper: Keeper) -> None:
    keeper.create(code="untitled")
    add(keeper, "titled", "Sale")
    assert [link.code for link in find(keeper, "TARGET.example").links] == ["untitled"]
