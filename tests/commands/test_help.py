"""What `--help` says: all of it, of every command."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from shortd.commands.cli import main
from shortd.commands.importing import OTHERS
from shortd.moving.formats import FORMATS
from tests.commands.shell import Shell, all_commands

IMPORTER = """
from shortd.plugin import Plugin, hookimpl

class Lines(Plugin[None, None]):
    name = "lines"

    @hookimpl
    def importers(self):
        return {"lines": open, "csv": open}
"""


def groups() -> list[tuple[str, ...]]:
    """Every group of commands, by the words it is called by."""
    return sorted({words[:end] for words, _ in all_commands() for end in range(len(words))})


@pytest.mark.parametrize("words", groups(), ids=lambda words: " ".join(words) or "shortd")
def test_lists_of_commands_are_not_cut(bare: Shell, words: tuple[str, ...]) -> None:
    """At the width of a terminal that nobody has made wider."""
    shown = bare.did(*words, "--help", COLUMNS="80").partition("Commands:")[2]
    assert shown
    assert "..." not in shown
    assert "…" not in shown


@pytest.mark.parametrize(("words", "command"), list(all_commands()), ids=str)
def test_every_argument_and_option_is_explained(
    bare: Shell, words: tuple[str, ...], command: click.Command
) -> None:
    shown = bare.did(*words, "--help", COLUMNS="80")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    usage, _, text = shown.partition("\n")
    for name in ("USER", "TEAM", "ID", "DOMAIN"):
        if name in usage.split():
            assert f"{name} is " in " ".join(text.split()), name


def test_exit_statuses_are_told(bare: Shell) -> None:
    assert "130 interrupted" in " ".join(bare.did("--help").split())
    assert bare.did("-h") == bare.did("--help")


def test_fetch_says_what_becomes_of_a_dot(bare: Shell) -> None:
    assert ".env becomes env" in " ".join(bare.did("fetch", "--help").split())


class TestFormats:
    def test_those_of_plugins_are_listed(self, shell: Shell) -> None:
        Path("p").mkdir()
        Path("p/lines.py").write_text(IMPORTER)
        environ = {"SHORTD_PLUGINS__DIR": "p"}
        formats = f"Formats: {', '.join(sorted({*FORMATS, *OTHERS, 'lines'}))}."
        assert formats in " ".join(shell.did("import", "--help", **environ).split())
        for command in ((), ("--account", "ann"), ("--account", "ann", "lines")):
            shown = shell.run("import", *command, **environ)
            assert shown.exit_code == 2
            assert formats in " ".join(shown.stderr.split())
        refusal = shell.refused("import", "--account", "ann", "x", "/dev/null", status=2, **environ)
        assert refusal == f"there is no format 'x'. {formats}"

    def test_settings_that_cannot_be_used_are_told(self, bare: Shell) -> None:
        Path("config.toml").write_text("surprise = 1")
        assert bare.refused("import", status=2) == "config.toml: surprise: unknown setting"


def test_all_commands_are_found() -> None:
    assert {words[0] for words, _ in all_commands()} == set(main.commands) - {"x"}
