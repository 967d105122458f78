"""`shortd link list` and `link search`: with a server and without, of any length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.commands import tables
from shortd.commands.sorting import in_order
from shortd.control import link_lists
from shortd.testing import open_app
from tests.commands.shell import Shell

LINKS = [
    ("one", "https://docs.example.org/a?x=1", "--tag", "print", "--title", "Größe"),
    ("two", "https://example.org/b", "--note", "Ask Ben", "--owner", "ben"),
    ("three", "https://notexample.org/", "--expires", "2100-01-01"),
    ("off", "https://example.net/off"),
    ("done", "https://example.net/done", "--max-clicks", "1"),
    ("old", "https://example.net/old", "--archived"),
    ("there", "https://example.net/there", "--host", "other.example"),
]


@pytest.fixture
def filled(either: Shell) -> Shell:
    if not either.json("user", "list"):
        for name in ("ann", "ben"):
            either.did("user", "add", f"{name}@nowhere.example", "--username", name)
        for code, url, *terms in LINKS:
            owner = [] if "--owner" in terms else ["--owner", "ann"]
            either.did("link", "add", url, "--code", code, *owner, *terms)
        either.did("link", "disable", "off")
    return either


def codes(shell: Shell, *wanted: str) -> list[str]:
    return [link["code"] for link in shell.json("link", *wanted)]


ALL = ["there", "done", "off", "three", "two", "one"]


WANTED: list[tuple[tuple[str, ...], list[str]]] = [
    ((), ALL),
    (("--limit", "2"), ALL[:2]),
    (("--owner", "ben"), ["two"]),
    (("--owner", "ANN@nowhere.example", "--limit", "2"), ["there", "done"]),
    (("--host", "other.example"), ["there"]),
    (("--host", "https://OTHER.example/"), ["there"]),
    (("--destination-host", "example.org"), ["two", "one"]),
    (("--destination-host", "DOCS.example.org."), ["one"]),
    (("--destination-host", "https://example.org/b"), ["two", "one"]),
    (("--destination-host", "org"), ["three", "two", "one"]),
    (("--destination-host", "a b"), []),
    (("--tag", "print"), ["one"]),
    (("--tag", "prin"), []),
    (("--newer", "1h"), ALL),
    (("--older", "1h"), []),
    (("--older", "0s"), ALL),
    (("--clicks-below", "1"), ALL),
    (("--clicks-above", "0"), []),
    (("--disabled",), ["off"]),
    (("--archived",), ["old"]),
    (("--ended",), []),
]
WORDS: list[tuple[tuple[str, ...], list[str]]] = [
    (("GRÖSSE",), ["one"]),
    (("ben",), ["two"]),
    (("example.net", "r", "T"), ["there"]),
    (("print",), ["one"]),
    (("x=1",), ["one"]),
    (("nothing",), []),
    (("--", "-"), []),
]


def test_what_is_asked_for_is_found(filled: Shell) -> None:
    for wanted, found in WANTED:
        assert codes(filled, "list", *wanted) == found, wanted
    assert codes(filled, "list", "--sort", "ending")[0] == "three"
    for words, found in WORDS:
        shown = json.loads(filled.did("link", "search", "--json", *words))
        assert [link["code"] for link in shown] == found, words


def test_a_table_says_the_same(filled: Shell) -> None:
    head, *rows = filled.did("link", "list").splitlines()
    assert head.startswith("SHORT URL")
    assert [row.split()[0].rpartition("/")[2] for row in rows] == ALL
    assert "disabled" in rows[2]
    nothing = filled.run("link", "list", "--tag", "none")
    assert nothing.stdout.splitlines() == [nothing.stdout.strip()]
    assert nothing.stderr.splitlines()[-1] == "shortd: no links"
    assert filled.did("link", "list", "--tag", "none", "--json") == "[]\n"
    assert "There is no account 'eve'." in filled.refused("link", "list", "--owner", "eve")
    assert "There is no host 'x.example'" in filled.refused("link", "list", "--host", "x.example")


def test_clicks_are_told(shell: Shell) -> None:
    with open_app(Path("shortd-data")) as app:
        few, many = app.new_link("https://example.org/few"), app.new_link("https://example.org/m")
        app.visit(few)
        for _ in range(3):
            app.visit(many)
    [first, second] = shell.json("link", "list", "--sort", "clicks")
    assert (first["clicks"], second["clicks"]) == (3, 1)
    assert [link["url"] for link in shell.json("link", "list", "--sort", "latest")] == [
        "https://example.org/m",
        "https://example.org/few",
    ]
    [only] = shell.json("link", "list", "--clicks-above", "1")
    assert only == first
    shell.did("link", "set", first["code"], "--max-clicks", "3")
    [ended] = shell.json("link", "list", "--ended")
    assert ended["code"] == first["code"]
    assert shell.json("status")["clicks"] == 4


def test_long_lists_come_whole_in_many_portions(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_app(Path("shortd-data")) as app:
        urls = [f"https://example.org/{number}" for number in range(23)]
        app.call("urls", userid=app.userid, urls=urls)
        mine = app.userid
    monkeypatch.setattr(link_lists, "PORTION", 5)
    monkeypatch.setattr(tables, "ROWS", 4)
    newest = urls[::-1]
    assert [link["url"] for link in shell.json("link", "list")] == newest
    assert [link["url"] for link in shell.json("link", "list", "--owner", mine)] == newest
    assert [row.split()[-1] for row in shell.did("link", "list").splitlines()[1:]] == newest
    owners = {link["owner"] for link in shell.json("link", "list")}
    assert mine not in owners, "it is what opens the account"
    [owner] = owners
    assert len(shell.json("link", "list", "--owner", owner)) == 23


@given(st.lists(st.integers(-5, 5)), st.integers(1, 9), st.none() | st.integers(1, 9))
def test_order_is_stable(ranks: list[int], size: int, limit: int | None) -> None:
    records = [{"rank": rank, "number": number} for number, rank in enumerate(ranks)]
    portions = [records[start : start + size] for start in range(0, len(records), size)]
    ordered = in_order(iter(portions), lambda record: record["rank"], limit)
    found = [record for portion in ordered for record in portion]
    assert found == sorted(records, key=lambda record: record["rank"])[:limit]
