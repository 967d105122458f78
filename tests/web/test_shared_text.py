"""`/-/new`, filled in by bookmarks, keywords of browsers, and what phones share."""

from __future__ import annotations

import re
import time
from html import unescape
from urllib.parse import urlencode

import pytest

from shortd.web.home.shared_text import addresses
from tests.web.surfer import Surfer
from tests.web.test_home import links_of
from tests.web.test_pages import read

A, B = "https://a.example/", "https://b.example/"

Query = dict[str, str | list[str]]


def filled(visitor: Surfer, query: Query) -> dict[str, str]:
    """What stands in the fields of the form."""
    page = visitor.get(f"/-/new?{urlencode(query, doseq=True)}").text
    fields = {one["name"] or "": one.get("value") or "" for one in read(page).all("input")}
    lines = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    return fields if lines is None else {**fields, "url": unescape(lines[1])}


@pytest.mark.parametrize(
    ("query", "url", "title"),
    [
        ({"text": A}, A, ""),
        ({"text": f"Look at {A}x now", "title": "News"}, f"{A}x", "News"),
        ({"text": f"{A}?a=b&c=d#e"}, f"{A}?a=b&c=d#e", ""),
        ({"text": f"(see {A}b_(c), \u201c{B}\u201d.)"}, f"{A}b_(c)\n{B}", ""),
        ({"text": f"{A} and again {A}!"}, A, ""),
        ({"text": f"Two:\r\n{A}\r\n{B}\r\n"}, f"{A}\n{B}", ""),
        ({"text": "a.example/x"}, "a.example/x", ""),
        ({"text": "nothing to see", "title": "News"}, "", "News"),
        ({"text": "Really... no"}, "", ""),
        ({"title": f"{A}x"}, f"{A}x", ""),
        ({"url": "a.example", "text": B, "title": "News"}, "a.example", "News"),
        ({"url": "", "text": B}, B, ""),
        ({"url": " ", "text": B}, B, ""),
        ({"url": ["a.example", "b.example"]}, "a.example\nb.example", ""),
        ({"url": "a.example\nb.example"}, "a.example\nb.example", ""),
        ({"url": "a.example", "title": "x" * 600}, "a.example", "x" * 512),
    ],
)
def test_what_is_shared(surfer: Surfer, query: Query, url: str, title: str) -> None:
    fields = filled(surfer, query)
    assert (fields["url"], fields["title"]) == (url, title)


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ({"tag": "print"}, "print"),
        ({"tag": ["print", "b c"]}, "print, b c"),
        ({"tags": "print,b c"}, "print,b c"),
        ({"tag": "a", "tags": "b"}, "a, b"),
        ({"tag": ""}, ""),
    ],
)
def test_tags(surfer: Surfer, query: Query, tags: str) -> None:
    assert filled(surfer, query)["tags"] == tags


def test_several_become_as_many_links(surfer: Surfer) -> None:
    shared: Query = {"text": f"Two: {A}1, {A}2.", "tag": ["print", "b c"], "title": "News"}
    made = surfer.follow(surfer.send("/-/new", filled(surfer, shared)))
    assert "/-/made.csv" in made.text
    links = links_of(surfer)
    assert {link.url for link in links} == {f"{A}1", f"{A}2"}
    assert {(link.terms.title, link.terms.tags) for link in links} == {("News", ("print", "b c"))}


def test_brackets_without_number_cost_little() -> None:
    """As many as fit into the head of a request, which anybody may send."""
    begun = time.process_time()
    assert addresses(f"{A}x(y)" + ")" * 60_000) == f"{A}x(y)"
    assert time.process_time() - begun < 0.5
