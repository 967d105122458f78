"""What a server listens on: several addresses, both families, Unix sockets."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.conftest import Launch
from tests.server.wire import Wire, call, request
from tests.server_process import ServerProcess, free_port

PROXY = {"SHORTD_SERVER__TRUSTED_PROXIES": "127.0.0.1"}


def on(*hosts: str | Path) -> dict[str, str]:
    listed = ", ".join(f'"{host}"' for host in hosts)
    return {"SHORTD_SERVER__HOST": f"[{listed}]", "SHORTD_PUBLIC_URL": "http://localhost"}


def refused(data_dir: Path, environ: dict[str, str]) -> str:
    """What a server says that does not start."""
    tried = subprocess.run(
        [sys.executable, "-m", "shortd", "serve", "--data", data_dir, "--port", str(free_port())],
        env={**os.environ, "SHORTD_CONFIG": os.devnull, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert tried.returncode == 1
    (line,) = tried.stderr.splitlines()
    return line


def test_a_unix_socket_from_start_to_end(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    server = launch({**PROXY, **on("127.0.0.1", f"unix:{path}")})
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with Wire(path) as wire:
        assert wire.ask(request("/-/health")).status == 200
        # A proxy on this machine, like one that comes over loopback.
        assert (
            wire.ask(
                call("login", "X-Forwarded-For: 203.0.113.9", username_email="x", password="0" * 64)
            ).status
            == 401
        )
    assert '"address": "203.0.113.9"' in server.log
    asked = subprocess.run(
        [sys.executable, "-m", "shortd", "health", "--data", server.data_dir],
        env={**server.environ, **on(f"unix:{path}")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (asked.returncode, asked.stdout) == (0, "ok\n")
    # A living one's is refused,
    line = refused(tmp_path / "other", on(f"unix:{path}"))
    assert line == f"shortd: unix:{path}: another process listens there"
    with Wire(path) as wire:
        assert wire.ask(request("/-/health")).status == 200
    server.kill()
    # a dead one's replaced,
    assert path.exists()
    server.start()
    with Wire(path) as wire:
        assert wire.ask(request("/-/health")).status == 200
    # and at the end it is gone.
    assert server.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_stays(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "http.sock", tmp_path / "kept"
    other.write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(other)
    line = refused(tmp_path / "data", on(f"unix:{path}"))
    assert line == f"shortd: unix:{path}: is there, and no socket"
    assert os.path.lexists(path)
    assert other.read_text() == "precious"
    assert not (tmp_path / "data").exists()


def test_a_socket_that_another_has_taken_meanwhile_is_his(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    server = launch(on("127.0.0.1", f"unix:{path}"))
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        assert server.stop() == 0
        assert path.exists()


def test_all_addresses_that_are_named(launch: Launch) -> None:
    """Each once: what another one has anyway is no conflict."""
    server = launch(on("127.0.0.1", "localhost", "127.0.0.2", "127.0.0.1"))
    for address in ("127.0.0.1", "127.0.0.2"):
        with socket.create_connection((address, server.port)) as connection:
            connection.sendall(request("/-/health"))
            assert connection.recv(12) == b"HTTP/1.1 200"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.3", server.port))


def test_everywhere_is_both_families(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", on("::", "127.0.0.1", "::1"))
    server.start()
    try:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, server.port)) as connection:
                connection.sendall(request("/-/health"))
                assert connection.recv(12) == b"HTTP/1.1 200"
    finally:
        server.kill()
