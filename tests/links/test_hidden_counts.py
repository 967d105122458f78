"""A list without hidden links, and how many it has: as if all links had been read."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from shortd.links.hidden_counts import HiddenCounts
from shortd.links.searching import Found
from shortd.links.terms import TermChanges
from shortd.models.links import Link, Terms
from tests.links.keeper import Keeper


def is_shown(link: Link) -> bool:
    return link.rare is None or not link.rare.hidden


def both(keeper: Keeper, start: int, count: int) -> tuple[Found, Found]:
    """What the short way finds, and what reading all links does."""
    search = keeper.app.services.links.search
    sources = search.of_account(keeper.account, None)
    short = keeper.app.run(search.shown(sources, start=start, count=count))
    return short, keeper.app.run(search.page(sources, is_shown, start=start, count=count))


def make(keeper: Keeper, number: int, *, hidden: bool) -> str:
    keeper.create(code=f"code{number}", terms=Terms(hidden=hidden))
    return f"/code{number}"


def test_a_list_is_what_reading_all_links_gives_whatever_is_done_to_them(keeper: Keeper) -> None:
    random = Random(5)
    paths = [make(keeper, number, hidden=number % 5 == 0) for number in range(20)]
    links = keeper.app.services.links.links
    for step in range(60):
        short, whole = both(keeper, random.randrange(12), random.randrange(1, 12))
        assert short == whole
        path = random.choice(paths)
        act = random.choice(("hide", "show", "rename", "delete", "make"))
        if act == "delete":
            paths.remove(path)
            keeper.app.run(links.delete(keeper.account, keeper.row(path).id))
        elif act == "make":
            paths.append(make(keeper, 100 + step, hidden=random.random() < 0.5))
        elif act == "rename":
            keeper.change(path, title="Another")
        else:
            keeper.change(path, hidden=act == "hide")


def test_where_many_newest_ones_are_hidden_all_are_read(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.links.searching.SLICE", 4)
    for number in range(9):
        make(keeper, number, hidden=number > 2)
    short, whole = both(keeper, 0, 3)
    assert short == whole
    assert [link.code for link in short.links] == ["code2", "code1", "code0"]


def test_a_count_that_a_write_may_have_missed_is_not_kept(keeper: Keeper) -> None:
    path = make(keeper, 1, hidden=False)
    store, terms = keeper.app.services.store, keeper.app.services.links.terms
    counts, link_id = HiddenCounts(store), keeper.row(path).id

    async def slow() -> int:
        found = 0
        await terms.change(keeper.account, link_id, TermChanges(hidden=True))
        return found

    async def plain() -> int:
        return 1

    async def work() -> list[int | None]:
        seen = [await counts.learn(keeper.userid, slow), counts.get(keeper.userid)]
        seen += [await counts.learn(keeper.userid, plain), counts.get(keeper.userid)]
        both = await asyncio.gather(*(counts.learn("another", plain) for _ in range(2)))
        return [*seen, *both, counts.get("another")]

    assert keeper.app.run(work()) == [0, None, 1, 1, 1, 1, 1]


def test_what_is_kept_is_bounded(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shortd.links.hidden_counts.KEPT", 2)
    counts = HiddenCounts(keeper.app.services.store)

    async def none() -> int:
        return 0

    async def work() -> None:
        for whose in "abc":
            await counts.learn(whose, none)

    keeper.app.run(work())
    assert [counts.get(whose) for whose in "abc"] == [None, 0, 0]
