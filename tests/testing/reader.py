"""Somebody who follows a page about plugins: types what it says, and compares what comes."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests import processes
from tests.console import compare, read_session
from tests.server_process import START_SECONDS, free_port
from tests.testing.documents import Block
from tests.testing.environment import Environment

LISTENS = "127.0.0.1:8080"
RECEIVES = "9000"
"""The port of a program of the reader's own."""


class Reader:
    """At a terminal, in an activated environment. What runs in other terminals ends by `leave`."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self._environment = environment
        self._begun = self._folder = folder
        self._port, self._received = free_port(), str(free_port())
        self._variables = {"SHORTD_SERVER__PORT": str(self._port)}
        self._bound: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._others: list[subprocess.Popen[bytes]] = []

    def follow(self, steps: Sequence[Block]) -> None:
        """Does what blocks say. Where one says `shortd serve`, the server is started, or anew."""
        for step in steps:
            if step.language == "console":
                self._type_in(step)
            elif step.language != "sh":
                self._write(step)
            elif step.text.startswith("shortd serve"):
                self._end_server()
                self._serve(step.text.strip())
            else:
                self._others.append(self._start(f"exec {step.text}"))

    def leave(self) -> None:
        """Ends what runs."""
        for process in self._others:
            process.kill()
            process.wait()
        self._end_server()

    def _write(self, block: Block) -> None:
        """Writes the file that the line before the block names, or its end."""
        name = re.fullmatch(r"`([\w./-]+)`(, at its end)?:", block.before)
        assert name is not None, f"which file is this? {block.text}"
        with (self._folder / name[1]).open("a" if name[2] else "w") as file:
            file.write(block.text.replace(RECEIVES, self._received))

    def _type_in(self, block: Block) -> None:
        """Runs the commands of a session, and compares what they print."""
        for command, output in read_session(f"```console\n{block.text}```\n"):
            if command.startswith("cd "):
                self._folder = (self._folder / command.removeprefix("cd ")).resolve()
                continue
            assigned = re.match(r"([a-z]+)=", command)
            printed = self._run(f'{command}; printf %s "${assigned[1]}"' if assigned else command)
            if assigned:
                self._variables[assigned[1]] = printed
            else:
                compare(output, printed, self._bound)

    def _run(self, command: str) -> str:
        here = f"127.0.0.1:{self._port}"
        told = "".join(f"export {name}={value}\n" for name, value in self._variables.items())
        printed = self._environment.run(told + command.replace(LISTENS, here), self._folder)
        return printed.replace(here, LISTENS).replace("\r", "")

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        """Runs a command in another terminal, in the folder where he began."""
        with self._log.open("a") as out:
            return processes.start(
                ["bash", "-c", command],
                cwd=self._folder,
                env={**self._environment.environ, "SHORTD_SERVER__PORT": str(self._port)},
                stdout=out,
                stderr=out,
            )

    def _serve(self, command: str) -> None:
        self._server = process = self._start(f"exec {command}")
        for _ in range(START_SECONDS * 20):
            assert process.poll() is None, self._log.read_text()
            try:
                httpx.get(f"http://127.0.0.1:{self._port}/-/health").raise_for_status()
                return
            except httpx.TransportError:
                try:
                    process.wait(timeout=0.05)
                except subprocess.TimeoutExpired:
                    continue
        raise AssertionError(f"the server does not answer: {self._log.read_text()}")

    def _end_server(self) -> None:
        process, self._server = self._server, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0, self._log.read_text()

    @property
    def _log(self) -> Path:
        return self._begun / "server.log"
