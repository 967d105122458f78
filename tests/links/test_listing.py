"""Lists of links: what fits a search, page by page, in four orders."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.links.listing import Listed
from shortd.links.queries import EVERYTHING, LinkQuery, Sort, State, parse
from shortd.models.common import NEVER
from shortd.models.links import Terms
from shortd.testing import RunningApp
from tests.links.keeper import Keeper

DAY = 86_400_000_000


def page(keeper: Keeper, query: LinkQuery, after: str = "", count: int = 50) -> Listed:
    services = keeper.app.services
    return keeper.app.run(
        services.links.listing.page(
            keeper.account, query, keeper.app.clock.now(), after=after, count=count
        )
    )


def codes(listed: Listed) -> list[str]:
    return [link.code for link in listed.links]


def found(keeper: Keeper, text: str) -> list[str]:
    return sorted(codes(page(keeper, parse(text))))


@pytest.fixture
def shelf(keeper: Keeper) -> Keeper:
    now = keeper.app.clock.now()
    keeper.create(code="autumn26", terms=Terms(title="Autumn campaign", tags=("print", "shop")))
    keeper.create(code="wifi", terms=Terms(title="Guest Wi-Fi", enabled=False))
    keeper.create(code="soon", terms=Terms(expiration_utime=now + 3 * DAY, tag=0b101))
    keeper.create(code="over", terms=Terms(expiration_utime=now - 1))
    keeper.create(code="secret", terms=Terms(hidden=True, tags=("print",)))
    keeper.create(code="once", terms=Terms(expiration_count=1, title="Straße"))
    keeper.visit("/once")
    return keeper


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["autumn26", "once", "over", "soon", "wifi"]),
        ("AUTUMN", ["autumn26"]),
        ("campaign autumn", ["autumn26"]),
        ("target.example autumn", ["autumn26"]),
        ("strasse", ["once"]),
        ("wi-fi", ["wifi"]),
        ("nothing of this", []),
        ("is:off", ["wifi"]),
        ("is:on wifi", []),
        ("is:ended", ["once", "over"]),
        ("is:hidden", ["secret"]),
        ("is:url is:off", ["wifi"]),
        ("is:file", []),
        ("is:what", []),
        ("tag:print", ["autumn26"]),
        ("tag:print tag:shop", ["autumn26"]),
        ("tag:prin", []),
        ("bit:0", ["soon"]),
        ("bit:1", []),
        ("bit:2 is:on", ["soon"]),
        ("bit:99", []),
        ("ends:7d", ["soon"]),
        ("ends:1h", []),
        ("host:elsewhere.example", []),
        ("campaign:none", []),
        ('tag:"print"', ["autumn26"]),
    ],
)
def test_what_fits_is_found(shelf: Keeper, text: str, expected: list[str]) -> None:
    assert found(shelf, text) == expected


def test_a_host_is_told_by_its_name(shelf: Keeper) -> None:
    name = shelf.app.services.hosts.default.name
    assert len(found(shelf, f"host:{name}")) == 5


@given(st.text(max_size=60))
def test_whatever_is_typed_means_something(text: str) -> None:
    query = parse(text)
    assert query.text == " ".join(query.text.split())
    assert parse(query.text).text == query.text or ":" in query.text


@given(st.sampled_from(["tag", "is", "host", "ends", "bit", "campaign"]), st.text(max_size=20))
def test_what_is_asked_for_otherwise_stays(name: str, value: str) -> None:
    chosen = LinkQuery(tags=("one",), states=(State.URL,), sort=Sort.CLICKS, team="team")
    query = parse(f"{name}:{value}", chosen)
    assert "one" in query.tags and State.URL in query.states
    assert (query.sort, query.team) == (Sort.CLICKS, "team")


def test_pages_have_each_link_once_and_end(keeper: Keeper) -> None:
    made = [keeper.create().code for _ in range(23)]
    seen, after, starts = [], "", []
    while True:
        listed = page(keeper, EVERYTHING, after, count=10)
        seen += codes(listed)
        starts.append(listed.start)
        if not (after := listed.older):
            break
    assert seen == made[::-1]
    assert starts == [0, 10, 20]
    assert listed.total == 23
    assert page(keeper, EVERYTHING, "nonsense", count=10).start == 0
    assert page(keeper, EVERYTHING, f"{2**64}-1-1", count=10).start == 0


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_of_every_order_are_its_whole(keeper: Keeper, sort: Sort) -> None:
    now = keeper.app.clock.now()
    for number in range(12):
        ends = now + number % 5 * DAY + 1 if number % 3 else NEVER
        link = keeper.create(terms=Terms(expiration_utime=ends))
        for _ in range(number % 4):
            keeper.visit(f"/{link.code}")
            keeper.app.clock.advance(1)
    whole = codes(page(keeper, LinkQuery(sort=sort)))
    parts, after = [], ""
    while True:
        listed = page(keeper, LinkQuery(sort=sort), after, count=5)
        parts += codes(listed)
        if not (after := listed.older):
            break
    assert parts == whole
    assert len(set(whole)) == 12


def test_orders(keeper: Keeper) -> None:
    now = keeper.app.clock.now()
    keeper.create(code="first", terms=Terms(expiration_utime=now + DAY))
    keeper.create(code="second")
    keeper.create(code="third", terms=Terms(expiration_utime=now + DAY // 2))
    for code, clicks in (("first", 1), ("second", 3), ("third", 2)):
        for _ in range(clicks):
            keeper.app.clock.advance(1)
            keeper.visit(f"/{code}")

    def order(sort: Sort) -> list[str]:
        return codes(page(keeper, LinkQuery(sort=sort)))

    assert order(Sort.NEW) == ["third", "second", "first"]
    assert order(Sort.CLICKS) == ["second", "third", "first"]
    assert order(Sort.LATEST) == ["third", "second", "first"]
    assert order(Sort.ENDING) == ["third", "first", "second"]


def test_an_order_is_kept_for_a_minute(keeper: Keeper) -> None:
    keeper.create(code="first")
    query = LinkQuery(sort=Sort.CLICKS)
    before = page(keeper, query)
    keeper.create(code="second")
    keeper.app.clock.advance(59)
    assert (codes(page(keeper, query)), page(keeper, query).as_of) == (["first"], before.as_of)
    keeper.app.clock.advance(1)
    assert len(codes(page(keeper, query))) == 2
    keeper.create(code="third")
    keeper.app.services.links.listing.forget(keeper.account)
    assert len(codes(page(keeper, query))) == 3


def test_who_asks_meanwhile_waits_for_the_same(keeper: Keeper) -> None:
    keeper.create()
    listing, account = keeper.app.services.links.listing, keeper.account
    now = keeper.app.clock.now()

    async def ask() -> list[Listed]:
        asked = [listing.page(account, LinkQuery(sort=Sort.CLICKS), now) for _ in range(3)]
        return await asyncio.gather(*asked)

    first, *others = keeper.app.run(ask())
    assert all(other == first for other in others)


def test_others_links_are_in_no_list(app: RunningApp) -> None:
    one, other = Keeper(app), Keeper(app)
    one.create(code="mine")
    assert codes(page(other, EVERYTHING)) == []
    assert codes(page(other, LinkQuery(sort=Sort.CLICKS))) == []
