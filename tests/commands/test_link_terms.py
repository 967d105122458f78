"""`shortd link add`, `show`, `set`, `enable`, `disable`, `delete`: with a server and without."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shortd.commands.terms import _OPTIONS
from shortd.links.terms import TermChanges
from shortd.models.audit import Action
from tests.commands.shell import Shell, all_commands, said

YEAR_2100 = round(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
TERMS: list[tuple[list[str], list[str], str, Any, Any]] = [
    (["--title", "Our shop"], ["--title", ""], "title", "Our shop", ""),
    (["--tag", "print", "--tag", "web, too"], ["--no-tags"], "tags", ["print", "web, too"], []),
    (["--note", "Ask Ben"], ["--note", ""], "note", "Ask Ben", ""),
    (["--starts", "2100-01-01"], ["--starts", "never"], "valid_since", YEAR_2100, None),
    (
        ["--expires", "2100-01-01T01:00+01:00"],
        ["--expires", "never"],
        *("expiration_utime", YEAR_2100, None),
    ),
    (["--max-clicks", "7"], ["--max-clicks", "0"], "expiration_count", 7, None),
    (["--count-unique"], ["--count-all"], "counts_unique", True, False),
    (["--unique-minutes", "5"], ["--unique-minutes", "0"], "unique_minutes", 5, 0),
    (
        ["--expired-url", "https://example.org/late"],
        ["--expired-url", ""],
        *("date_fallback", "https://example.org/late", ""),
    ),
    (
        ["--used-up-url", "https://example.org/full"],
        ["--used-up-url", ""],
        *("count_fallback", "https://example.org/full", ""),
    ),
    (["--password"], ["--no-password"], "password", True, False),
    (["--utm-source", "mail"], ["--utm-source", ""], "utm", {"utm_source": "mail"}, {}),
    (["--forward-query", "link"], ["--forward-query", "server"], "forward_query", "link", "server"),
    (["--robots", "yes"], ["--robots", "server"], "robots", True, None),
    (["--archived"], ["--not-archived"], "archived", True, False),
    (["--tag-bits", "6"], ["--tag-bits", "0"], "tag", 6, 0),
]
"""How each term is given and taken away, and what `link show` has then."""


@pytest.fixture
def code(either: Shell) -> str:
    """A link's, which is somebody's."""
    if not either.json("user", "list"):
        either.did("user", "add", "ann@nowhere.example", "--username", "ann")
    url = either.did("link", "add", "https://example.org/", "--owner", "ann").strip()
    return url.rpartition("/")[2]


def test_all_terms_are_set_and_taken_away(either: Shell, code: str) -> None:
    secret = {"SHORTD_LINK_PASSWORD": "Open sesame"}
    given = [word for words, *_ in TERMS for word in words]
    gone = [word for _, words, *_ in TERMS for word in words]
    changed = either.did("link", "set", code, *given, **secret)
    assert changed.startswith("http")
    assert "Open sesame" not in changed
    [link] = either.json("link", "show", code)
    assert [link[name] for *_, name, _, _ in TERMS] == [there for *_, there, _ in TERMS]
    shown = either.did("link", "show", code)
    for words in ("Our shop", "print, web, too", "Ask Ben", "2100-01-01 00:00 UTC", "archived"):
        assert words in shown
    either.did("link", "set", code, *gone)
    [link] = either.json("link", "show", code)
    assert [link[name] for *_, name, _, _ in TERMS] == [none for *_, none in TERMS]
    # The same options are for new ones.
    url = either.did("link", "add", "https://example.org/", *given, **secret).strip()
    [link] = either.json("link", "show", url)
    assert [link[name] for *_, name, _, _ in TERMS] == [there for *_, there, _ in TERMS]
    either.did("link", "delete", url)


def test_a_term_by_the_name_that_the_apis_have(bare: Shell) -> None:
    bare.did("init")
    code = "later"
    bare.did("link", "add", "https://example.org/", "--code", code, "--valid-since", "2100-01-01")
    [link] = bare.json("link", "show", code)
    assert link["valid_since"] == YEAR_2100


def test_there_is_an_option_for_every_term() -> None:
    [command] = [found for words, found in all_commands() if words == ("link", "set")]
    names = {one.name for one in command.params}
    of_terms = {words[0].removeprefix("--").replace("-", "_") for words, *_ in TERMS}
    assert len(_OPTIONS) + 2 == len(names - {"config_file", "data_dir", "links", "host"})
    assert {"tags" if name == "tag" else name for name in of_terms} <= names
    assert len(TermChanges.__struct_fields__) == len(TERMS) + 4 + len(["code", "url", "enabled"])


def test_its_code_and_destination_are_changed(either: Shell, code: str) -> None:
    either.did("link", "set", code, "--url", "https://example.com/new", "--code", f"{code}-x")
    [link] = either.json("link", "show", f"{code}-x")
    assert link["url"] == "https://example.com/new"
    assert either.refused("link", "show", code) == f"There is no link {code!r}."
    assert either.refused("link", "set", f"{code}-x", "--url", "javascript:alert(1)")
    assert "between slashes" in either.refused("link", "set", f"{code}-x", "--code", "x/../y")


@pytest.mark.parametrize("wide", ["-dash", "a/b c", "é+", "50%", "x.svg", "Straße~"])
def test_operators_may_use_any_characters(either: Shell, code: str, wide: str) -> None:
    url = either.did("link", "add", "https://example.org/", f"--code={wide}").strip()
    for name in (wide, url, url.removeprefix("http://")):
        [link] = json.loads(either.did("link", "show", "--json", "--", name))
        assert (link["code"], link["short_url"]) == (wide, url)
    either.did("link", "set", code, f"--code={wide}2")
    either.did("link", "delete", "--", wide, f"{wide}2")


def test_links_are_called_in_many_ways(either: Shell, code: str) -> None:
    [link] = either.json("link", "show", code)
    url = link["short_url"]
    bare = url.removeprefix("http://")
    for name in (
        url,
        bare,
        f" {url}",
        f"{url}?x=1",
        f"<{url}>",
        bare.upper().replace(code.upper(), code),
    ):
        assert either.json("link", "show", name) == [link], name
    assert either.json("link", "show", code, "--host", link["host"]) == [link]
    for name in (
        "",
        "/",
        "http://",
        "nothing/here",
        f"https://else.example/{code}",
        "\0",
        "x" * 9000,
    ):
        refusal = either.run("link", "show", "--", name)
        assert refusal.exit_code == 1
        assert said(refusal.stderr)[-1].startswith("shortd: There is no link "), name
    assert "There is no host 'else.example'" in either.refused(
        "link", "show", code, "--host", "else.example"
    )


def test_a_code_on_two_hosts_needs_one_named(either: Shell, code: str) -> None:
    url = either.did(
        *("link", "add", "https://example.org/o", "--host", "other.example", "--code", code)
    ).strip()
    assert url == f"https://other.example/{code}"
    refusal = either.refused("link", "show", code)
    assert url in refusal
    assert refusal.endswith("say which by --host.")
    assert either.did("link", "disable", code, "--host", "other.example") == f"{url} is off.\n"
    states = {
        link["host"]: link["enabled"]
        for link in either.json("link", "list")
        if link["code"] == code
    }
    assert states.pop("other.example") is False
    assert list(states.values()) == [True]


def test_done_in_part(either: Shell, code: str) -> None:
    for command, words in (("disable", "is off."), ("enable", "is on."), ("delete", "Deleted")):
        result = either.run("link", command, code, "nope", "no/pe", "--reason", "a \x1b[1m test")
        assert result.exit_code == 3
        assert words in result.stdout
        assert [line.count("There is no link") for line in said(result.stderr)] == [1, 1]
    assert either.refused("link", "enable", code) == f"There is no link {code!r}."
    shown = either.run("link", "show", code, code)
    assert (shown.exit_code, shown.stdout) == (1, "")


def test_what_is_disabled_stays_so_for_its_owner(either: Shell, code: str) -> None:
    either.did("link", "disable", code)
    [link] = either.json("link", "show", code)
    assert (link["enabled"], link["barred"]) == (False, True)
    either.did("link", "enable", code)
    [link] = either.json("link", "show", code)
    assert (link["enabled"], link["barred"]) == (True, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "abc"),
        ("set", "abc", "def", "--code", "x"),
        ("set", "abc", "--tag", "a", "--no-tags"),
        ("set", "abc", "--expires", "soon"),
        ("set", "abc", "--starts", "1969-01-01"),
        ("set", "abc", "--expires", "9999999-01-01"),
        ("list", "--older", "7x"),
        ("list", "--limit", "0"),
        ("list", "--sort", "size"),
        ("add",),
        ("show",),
        ("search",),
    ],
    ids=" ".join,
)
def test_wrong_use(bare: Shell, arguments: tuple[str, ...]) -> None:
    assert bare.run("link", *arguments).exit_code == 2


REFUSED = [
    (("ftp://example.org",), "must begin with http"),
    (("https://example.org/", "--code", "a\x01b"), "control characters"),
    (("https://example.org/", "--code", ".."), "take “.” and “..” between slashes out"),
    (("https://example.org/", "--code", "v2/login"), "server"),
    (
        ("https://example.org/", "--host", "else.example"),
        "There is no host 'else.example' here, but",
    ),
    (("https://example.org/", "--owner", "nobody"), "There is no account 'nobody'."),
    (("https://example.org/", "--expired-url", "x"), "must begin with http"),
    (("https://example.org/", "--title", "x" * 600), "At most 512 characters."),
]


def test_what_is_no_link_is_told(either: Shell) -> None:
    before = either.json("link", "list")
    for arguments, words in REFUSED:
        assert words in either.refused("link", "add", *arguments)
    assert either.json("link", "list") == before


def test_whose_a_new_link_is(shell: Shell) -> None:
    def owner() -> str:
        url = shell.did("link", "add", "https://example.org/").strip()
        [link] = shell.json("link", "show", url)
        return str(link["owner"])

    assert owner() == "@anonymous"
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    assert owner() == "ann"
    shell.did("user", "add", "ben@nowhere.example", "--username", "ben")
    assert owner() == "@anonymous"
    shell.did("user", "set", "ben", "--operator")
    assert owner() == "ben"
    lines = shell.json("audit")
    assert {line["action"] for line in lines} >= {Action.ADD_LINK.value}
    assert lines[0]["subject"] == "https://example.org/"
