"""docs/plugin-tutorial.md, done step by step as somebody would who follows it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests import processes
from tests.console import compare, read_session
from tests.server_process import START_SECONDS, free_port
from tests.testing.documents import Block, blocks
from tests.testing.environment import Environment
from tests.tools import needed

PAGE = "docs/plugin-tutorial.md"
LISTENS = "127.0.0.1:8080"


class Reader:
    """Somebody at a terminal, in an activated environment."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._port = free_port()
        self._variables: dict[str, str] = {}
        self._bound: dict[str, str] = {}

    def write(self, block: Block) -> None:
        """Writes the file that the line before the block names."""
        name = re.fullmatch(r"`([\w./-]+)`:", block.before)
        assert name is not None, f"which file is this? {block.text}"
        (self._folder / name[1]).write_text(block.text)

    def type_in(self, block: Block) -> None:
        """Runs the commands of a session, and compares what they print."""
        for command, output in read_session(f"```console\n{block.text}```\n"):
            if command.startswith("cd "):
                self._folder /= command.removeprefix("cd ")
                continue
            assigned = re.match(r"([a-z]+)=", command)
            printed = self._run(f'{command}; printf %s "${assigned[1]}"' if assigned else command)
            if assigned:
                self._variables[assigned[1]] = printed
            else:
                compare(output, printed, self._bound)

    @contextmanager
    def server(self, command: str) -> Iterator[None]:
        """Starts a server in another terminal, until the end of the block."""
        log = self._folder / "server.log"
        with log.open("w") as out:
            process = processes.start(
                ["bash", "-c", f"exec {command}"],
                cwd=self._folder,
                env={**self._environment.environ, "SHORTD_SERVER__PORT": str(self._port)},
                stdout=out,
                stderr=out,
            )
        try:
            self._wait_for(process, log)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0, log.read_text()

    def _wait_for(self, process: subprocess.Popen[bytes], log: Path) -> None:
        for _ in range(START_SECONDS * 20):
            assert process.poll() is None, log.read_text()
            try:
                httpx.get(f"http://127.0.0.1:{self._port}/-/health").raise_for_status()
                return
            except httpx.TransportError:
                try:
                    process.wait(timeout=0.05)
                except subprocess.TimeoutExpired:
                    continue
        raise AssertionError(f"the server does not answer: {log.read_text()}")

    def _run(self, command: str) -> str:
        here = f"127.0.0.1:{self._port}"
        variables = "".join(f"{name}={value}\n" for name, value in self._variables.items())
        printed = self._environment.run(variables + command.replace(LISTENS, here), self._folder)
        return printed.replace(here, LISTENS).replace("\r", "")


@pytest.mark.slow
def test_the_tutorial_works_as_it_stands(tmp_path: Path, environment: Environment) -> None:
    needed("curl")
    reader = Reader(environment, tmp_path)
    steps = [block for block in blocks(PAGE) if block.language != "text"]
    kinds = [block.language for block in steps]
    (served,) = [place for place, kind in enumerate(kinds) if kind == "sh"]
    assert {"console", "python", "toml", "sh"} == set(kinds)
    try:
        follow(reader, steps[:served])
        with reader.server(steps[served].text.strip()):
            follow(reader, steps[served + 1 :])
    finally:
        environment.run("pip uninstall -q -y shortd-hours", tmp_path)


def follow(reader: Reader, steps: list[Block]) -> None:
    for step in steps:
        if step.language == "console":
            reader.type_in(step)
        else:
            reader.write(step)
