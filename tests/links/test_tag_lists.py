"""Tags with any names: in lists with commas between them, and by every way there is in and out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.links.tag_lists import (
    LIST_CHARACTERS,
    TAG_CHARACTERS,
    TAGS,
    joined_tags,
    split_tags,
    without_doubles,
)
from shortd.models.links import Link, RareTerms
from shortd.store.schema import LINKS
from shortd.testing import open_app
from tests.conftest import GENEROUS
from tests.links.places import World
from tests.web.links.test_tables import job_of

LETTERS = st.sampled_from([*"ab,|;\\\"'=-+@ &<", "ü", "\u05d0", "💾"])
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=8), max_size=5).map(without_doubles)


@given(NAMES, st.sampled_from(",|;"), st.sampled_from(["", " "]))
def test_a_list_is_read_as_it_was_written(names: list[str], separator: str, space: str) -> None:
    text = joined_tags(names, separator, space=space)
    assert split_tags(text, separator) == names
    assert len(text) <= LIST_CHARACTERS


def test_the_longest_list_has_room() -> None:
    names = [f"{number:02}" + "," * (TAG_CHARACTERS - 2) for number in range(TAGS)]
    assert len(joined_tags(names, space=" ")) <= LIST_CHARACTERS


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        (" , ,", []),
        ("a, b ,a", ["a", "b"]),
        ("two  words,c:\\d", ["two words", "c:\\d"]),
        (r"a\, b,c", ["a, b", "c"]),
        (r"a\\,b\\", ["a\\", "b\\\\"]),
        (r"a\\\,b", ["a\\,b"]),
        ('"a", b"', ['"a"', 'b"']),
    ],
)
def test_lists_that_people_write(text: str, names: list[str]) -> None:
    assert split_tags(text) == names


def test_rows_from_before_have_their_tags() -> None:
    link = Link(1, "owner", 0, "code", "https://example.org/", 1, rare=RareTerms(title="T"))
    for text, names in {
        "print,two words": ("print", "two words"),
        "": (),
        "a\\,b": ("a\\", "b"),
    }.items():
        row = msgspec.msgpack.decode(LINKS.encode(link))
        assert row[-1][2:4] == ["T", []]
        row[-1][3] = text
        old = LINKS.decode(msgspec.msgpack.encode(row))
        assert old.terms.tags == names
        new = old.with_terms(msgspec.structs.replace(old.terms, title="U"))
        assert LINKS.decode(LINKS.encode(new)).terms == new.terms
        assert new.terms.tags == names


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("tags")
    with open_app(folder / "data", environ=GENEROUS) as app:
        yield World(app)


def tags_of(world: World) -> list[str]:
    """As v2 tells them."""
    found: list[str] = world.v1.call("set_terms", shorturl=world.short_url)["terms"]["tags"]
    return found


def set_tags(world: World, names: list[str]) -> None:
    world.v1.call("set_terms", shorturl=world.short_url, tags=names)


def in_v1(world: World) -> str | None:
    listed = world.v1.ask("entity/link/list", teamId=world.v1.own_team, size=1000)["links"]
    [tags] = [one["tags"] for one in listed if one["id"] == world.link_id]
    return str(tags) if tags else None


def in_table(world: World) -> str:
    text = world.surfer.get("/-/export.csv").content.decode("utf-8-sig")
    table = csv.DictReader(io.StringIO(text, newline=""))
    [cell] = [row["tags"] for row in table if row["short_url"] == world.short_url]
    return cell


def from_table(world: World, cell: str) -> list[str]:
    """Tags of a new link that a table with this cell makes."""
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["url", "tags"], ["https://table.example/", cell]])
    page = world.surfer.send("/-/import", {"text": table.getvalue()}).text
    world.surfer.send("/-/import", {"job": job_of(page)})
    made, *_ = world.v1.call("get_entries", start_index=0, end_index=1)["entries"]
    assert made["url"] == "https://table.example/"
    found: list[str] = world.v1.call("set_terms", shorturl=made["shorturl"])["terms"]["tags"]
    world.v1.call("delete", shorturl=made["shorturl"])
    return found


def on_page(world: World) -> str:
    page = world.surfer.get(f"/-/links/{world.id}/edit").text
    field = re.search(r'<input class="in" id="tags"[^>]* value="([^"]*)"', page)
    assert field is not None
    return unescape(field[1])


@settings(max_examples=25, deadline=None)
@given(NAMES)
def test_every_way_keeps_them(world: World, names: list[str]) -> None:
    set_tags(world, names)
    assert tags_of(world) == names
    shown, typed, cell = in_v1(world), on_page(world), in_table(world)
    assert from_table(world, cell) == names
    for write in (
        lambda: world.v1.ask("entity/link/update", linkId=world.link_id, tags=shown or "-"),
        lambda: world.v1.ask("entity/link/update", linkId=world.link_id, tags=names),
        lambda: world.surfer.send(f"/-/links/{world.id}/edit/lists", {"tags": typed}),
    ):
        if names == ["-"]:
            # In v1 this takes all away.
            continue
        set_tags(world, ["other"])
        write()
        assert tags_of(world) == names
    for name in names:
        page = world.surfer.get(f"/-/dashboard?tag={quote(name)}").text
        assert world.short_url in page


def test_a_name_with_a_comma_as_people_meet_it(world: World) -> None:
    set_tags(world, ["Bern, Zürich", "print"])
    assert in_v1(world) == r"Bern\, Zürich,print"
    assert on_page(world) == r"Bern\, Zürich, print"
    assert in_table(world) == "Bern, Zürich|print"
    for search in ('tag:"Bern, Zürich"', "tag:print"):
        assert world.short_url in world.surfer.get(f"/-/dashboard?q={quote(search)}").text
    assert world.short_url not in world.surfer.get(f"/-/dashboard?q={quote('tag:Bern')}").text
    filled = world.surfer.get(f"/-/new?tag={quote('a, b')}&tags=c,d").text
    assert r'value="a\, b, c,d"' in filled
    set_tags(world, ["Bern, Zürich"])
    assert in_table(world) == "Bern, Zürich|"


@pytest.mark.parametrize("names", [["x" * 65], ["a"] * 2 + [f"{n}" for n in range(50)], ["a\x1b"]])
def test_what_no_link_can_have(world: World, names: list[str]) -> None:
    set_tags(world, ["before"])
    error = world.v1.refused("set_terms", shorturl=world.short_url, tags=names)
    assert error["field"].startswith("tags")
    text = joined_tags(dict.fromkeys(names))
    assert world.v1.denied("entity/link/update", linkId=world.link_id, tags=text) == 400
    answer = world.surfer.send(f"/-/links/{world.id}/edit/lists", {"tags": text})
    assert answer.status_code == 422
    assert tags_of(world) == ["before"]
