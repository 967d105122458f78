"""A data directory with an account, and `shortd import` over it, in this process or in its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from shortd.commands.cli import main
from tests import processes
from tests.api.v2.people import PASSWORD
from tests.server_process import ServerProcess

SETTINGS = "public_url = 'https://s.example.test'\n[storage]\nreserve_bytes = 1048576\n"


class Outcome(NamedTuple):
    """What a command came to."""

    status: int
    rows: list[dict[str, Any]]
    summary: dict[str, Any]
    stderr: str


class World:
    """The directory `data`, which no server has unless one is started."""

    def __init__(self, folder: Path, settings: str = SETTINGS, *, prelude: str = "") -> None:
        """`prelude` runs in the server and in `start`, see ServerProcess."""
        self.folder = folder
        self._prelude = prelude
        self.data = folder / "data"
        config = folder / "config.toml"
        config.write_text(settings)
        self.environ = {"SHORTD_CONFIG": str(config), "SHORTD_USER_PASSWORD": PASSWORD}
        self.server = ServerProcess(self.data, self.environ, prelude=prelude, is_late=True)
        self.server.start()
        self.command("user", "add", "ann@example.org", "--username", "ann")
        self.server.stop()

    def command(self, *words: str) -> str:
        result = CliRunner().invoke(main, [*words, "--data", str(self.data)], env=self.environ)
        assert result.exit_code == 0, result.output
        return result.stdout

    def arguments(self, format_name: str, source: Path | str, *options: str) -> list[str]:
        data = ("--data", str(self.data), "--account", "ann")
        return ["import", format_name, str(source), *data, *options]

    def run(self, format_name: str, source: Path | str, *options: str) -> Outcome:
        """Runs the command to its end."""
        report = self.folder / "report.jsonl"
        report.unlink(missing_ok=True)
        words = self.arguments(format_name, source, "--json", "--report", str(report), *options)
        result = CliRunner().invoke(main, words, env=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        lines = report.read_text().splitlines() if report.exists() else []
        summary = json.loads(result.stdout) if result.stdout else {}
        return Outcome(result.exit_code, list(map(json.loads, lines)), summary, result.stderr)

    def start(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """A command in a process of its own."""
        program = f"{self._prelude}\nfrom shortd.commands.cli import main\nmain()"
        return processes.start(
            [sys.executable, "-c", program, *words],
            env={**os.environ, **self.server.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
