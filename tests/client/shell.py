"""The client as its user has it: in this process where that will do, or in one of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import certifi
from click.testing import CliRunner, Result

from shortd.commands.cli import main
from tests import processes

ROOT = Path(__file__).parents[2]


class Shell:
    """Runs `shortd` in a folder, with a state folder of its own and no terminal."""

    command = (sys.executable, "-m", "shortd")

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.server = server
        self.state = folder / "state"
        self.variables: dict[str, str] = {}
        """Those that a test adds."""
        self._authority = folder / "state/authority.pem"
        self._authority.parent.mkdir(exist_ok=True)
        end = "-----END CERTIFICATE-----\n"
        self._authority.write_text(certifi.contents().partition(end)[0] + end)

    def environ(self, password: str | None = None) -> dict[str, str]:
        """The variables that the client gets, besides those of this process."""
        variables = {
            # One authority: to read all of them takes longer than most of these commands.
            "SSL_CERT_FILE": str(self._authority),
            "XDG_STATE_HOME": str(self.state),
            "SHORTD_SERVER_URL": self.server,
            "PYTHONPATH": str(ROOT),
            **self.variables,
        }
        return variables | ({} if password is None else {"SHORTD_FILE_PASSWORD": password})

    def run(self, *arguments: object, password: str | None = None, stdin: bytes = b"") -> Result:
        """Runs a command here, whatever comes of it."""
        result = CliRunner().invoke(
            main, list(map(str, arguments)), env=self.environ(password), input=stdin
        )
        # Only exits: a bug must not pass for a refusal.
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def send(self, *arguments: object, password: str | None = None) -> str:
        """The short URL of a send that must succeed."""
        encrypting = () if password is None else ("--password",)
        return self.line(self.run("send", *encrypting, *arguments, password=password))

    def fetch(self, *arguments: object, password: str | None = None) -> Path:
        """Where a fetch put its file, which must succeed."""
        return Path(self.line(self.run("fetch", *arguments, password=password)))

    def refused(self, *arguments: object, password: str | None = None, status: int = 1) -> str:
        """The one line that a command says which must fail."""
        result = self.run(*arguments, password=password)
        assert (result.exit_code, result.stdout) == (status, "")
        line = result.stderr.splitlines()[-1]
        assert status == 2 or result.stderr == f"{line}\n"
        return line.removeprefix("shortd: ")

    def start(
        self,
        *arguments: object,
        password: str | None = None,
        stdout: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Starts a command in a process of its own, without a terminal to ask at."""
        return processes.start(
            [*self.command, *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, **self.environ(password)},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def transfers(self) -> list[Path]:
        """The ledgers of transfers that did not end."""
        folder = self.state / "shortd/transfers"
        return list(folder.iterdir()) if folder.exists() else []

    def kept(self) -> list[int]:
        """How many bytes each fetch that did not end has noted."""
        texts = [path.read_text() for path in self.transfers()]
        found = [re.findall(r'"written":(\d+)', text) for text in texts]
        return [int(numbers[-1]) for numbers in found if numbers]

    @staticmethod
    def line(result: Result) -> str:
        """The only line on standard output; there must be nothing else anywhere."""
        assert (result.exit_code, result.stderr) == (0, "")
        line, end, rest = result.stdout.partition("\n")
        assert (end, rest) == ("\n", "")
        return str(line)


def ended(process: subprocess.Popen[str], seconds: float = 60) -> tuple[int, str, str]:
    """Waits for a process: its exit status, standard output and standard error."""
    output, error = process.communicate(timeout=seconds)
    return process.returncode, output, error


def hidden(environ: Mapping[str, str]) -> list[str]:
    """Variables of the tester's own that a client would read."""
    return [name for name in environ if name.startswith("SHORTD_")]
