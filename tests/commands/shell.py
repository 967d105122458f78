"""Commands as somebody types them, and what is there afterwards."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from shortd.commands.cli import main
from tests.api.v2.people import PASSWORD

NOTE = "shortd: data "
"""How a command begins to tell what it used."""


class Shell:
    """Runs commands in the working folder."""

    def __init__(self, runner: CliRunner, **environ: str) -> None:
        self.runner = runner
        self._environ = {"SHORTD_USER_PASSWORD": PASSWORD, **environ}

    def run(self, *command: str, **environ: str) -> Result:
        """Whatever comes of it, but a bug."""
        environ = {**self._environ, **environ}
        result = self.runner.invoke(main, list(command), env=environ, input="")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def did(self, *command: str, **environ: str) -> str:
        """What a command printed, which must succeed."""
        result = self.run(*command, **environ)
        assert result.exit_code == 0, result.output
        return result.stdout

    def noted(self, *command: str, **environ: str) -> str:
        """What a command says on standard error, which must succeed."""
        result = self.run(*command, **environ)
        assert result.exit_code == 0, result.output
        return result.stderr

    def json(self, *command: str, **environ: str) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.did(*command, "--json", **environ))

    def refused(self, *command: str, status: int = 1, **environ: str) -> str:
        """The one line of a command that must fail, without the program's name."""
        result = self.run(*command, **environ)
        assert (result.exit_code, result.stdout) == (status, ""), result.output
        (line,) = result.stderr.splitlines()
        assert line.startswith("shortd: ")
        return line.removeprefix("shortd: ")


def said(errors: str) -> list[str]:
    """Lines of standard error but the note of what a command used."""
    return [line for line in errors.splitlines() if not line.startswith(f"{NOTE}/")]


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, int, str]]:
    """All that is in a folder: whose it is, its mode, when it was changed, and what is in it."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (
            *(status.st_uid, status.st_mode, status.st_mtime_ns, status.st_ino),
            hashlib.sha256(content).hexdigest(),
        )
    return found


def all_commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words it is called by."""

    def walk(
        words: tuple[str, ...], command: click.Command
    ) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        if isinstance(command, click.Group):
            for name, below in command.commands.items():
                yield from walk((*words, name), below)
        else:
            yield words, command

    yield from walk((), main)
