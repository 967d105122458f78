"""Fixtures: one server for all tests, and the client in a folder of its own for each."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.client.relay import Relay
from tests.client.shell import ROOT, Shell, hidden
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess, free_port


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real `shortd serve` on loopback, for all tests of the client."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data", GENEROUS)
    process.start()
    try:
        yield process
        process.stop()
    finally:
        process.kill()


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relay, ServerProcess]]:
    """A relay, and a server that takes the relay's address for its own."""
    port = free_port()
    environ = GENEROUS | {
        "SHORTD_PUBLIC_URL": f"http://127.0.0.1:{port}",
        # It is started again from the client's folder.
        "PYTHONPATH": str(ROOT),
    }
    process = ServerProcess(tmp_path_factory.mktemp("relayed") / "data", environ)
    process.start()
    with ExitStack() as stack:
        stack.callback(process.kill)
        stack.callback(process.stop)
        yield stack.enter_context(Relay(port, process.port)), process


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The client's working folder, without variables of the tester's own."""
    for name in hidden(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(folder: Path, server: ServerProcess) -> Shell:
    return Shell(folder, server.url)


@pytest.fixture(scope="session")
def noise() -> bytes:
    """20 MiB that do not repeat themselves."""
    return random.Random(20).randbytes(20 << 20)
