"""`shortd health`: asked of a real server, of none, and of something else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.shell import Shell
from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server_process import ServerProcess


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Something that sends the same to whoever asks; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(answer)
            except OSError:
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_server_that_is_ready(bare: Shell, tmp_path: Path) -> None:
    with running(ServerProcess(tmp_path / "data", GENEROUS)) as server:
        port = str(server.port)
        assert bare.did("health", SHORTD_SERVER__PORT=port) == "ok\n"
        everywhere = {"SHORTD_SERVER__HOST": "0.0.0.0", "SHORTD_SERVER__PORT": port}
        assert bare.did("health", **everywhere) == "ok\n"
        # Options or systemd may have named another place than the settings.
        told = {"SHORTD_DATA": str(tmp_path / "data"), "SHORTD_SERVER__PORT": "1"}
        assert bare.did("health", **told) == "ok\n"
    refusal = bare.refused("health", SHORTD_SERVER__PORT=port)
    assert refusal == f"no answer at 127.0.0.1 port {port}: [Errno 111] Connection refused"


def test_what_is_wrong_with_one_is_said(bare: Shell) -> None:
    body = (
        b'{"status":"degraded","storage":{"fault":"no room"},"clicks":{"fault":null},"mail":null}'
    )
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    with answering(head + body) as port:
        assert bare.did("health", SHORTD_SERVER__PORT=str(port)) == "degraded; storage: no room\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "answers 503"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "is no shortd"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", "is no shortd"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "no answer"),
        (b"", "no answer"),
    ],
)
def test_what_is_no_server_of_ours(bare: Shell, answer: bytes, words: str) -> None:
    with answering(answer) as port:
        assert words in bare.refused("health", SHORTD_SERVER__PORT=str(port))


def test_it_needs_no_server_library() -> None:
    """Containers ask every few seconds."""
    program = (
        "import sys; from shortd.commands.cli import main; main(['health'], standalone_mode=False)"
    )
    heavy = "assert not {'litestar', 'httpx', 'rich', 'uvicorn'} & set(sys.modules)"
    command = [sys.executable, "-c", f"import sys\ntry:\n {program}\nexcept SystemExit: {heavy}"]
    environ = {**os.environ, "SHORTD_CONFIG": os.devnull, "SHORTD_SERVER__PORT": "1"}
    subprocess.run(command, env=environ, check=True, stderr=subprocess.DEVNULL)
