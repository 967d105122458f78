"""Campaign parameters: merged into whatever a link leads to, and nothing else touched."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_plus, urlsplit

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.hosts.destinations import UTM_NAMES, with_utm
from tests.links.keeper import Keeper

ALL = {name: f"{name[4:]} ü&=#" for name in UTM_NAMES}
SENT = "utm_source=source%20%C3%BC%26%3D%23"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://e.example", f"https://e.example?{SENT}"),
        ("https://e.example/", f"https://e.example/?{SENT}"),
        ("https://e.example/?", f"https://e.example/?{SENT}"),
        ("https://e.example/#f?utm_source=x", f"https://e.example/?{SENT}#f?utm_source=x"),
        ("https://e.example/?a=%41&&b#f#", f"https://e.example/?a=%41&&b&{SENT}#f#"),
        ("https://e.example/?utm_source=old", f"https://e.example/?{SENT}"),
        (
            "https://e.example/?utm_source=1&b=2&utm%5Fsource=3&utm_source&c=4&utm_medium=m",
            f"https://e.example/?b=2&c=4&utm_medium=m&{SENT}",
        ),
        ("https://e.example/?UTM_SOURCE=x", f"https://e.example/?UTM_SOURCE=x&{SENT}"),
        (
            "https://exämple.com/ä?ö=ü&utm_source=ß#ß",
            f"https://xn--exmple-cua.com/%C3%A4?%C3%B6=%C3%BC&{SENT}#%C3%9F",
        ),
    ],
)
def test_parameters_of_the_same_name_make_way(keeper: Keeper, url: str, location: str) -> None:
    path = keeper.link(url, utm_source=ALL["utm_source"])
    assert keeper.goes(path) == location
    assert keeper.goes(path, method="HEAD") == location
    assert keeper.call("get_entry", path)["entry"]["url"] == url


def test_all_five_in_their_order(keeper: Keeper) -> None:
    location = keeper.goes(keeper.link("https://e.example/", **ALL))
    assert isinstance(location, str)
    assert parse_qsl(urlsplit(location).query) == list(ALL.items())


def test_an_empty_one_removes_its_own_alone(keeper: Keeper) -> None:
    path = keeper.link("https://e.example/", utm_source="a", utm_term="b")
    keeper.change(path, utm_source="")
    assert keeper.goes(path) == "https://e.example/?utm_term=b"
    keeper.change(path, utm_term="")
    assert keeper.goes(path) == "https://e.example/"
    assert keeper.row(path).rare is None


def test_they_go_where_plugins_lead(keeper: Keeper) -> None:
    path = keeper.link("https://main.example/", utm_source="mail")
    split = {"variants": [{"url": "https://b.example/ä?utm_source=x&y=z#f", "weight": 50}]}
    keeper.call("set_plugin", path, plugin="ab", data=split)
    phones = {"ios": "https://ios.example/"}
    keeper.call("set_plugin", path, plugin="mobile", data=phones)
    led = {keeper.goes(path, f"agent {number}") for number in range(30)}
    b = "https://b.example/%C3%A4?y=z&utm_source=mail#f"
    assert led == {"https://main.example/?utm_source=mail", b}
    assert keeper.goes(path, "iPhone") == "https://ios.example/?utm_source=mail"


def test_a_change_is_seen_at_once(keeper: Keeper) -> None:
    path = keeper.link("https://e.example/")
    assert keeper.goes(path) == "https://e.example/"
    keeper.change(path, utm_source="one")
    assert keeper.goes(path) == "https://e.example/?utm_source=one"
    keeper.change(path, destination="https://f.example/ä")
    assert keeper.goes(path) == "https://f.example/%C3%A4?utm_source=one"


def test_the_preview_shows_them(keeper: Keeper) -> None:
    path = keeper.link("https://e.example/", utm_source="mail")
    assert "utm_source=mail" in keeper.visit(path + "+").text


QUERY = st.text("abutm_source%5F=&?+;/.~é", max_size=30).map(
    lambda text: ada_url.URL(f"https://e.example/?{text}").search.removeprefix("?")
)
VALUES = st.lists(st.text(max_size=8), min_size=5, max_size=5).filter(any)


@given(query=QUERY, fragment=st.text("a#?&=%", max_size=8), values=VALUES)
def test_the_rest_stays_byte_for_byte(query: str, fragment: str, values: list[str]) -> None:
    tail = f"#{fragment}" if fragment else ""
    merged = with_utm(f"https://e.example/p{'?' if query else ''}{query}{tail}", values)
    added = {name: value for name, value in zip(UTM_NAMES, values, strict=True) if value}
    assert merged.isascii()
    head, _, new_query = merged.removesuffix(tail).partition("?")
    assert (head, merged.endswith(tail)) == ("https://e.example/p", True)
    pairs = new_query.split("&")
    kept, ours = pairs[: len(pairs) - len(added)], pairs[len(pairs) - len(added) :]
    others = [
        pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in added
    ]
    assert kept == (others if query else [])
    assert [tuple(map(unquote_plus, pair.split("="))) for pair in ours] == list(added.items())
    # What is merged twice is merged once.
    assert with_utm(merged, values) == merged
