"""Changing a link's terms: as a whole or not at all, by its owner, and never the wrong way."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from shortd.errors import ShortdError
from shortd.links.terms import TermChanges
from shortd.models.common import NEVER
from shortd.models.links import RareTerms, Terms
from shortd.store.schema import LINKS
from shortd.testing import RunningApp
from tests.links.keeper import TARGET, Keeper
from tests.web.test_unlock_page import share


def refused(keeper: Keeper, path: str, **terms: Any) -> tuple[str, str | None]:
    """Code and field of the error; nothing has changed."""
    before = keeper.row(path)
    with pytest.raises(ShortdError) as refusal:
        keeper.change(path, **terms)
    assert keeper.row(path) == before
    return refusal.value.code, refusal.value.field


def test_what_is_not_given_stays(keeper: Keeper) -> None:
    path = keeper.link()
    keeper.change(path, title="A  title\t", tags="a, b", hidden=True, utm_term="t")
    before = keeper.row(path)
    assert before.rare == RareTerms(
        title="A title", tags=("a", "b"), hidden=True, utm=("", "", "", "t", "")
    )
    assert keeper.change(path) == before
    changed = keeper.change(path, unique_minutes=10)
    assert changed.rare == msgspec.structs.replace(before.rare, unique_minutes=10)
    assert (changed.id, changed.utime, changed.url) == (before.id, before.utime, before.url)


def test_a_link_without_terms_has_a_lean_row(keeper: Keeper) -> None:
    path = keeper.link(
        title="t", tags="t", hidden=True, utm_source="u", password="p", date_fallback=TARGET
    )
    keeper.change(
        path, title="", tags=" ", hidden=False, utm_source="", password="", date_fallback=""
    )
    assert keeper.row(path).rare is None


def test_terms_of_time_and_clicks_are_those_of_v2(keeper: Keeper) -> None:
    path = keeper.link(expiration_utime=5, expiration_count=7)
    entry = keeper.call("get_entry", path)["entry"]
    assert (entry["expiration_utime"], entry["expiration_count"]) == (5, 7)
    keeper.call("set_expiration_count", path, expiration_count=9)
    keeper.change(path, expiration_utime=NEVER)
    row = keeper.row(path)
    assert (row.expiration_utime, row.expiration_count, row.rare) == (NEVER, 9, None)


def test_v2_changes_leave_the_other_terms_alone(keeper: Keeper) -> None:
    path = keeper.link(title="title", utm_source="mail")
    rare = keeper.row(path).rare
    keeper.call("set_tag", path, tag=5)
    keeper.call("set_enabled", path, enabled=False)
    keeper.app.call(
        "change_shorturl",
        userid=keeper.userid,
        shorturl_old=keeper.short_url(path),
        shorturl_new=keeper.short_url("/elsewhere"),
    )
    assert keeper.row("/elsewhere").rare == rare


def test_a_new_code_moves_the_link_with_all_that_changes(keeper: Keeper) -> None:
    path = keeper.link()
    keeper.goes(path)
    moved = keeper.change(path, code="own-Code_1", title="new")
    assert (moved.code, keeper.count("/own-Code_1")) == ("own-Code_1", 1)
    assert keeper.goes(path) == 404
    assert keeper.goes("/own-Code_1") == TARGET
    # Its own code again is no move.
    assert keeper.change("/own-Code_1", code="own-Code_1") == moved


def test_a_code_in_use_is_refused_with_all_that_changes(keeper: Keeper) -> None:
    path, other = keeper.link(), keeper.link()
    assert refused(keeper, path, code=other[1:], title="new") == ("code_taken", "code")
    stranger = Keeper(keeper.app)
    assert refused(stranger, stranger.link(), code=other[1:]) == ("code_taken", "code")


@pytest.mark.parametrize("code", ["", "-a", "a/b", "a+", "ä", "a" * 65, "a\n", "a.b"])
def test_a_code_that_cannot_be_one_is_refused(keeper: Keeper, code: str) -> None:
    assert refused(keeper, keeper.link(), code=code) == ("invalid_code", "code")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "x" * 513),
        ("title", "a\x00b"),
        ("title", "\ud800"),
        ("tags", "x" * 513),
        ("tags", "a\x1bb"),
        ("utm_source", "ü" * 129),
        ("utm_content", "a\nb"),
        ("utm_term", "\udfff"),
        ("expiration_count", -1),
        ("expiration_count", 2**63),
        ("expiration_utime", -1),
    ],
)
def test_values_that_cannot_be_are_refused(keeper: Keeper, name: str, value: Any) -> None:
    path = keeper.link(title="old")
    assert refused(keeper, path, **{"tags": "new", name: value}) == ("invalid_field", name)


def test_a_title_of_any_language_is_kept(keeper: Keeper) -> None:
    title = "日本 & <b>Ünïcode</b> \N{WOMAN}\u200d\N{PERSONAL COMPUTER}"
    rare = keeper.change(keeper.link(), title=f"\n{title}\r\n").rare
    assert rare is not None
    assert rare.title == title


def test_a_strangers_link_is_none(keeper: Keeper) -> None:
    stranger = Keeper(keeper.app)
    link = keeper.row(keeper.link())
    services = keeper.app.services
    for which in (link.id, (link.host, link.code), link.id + 1, (0, "nosuch")):
        change = services.links.terms.change(
            stranger.account, which, TermChanges(password="x", title="y")
        )
        with pytest.raises(ShortdError) as refusal:
            keeper.app.run(change)
        assert refusal.value.code == "entry_not_found"
    assert services.links.links.get(keeper.account, link.id) == link


def test_a_files_link_keeps_its_file(app: RunningApp) -> None:
    keeper = Keeper(app)
    path = "/" + share(app, b"x", userid=keeper.userid)
    assert refused(keeper, path, destination=TARGET) == ("invalid_field", "destination")
    keeper.change(path, title="A file")
    assert str(keeper.goes(path)).startswith("/-/files/")


def test_changes_under_way_together_all_happen(keeper: Keeper) -> None:
    path = keeper.link()
    terms: list[dict[str, Any]] = [
        {"title": "title"},
        {"tags": "tags"},
        {"hidden": True},
        {"utm_source": "source"},
        {"utm_medium": "medium"},
        {"password": "password"},
        {"unique_minutes": 5},
        {"date_fallback": TARGET},
        {"counts_unique": True},
    ]
    account, link = keeper.account, keeper.row(path)

    async def together() -> None:
        change = keeper.app.services.links.terms.change
        await asyncio.gather(*(change(account, link.id, TermChanges(**one)) for one in terms))

    keeper.app.run(together())
    rare = keeper.row(path).rare
    assert rare is not None and rare.password is not None
    assert msgspec.structs.replace(rare, password=None) == RareTerms(
        title="title",
        tags=("tags",),
        hidden=True,
        utm=("source", "medium", "", "", ""),
        unique_minutes=5,
        date_fallback=TARGET,
        counts_unique=True,
    )


def test_a_new_link_has_its_terms_from_the_first_moment_on(keeper: Keeper) -> None:
    terms = keeper.app.services.links.terms
    changes = TermChanges(password="secret", title="new", utm_source="mail", code="unused")
    new = keeper.app.run(terms.of_new(changes))
    link = keeper.create(terms=new.terms, password=new.password)
    assert keeper.goes(f"/{link.code}") == 200
    assert (link.terms.title, link.terms.utm) == ("new", ("mail", "", "", "", ""))
    nothing = keeper.app.run(terms.of_new(TermChanges(title="", password="")))
    assert keeper.create(terms=nothing.terms, password=nothing.password).rare is None


class TestCodes:
    def test_of_five_characters(self, keeper: Keeper) -> None:
        links = [keeper.create(drawn_lengths=(5,)) for _ in range(20)]
        assert {len(link.code) for link in links} == {5}
        assert len({link.code for link in links} | {link.id for link in links}) == 40
        assert keeper.goes(f"/{links[0].code}") == TARGET

    def test_the_shortest_there_is(self, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn = iter(["abc", "abd"])

        def draw(random: object, length: int) -> str:
            return next(drawn, "abc") if length == 3 else f"{length:0>{length}}"

        monkeypatch.setattr("shortd.links.links.random_text", draw)
        codes = [keeper.create(drawn_lengths=(3, 4)).code for _ in range(4)]
        # With none of three characters left, four; with none of those either, what an id spells.
        assert codes[:3] == ["abc", "abd", "0004"]
        assert len(codes[3]) == 6

    def test_an_own_code_is_taken_even_by_oneself(self, keeper: Keeper) -> None:
        first = keeper.create(code="Own", replaces=False, terms=Terms(title="first"))
        for owner in (keeper, Keeper(keeper.app)):
            with pytest.raises(ShortdError) as refusal:
                owner.create(code="Own", replaces=False)
            assert (refusal.value.code, refusal.value.field) == ("code_taken", "code")
        with keeper.app.services.store.read() as txn:
            assert LINKS.get(txn, (0, "Own")) == first
