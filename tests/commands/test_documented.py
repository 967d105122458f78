"""Commands as the documents have them: all of them are there, and each line is right use."""

from __future__ import annotations

import re
import shlex

from tests.commands.shell import Shell, all_commands
from tests.documents import ROOT, text_of
from tests.test_docs import rows

DOCUMENTS = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
ELSEWHERE = {"serve", "send", "fetch", "x"}
"""Commands that do not end, ask a server over the network or are a plugin's; they have tests of
their own."""
_BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WORDS = re.compile(r"(?:^|\| )(?:\$ )?(?:sudo )?shortd (.*)")


def documented() -> list[list[str]]:
    """The words behind `shortd` of every line that is to be typed, each once."""
    found: dict[tuple[str, ...], None] = {}
    for name in DOCUMENTS:
        for block in _BLOCK.findall(text_of(name)):
            for line in block.replace("\\\n", " ").splitlines():
                match = _WORDS.match(line.strip())
                if match is None:
                    continue
                command = re.split(r" [|&>]|\$\(", match[1])[0]
                words = tuple(shlex.split(command, comments=True))
                if words and words[0] not in ELSEWHERE and "…" not in command:
                    found[words] = None
    return [list(words) for words in found]


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


def test_documented_commands_are_right_use(shell: Shell) -> None:
    """Each is run; what it names need not be there."""
    for name in ("ann", "ben"):
        shell.did("user", "add", f"{name}@nowhere.example", "--username", name)
    lines = documented()
    assert len(lines) > 40
    for words in lines:
        result = shell.run(*words, SHORTD_LINK_PASSWORD="secret")
        # What asks on a terminal wants --yes elsewhere.
        assert result.exit_code in (0, 1, 3) or "--yes" in result.stderr, (words, result.output)
        assert "Usage:" not in result.stderr, words


def test_every_help_is_shown(bare: Shell) -> None:
    width = "80"
    for words, _ in all_commands():
        for end in range(len(words) + 1):
            shown = bare.did(*words[:end], "--help", COLUMNS=width)
            assert shown.startswith("Usage: "), words
            assert all(len(line) <= int(width) for line in shown.splitlines()), words
