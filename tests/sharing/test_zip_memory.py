"""A zip of any size is sent in flat memory: whole, to many who do not read, to who hangs up.

`ZIP_GIB=5 pytest tests/sharing/test_zip_memory.py` sends one of 5 GiB; its blobs are holes on disk.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from shortd.files.blobs import Blob
from shortd.hosts.destinations import Destination
from shortd.links import NewLink
from shortd.models.links import Terms
from shortd.services import open_services
from shortd.settings.config import load
from shortd.sharing.bundles import NewEntry, bundled
from shortd.sharing.descriptions import Description
from shortd.sharing.files import Secrecy
from tests.conftest import GENEROUS
from tests.open_files import open_files
from tests.server.wire import request
from tests.server_process import ServerProcess
from tests.sharing.sharing import wait_for
from tests.sharing.test_memory import Memory

MIB = 1 << 20
GROWTH = 48 * MIB
SIZE = round(float(os.environ.get("ZIP_GIB", "0.5")) * (1 << 30))
FILES = 40
"""Beside the first, which has most of it."""
SMALL = 64 << 10
ENVIRON = {
    **GENEROUS,
    "SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": str(1 << 40),
    "SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": str(1 << 40),
    "SHORTD_ACCOUNTS__TEMPORARY_SHARE": "1",
    "SHORTD_FILES__MIN_FREE_BYTES": "0",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path / "data", ENVIRON)
    process.start()
    yield process
    process.stop()


def share_holes(server: ServerProcess, sizes: list[int]) -> str:
    """The short URL of files that take no room on the disk. The server is started anew."""
    userid = server.call("temporary_account")["userid"]
    server.stop()

    async def share() -> str:
        services = await open_services(load(data_dir=server.data_dir, environ=server.environ))
        try:
            now, blobs = services.clock.now(), []
            files = services.sharing.files
            for size in sizes:
                blob = Blob(secrets.token_hex(16), size, bytes(32))
                path = files.blobs.path(blob.name)
                path.parent.mkdir(exist_ok=True)
                with path.open("wb") as file:
                    file.truncate(size)
                blobs.append(blob)
            named = (f"{number}/hole" for number in range(len(sizes)))
            bundle = bundled(
                [NewEntry(path=path, size=size) for path, size in zip(named, sizes, strict=True)]
            )
            host = services.hosts.default
            new = NewLink(Destination("", ""), host, None, Terms())
            described = Description("holes", sum(sizes), "application/zip")
            account = services.accounts.logins.authenticate(userid, None, now)
            link = await files.store(account, described, blobs, Secrecy(), new, now, bundle=bundle)
            return services.hosts.short_url(link)
        finally:
            await services.close()

    short_url = asyncio.run(share())
    server.start()
    return server.url + "/" + short_url.rpartition("/")[2]


def zip_of(short_url: str) -> str:
    """Path and query of its zip."""
    location = httpx.get(short_url).headers["location"]
    address: str = httpx.get(short_url.rpartition("/")[0] + location).json()["zip"]
    return address


def test_a_large_zip(server: ServerProcess, tmp_path: Path) -> None:
    sizes = [SIZE - FILES * SMALL, *[SMALL] * FILES]
    short_url = share_holes(server, sizes)
    target = zip_of(short_url)
    with httpx.stream("GET", server.url + zip_of(share_warm(server))) as warm:
        warm.read()
    memory = Memory(server)
    # Read in order, and kept as a file with holes, which a reader of zips can then move about in.
    path, checks = tmp_path / "all.zip", 0
    with (
        httpx.stream("GET", server.url + target, timeout=60) as response,
        path.open("wb") as file,
    ):
        for piece in response.iter_raw(MIB):
            checks += len(piece)
            if piece.count(0) == len(piece):
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        assert checks == int(response.headers["content-length"])
    assert memory.growth < GROWTH
    with ZipFile(path) as opened:
        assert [info.file_size for info in opened.infolist()] == sizes
        assert zlib.crc32(bytes(SMALL)) == opened.infolist()[-1].CRC
        assert opened.read(f"{FILES}/hole") == bytes(SMALL)
        assert crc_of_zeros(sizes[0]) == opened.infolist()[0].CRC
    assert memory.growth < GROWTH


def share_warm(server: ServerProcess) -> str:
    """A small zip, so that what the first one takes once is taken already."""
    return share_holes(server, [1, 2])


def crc_of_zeros(size: int) -> int:
    crc, piece = 0, bytes(16 * MIB)
    for start in range(0, size, len(piece)):
        crc = zlib.crc32(piece[: size - start], crc)
    return crc


def test_many_who_do_not_read(server: ServerProcess) -> None:
    """And who then hang up: nothing stays open, and redirects are answered all the while."""
    target = zip_of(share_holes(server, [16 * MIB] * 4))
    memory = Memory(server)
    before = descriptors(server)
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.socket()) for _ in range(80)]
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(request(target))
        for connection in connections:
            assert connection.recv(100)
        # All of them have filled their sockets when a newcomer has been served.
        with httpx.stream("GET", server.url + target, timeout=60) as response:
            assert sum(map(len, response.iter_raw(MIB))) == int(response.headers["content-length"])
        assert memory.growth < GROWTH
        for connection in connections:
            # Some say good-bye, others are just gone.
            if connection.fileno() % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: descriptors(server) <= before)
    assert "Traceback" not in server.log


def test_redirects_do_not_wait_for_a_zip(server: ServerProcess) -> None:
    target = zip_of(share_holes(server, [64 * MIB] * 8))
    userid = server.call("temporary_account")["userid"]
    short_url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    waits = []
    with (
        httpx.Client() as client,
        httpx.stream("GET", server.url + target, timeout=60) as response,
    ):
        pieces = response.iter_raw(256 << 10)
        for _ in range(200):
            next(pieces)
            begun = time.perf_counter()
            assert client.get(short_url).status_code == 302
            waits.append(time.perf_counter() - begun)
    # A busy machine makes some wait, a zip would all.
    assert sorted(waits)[len(waits) // 2] < 0.1


def descriptors(server: ServerProcess) -> int:
    """Files and sockets that the server has open."""
    return len(open_files(server.pid))
