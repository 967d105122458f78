"""Commands in documents are commands that there are, with options and values that these take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest

from shortd.commands.cli import main
from tests.documents import ROOT, fenced, prose

DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

PROGRAMS = ("shortd", ".venv/bin/shortd", "shortd/shortd")
NO_COMMANDS = {"file key"}
"""What begins like one: a word of sharing.md's cryptography."""


def lines_of(name: str) -> Iterator[str]:
    """What is typed in a document's blocks, with continued lines as one."""
    for text in fenced(name, "sh"):
        yield from text.replace("\\\n", " ").splitlines()
    for text in fenced(name, "console"):
        yield from re.findall(r"^\$ (.*)$", text.replace("\n> ", " "), re.MULTILINE)


def commands_of(line: str) -> list[list[str]]:
    """Of each `shortd` in a line, the words behind it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word and set(word) <= set(";|&()"):
            parts.append([])
        else:
            parts[-1].append(word)
    found = []
    for words in parts:
        places = [at for at, word in enumerate(words) if word in PROGRAMS]
        # The last one: `docker compose exec shortd shortd …`.
        if places and (rest := words[places[-1] + 1 :]):
            cut = [at for at, word in enumerate(rest) if word and set(word) <= set("<>")]
            rest = rest[: cut[0]] if cut else rest
            # Words come by standard input.
            found.append([*rest, "word"] if "xargs" in words else rest)
    return found


def parse(words: list[str]) -> None:
    """Reads a command line as click does, to the end, and runs nothing. Raises UsageError."""
    command: click.Command = main
    above: click.Context | None = None
    while True:
        context = command.make_context(command.name, list(words), parent=above)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command, above = found, context


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in examples are not here, and nobody answers."""

    def convert(path: click.Path, value: Any, *_: object) -> Any:
        return path.coerce_path_result(value)

    monkeypatch.setattr(click.Path, "convert", convert)
    monkeypatch.setattr(click.Option, "prompt_for_value", lambda *_: True)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_blocks_can_be_typed(name: str) -> None:
    for line in lines_of(name):
        if "shortd" not in line:
            continue
        for words in commands_of(line):
            try:
                parse(words)
            except click.exceptions.Exit as end:
                assert end.exit_code == 0, line
            except click.UsageError as error:
                pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_sentences_are_there(name: str) -> None:
    for text in re.findall(r"`shortd ([^`]+)`", prose(name)):
        if text in NO_COMMANDS:
            continue
        words = " ".join(text.split()).split(" | ")[0].split(" ")
        command: click.Command = main
        while words and isinstance(command, click.Group):
            if words[0].startswith("-") or not re.fullmatch(r"[a-z-]+", words[0]):
                break
            found = command.get_command(click.Context(command), words[0])
            if found is None and command is not main and command.invoke_without_command:
                break
            assert found is not None, text
            command, words = found, words[1:]
        known = {name for parameter in command.params for name in parameter.opts}
        known |= {name for parameter in command.params for name in parameter.secondary_opts}
        options = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--"}
        known |= {"--help", "--version"}
        if not (isinstance(command, click.Group) and command is not main):
            assert options <= known, text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("shortd user list  # all", [["user", "list"]]),
        (".venv/bin/shortd serve && shortd health", [["serve"], ["health"]]),
        ("docker compose -f x.yaml exec shortd shortd backup /b", [["backup", "/b"]]),
        ("shortd link list --json | jq -r .x | xargs -r shortd link disable",
         [["link", "list", "--json"], ["link", "disable", "word"]]),
        ("shortd backup --to-stdout > x.tar", [["backup", "--to-stdout"]]),
        ('shortd domain set x --root "" --yes', [["domain", "set", "x", "--root", "", "--yes"]]),
        ("FOO=1 shortd link block '/(a|b)/'", [["link", "block", "/(a|b)/"]]),
        ("cd shortd", []),
    ],
)  # fmt: skip
def test_lines_are_read_as_shells_do(line: str, expected: list[list[str]]) -> None:
    assert commands_of(line) == expected


@pytest.mark.parametrize(
    "line", ["no-such", "user lis", "user list --no-such", "backup --keep many", "restore"]
)
def test_what_cannot_be_typed_is_noticed(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line.split())
