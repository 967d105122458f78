"""What shells complete: commands, options, and the names of what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd.commands.cli import main
from shortd.commands.completion import complete_names
from tests.commands.shell import Shell, all_commands


def completed(shell: Shell, line: str, **environ: str) -> list[str]:
    words = line.split(" ")
    asked = {
        "_SHORTD_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = shell.runner.invoke(main, [], env={**environ, **asked}, prog_name="shortd")
    assert result.stderr == ""
    return [one.partition(",")[2] for one in result.stdout.split()]


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_scripts_are_printed(bare: Shell, kind: str) -> None:
    environ = {"_SHORTD_COMPLETE": f"{kind}_source"}
    shown = bare.runner.invoke(main, [], env=environ, prog_name="shortd").stdout
    assert "_SHORTD_COMPLETE=" in shown


def test_names_are_completed_from_a_running_server(either: Shell, data: Path) -> None:
    either.did("user", "add", "ann@nowhere.example", "--username", "ann")
    either.did("user", "add", "ben@nowhere.example", "--username", "ben")
    environ = {"SHORTD_DATA": str(data), "SHORTD_HOSTS": '["https://other.example"]'}
    is_running = data.parent.name.startswith("running")
    found = ["ann", "ann@nowhere.example"] if is_running else []
    assert completed(either, "shortd user show a", **environ) == found
    assert completed(either, "shortd link list --owner an", **environ) == found
    assert completed(either, "shortd link list --host o", **environ) == ["other.example"]


def test_commands_and_options_are(bare: Shell) -> None:
    assert completed(bare, "shortd link sea") == ["search"]
    assert completed(bare, "shortd link list --dest") == ["--destination-host"]
    assert completed(bare, "shortd link list --sort c") == ["clicks"]
    assert completed(bare, "shortd import y") == ["yourls"]
    assert completed(bare, "shortd import csv /tm") == ["/tm"]


def test_where_nothing_is_nothing_is_told(bare: Shell) -> None:
    assert completed(bare, "shortd user show a") == []
    assert completed(bare, "shortd user show a", SHORTD_SURPRISE="1") == []


def test_every_user_and_host_is(bare: Shell) -> None:
    complete_names(main)
    for words, command in all_commands():
        for parameter in command.params:
            if parameter.metavar in ("USER", "TEAM", "HOST"):
                assert hasattr(parameter.type, "names"), words
