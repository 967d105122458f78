"""Servers for the tests of this folder: started with settings of their own, never left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import GENEROUS
from tests.server_process import ServerProcess


class Launch(Protocol):
    """Starts a server, over `data_dir` or a directory of its own."""

    def __call__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        data_dir: Path | None = None,
        prelude: str = "",
        is_late: bool = False,
        log_file: Path | None = None,
    ) -> ServerProcess: ...


@contextmanager
def running(server: ServerProcess) -> Iterator[ServerProcess]:
    """Starts a server that several tests share. In the end it stops well, without a traceback."""
    server.start()
    try:
        yield server
        assert server.stop() == 0
    finally:
        server.kill()
    assert "Traceback" not in server.log


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """The way to start servers. They are killed at the end; what they logged is no traceback."""
    servers: list[ServerProcess] = []

    def start(
        environ: Mapping[str, str] | None = None,
        *,
        data_dir: Path | None = None,
        prelude: str = "",
        is_late: bool = False,
        log_file: Path | None = None,
    ) -> ServerProcess:
        server = ServerProcess(
            data_dir or tmp_path / f"data{len(servers)}",
            {**GENEROUS, **(environ or {})},
            prelude=prelude,
            is_late=is_late,
            log_file=log_file,
        )
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()
    for server in servers:
        assert "Traceback" not in server.log
