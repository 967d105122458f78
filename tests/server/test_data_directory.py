"""A data directory or address that cannot be used: one line that says why, and exit status 1."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shortd.store import VERSION_KEY, Store
from shortd.store.schema import META, SCHEMA_VERSION
from tests.server.conftest import Launch
from tests.server_process import ServerProcess, free_port

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """Starts a server that is to fail: the one line it says before it ends with status 1."""

    def start(data_dir: Path, port: int | None = None) -> str:
        server = ServerProcess(data_dir, port=port, log_file=tmp_path / "refused.log")
        server.spawn()
        assert server.wait(60) == 1
        [line] = server.log.splitlines()
        assert line.startswith("shortd: ")
        return line

    return start


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody can write to, not even root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("root may write anywhere, and this root may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_second_server_is_refused(launch: Launch, refusal: Refusal) -> None:
    server = launch()
    line = refusal(server.data_dir, free_port())
    assert str(server.data_dir) in line
    assert f"in use by another shortd (process {server.pid})" in line
    assert server.call("temporary_account")


def test_a_killed_server_leaves_no_lock(launch: Launch) -> None:
    server = launch()
    server.kill()
    server.start()
    assert server.stop() == 0


def test_a_newer_database_is_refused_and_left_alone(launch: Launch, refusal: Refusal) -> None:
    server = launch()
    server.stop()
    store = Store(server.data_dir)
    asyncio.run(store.write(lambda txn: META.put(txn, VERSION_KEY, SCHEMA_VERSION + 1)))
    store.close()
    before = (server.data_dir / "db" / "data.mdb").read_bytes()
    line = refusal(server.data_dir)
    assert "was written by a newer shortd" in line
    assert f"schema {SCHEMA_VERSION + 1}" in line
    assert (server.data_dir / "db" / "data.mdb").read_bytes() == before


def test_a_port_in_use_is_told_before_anything_is_made(
    launch: Launch, refusal: Refusal, tmp_path: Path
) -> None:
    server = launch()
    line = refusal(tmp_path / "other", server.port)
    assert line == f"shortd: 127.0.0.1:{server.port}: Address already in use"
    assert not (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_written_to(read_only: Path, refusal: Refusal) -> None:
    line = refusal(read_only / "data")
    assert str(read_only / "data") in line
    assert "Read-only file system" in line or "Permission denied" in line


def test_a_file_in_the_place_of_the_directory(tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "data").write_text("mine")
    assert str(tmp_path / "data") in refusal(tmp_path / "data")
    assert (tmp_path / "data").read_text() == "mine"


def test_a_database_that_is_none(launch: Launch, refusal: Refusal) -> None:
    server = launch()
    server.stop()
    (server.data_dir / "db" / "data.mdb").write_bytes(b"not a database" * 1000)
    assert f"cannot open the database in {server.data_dir}" in refusal(server.data_dir)


def test_nobody_else_can_read_what_is_stored(launch: Launch) -> None:
    server = launch()
    server.call("temporary_account")
    paths = [server.data_dir, *server.data_dir.rglob("*")]
    assert len(paths) > 5
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
