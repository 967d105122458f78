"""Commands as the documents have them: all of them are there, and each line is right use."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from shortd.commands.cli import main
from tests.commands.shell import Shell, all_commands
from tests.documents import DOCUMENTS, commands, prose, typed
from tests.test_docs import rows

ELSEWHERE = {"serve", "send", "fetch", "x"}
"""Commands that do not end, ask a server over the network or are a plugin's; they have tests of
their own."""
NO_COMMANDS = {"file key", "box file", "box label"}
"""What begins like one: words of sharing.md's cryptography."""


def documented() -> list[list[str]]:
    """The words of every line that is to be typed, each once."""
    found = dict.fromkeys(tuple(words) for name in DOCUMENTS for words in typed(name))
    return [list(words) for words in found if "…" not in " ".join(words)]


def test_every_command_is_in_the_table() -> None:
    listed = {
        tuple(command.strip("`").split()[1:]): as_json == "yes"
        for command, _, as_json in rows("docs/operations.md", "All commands")
        if command != "Command"
    }
    there = {
        words: any(option.name == "as_json" for option in command.params)
        for words, command in all_commands()
        if not command.hidden
    }
    there |= {("x",): False, ("plugins",): True}
    assert listed == there


def test_whatever_lists_or_shows_has_json() -> None:
    shows = {"list", "show", "search", "members", "blocked", "sessions", "keys", "status", "audit"}
    for words, command in all_commands():
        if words[-1] in shows:
            assert any(option.name == "as_json" for option in command.params), words


def test_documented_commands_are_right_use(shell: Shell, tmp_path: Path) -> None:
    """Each is run; what it names need not be there."""
    for name in ("ann", "ben"):
        shell.did("user", "add", f"{name}@nowhere.example", "--username", name)
    lines = [words for words in documented() if words[0] not in ELSEWHERE]
    assert len(lines) > 40
    for words in lines:
        # The folders that documents name are the machine's own.
        here = [
            re.sub(r"^/(?=(var|srv|etc|tmp|backups)\b)", f"{tmp_path}/", word) for word in words
        ]
        result = shell.run(*here, SHORTD_LINK_PASSWORD="secret")
        # What asks on a terminal wants --yes elsewhere.
        assert result.exit_code in (0, 1, 3) or "--yes" in result.stderr, (words, result.output)
        assert "Usage:" not in result.stderr, words


@pytest.mark.parametrize("name", sorted(ELSEWHERE - {"x"}))
def test_documented_options_of_the_others_are_there(name: str) -> None:
    lines = [words for words in documented() if words[0] == name]
    assert lines
    for words in lines:
        options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert options <= options_of(main.commands[name]), words


def options_of(command: click.Command) -> set[str]:
    taken = {"--help"}
    for parameter in command.params:
        taken |= {*parameter.opts, *parameter.secondary_opts}
    return taken


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_sentences_are_there(name: str) -> None:
    for text in set(re.findall(r"`shortd ([^`]+)`", prose(name))) - NO_COMMANDS:
        words, command = text.split(), main
        while words and isinstance(command, click.Group) and re.fullmatch("[a-z-]+", words[0]):
            found = command.commands.get(words[0])
            if found is None and command.invoke_without_command:
                break
            assert found is not None, text
            command, words = found, words[1:]  # type: ignore[assignment]
        told = {word.strip("[]").partition("=")[0] for word in words if "--" in word}
        if not isinstance(command, click.Group) or command is main:
            assert told - {"--", "--version"} <= options_of(command), text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("shortd user list  # all", [["user", "list"]]),
        (".venv/bin/shortd serve && shortd health", [["serve"], ["health"]]),
        ("docker compose -f x.yaml exec shortd shortd backup /b", [["backup", "/b"]]),
        (
            "shortd link list | xargs -r shortd link show",
            [["link", "list"], ["link", "show", "word"]],
        ),
        ("shortd backup --to-stdout > x.tar", [["backup", "--to-stdout"]]),
        ('shortd domain set x --root "" --yes', [["domain", "set", "x", "--root", "", "--yes"]]),
        ("FOO=1 shortd link block '/(a|b)/'", [["link", "block", "/(a|b)/"]]),
        ("runuser -u shortd -- shortd user list", [["user", "list"]]),
        ("shortd import shortd export", [["import", "shortd", "export"]]),
        ("systemctl restart shortd && journalctl -u shortd -e", []),
        ("cd shortd", []),
    ],
)
def test_lines_are_read_as_shells_do(line: str, expected: list[list[str]]) -> None:
    assert commands(line) == expected


def test_every_help_is_shown(bare: Shell) -> None:
    width = "80"
    for words, _ in all_commands():
        for end in range(len(words) + 1):
            shown = bare.did(*words[:end], "--help", COLUMNS=width)
            assert shown.startswith("Usage: "), words
            assert all(len(line) <= int(width) for line in shown.splitlines()), words
