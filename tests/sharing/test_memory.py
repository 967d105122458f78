"""Memory stays flat: a gibibyte up and down, and many clients that do not read."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.v2.people import path_of
from tests.conftest import GENEROUS
from tests.open_files import open_files
from tests.server.wire import Wire, request
from tests.server_process import ServerProcess
from tests.sharing.sharing import FORM_TYPE, SECRECY, Json, output, part, query_part, wait_for

MIB = 1 << 20
GIB = 1 << 30
GROWTH = 64 * MIB
FRAME = 4 * MIB
"""Plain bytes of a frame."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """With room for what comes."""
    environ = {
        **GENEROUS,
        "SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": str(2 * GIB),
        "SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": str(4 * GIB),
    }
    process = ServerProcess(tmp_path / "data", environ)
    process.start()
    yield process
    process.stop()


class Memory:
    """The resident memory of a server: what it had, and the most it came to."""

    def __init__(self, server: ServerProcess) -> None:
        server.warm_up()
        self._process = Path(f"/proc/{server.pid}")
        # From here on the peak is that of what follows.
        (self._process / "clear_refs").write_text("5")
        self._before = self._status("VmRSS")

    @property
    def growth(self) -> int:
        """Bytes, at the worst moment."""
        return self._status("VmHWM") - self._before

    def _status(self, name: str) -> int:
        lines = (self._process / "status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) << 10


def encrypted(size: int) -> Iterator[bytes]:
    """A body of so many plain bytes, in pieces that are no frames."""
    piece = bytes(range(256)) * (MIB // 256)
    for _ in range(size // FRAME):
        yield struct.pack("<I", FRAME + 28)
        yield bytes(28)
        for _ in range(FRAME // MIB):
            yield piece


def upload(server: ServerProcess, query: Json, size: int) -> tuple[Json, bytes]:
    """The entry, and the SHA-256 of the body."""
    length = size + size // FRAME * 32
    before, after = query_part(query), part("file", b"", filename="f")
    head, tail = after[: -len("\r\n")], b"\r\n------a-boundary-of-usual-length--\r\n"
    digest = hashlib.sha256()
    with closing(Wire(server.port, timeout=60)) as wire:
        total = len(before) + len(head) + length + len(tail)
        fields = (f"Content-Type: {FORM_TYPE}", f"Content-Length: {total}")
        wire.send(request("/v2/file", *fields, method="POST"), before, head)
        for piece in encrypted(size):
            digest.update(piece)
            wire.send(piece)
        answer = wire.ask(tail)
    assert answer.status == 200, answer.body
    entry: Json = answer.json["output"]["entry"]
    return entry, digest.digest()


def test_a_gibibyte(server: ServerProcess) -> None:
    userid = server.call("temporary_account")["userid"]
    warm = {"userid": userid, "filename": "f", "filesize": FRAME, **SECRECY}
    upload(server, warm, FRAME)
    memory = Memory(server)
    entry, sent = upload(server, {**warm, "filesize": GIB}, GIB)
    assert memory.growth < GROWTH
    assert entry["filesize"] == GIB
    unlocked = server.call(
        "get_protected_file_info", shorturl=entry["shorturl"], challenge=SECRECY["challenge"]
    )
    digest = hashlib.sha256()
    with httpx.stream("GET", unlocked["url"], timeout=60) as response:
        for piece in response.iter_raw(MIB):
            digest.update(piece)
    assert digest.digest() == sent
    assert memory.growth < GROWTH


def test_many_who_do_not_read(server: ServerProcess) -> None:
    """What is on its way to them is in the page cache and in their sockets, not with us."""
    userid = server.call("temporary_account")["userid"]
    data = bytes(16 * MIB)
    query = {"userid": userid, "filename": "f", "filesize": len(data)}
    files: dict[str, Any] = {"query": (None, json.dumps(query)), "file": data}
    entry = output(httpx.post(f"{server.url}/v2/file", files=files))["entry"]
    target = httpx.get(server.url + path_of(entry)).headers["location"]
    memory = Memory(server)
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.socket()) for _ in range(100)]
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(request(target))
        for connection in connections:
            assert connection.recv(100)
        # All of them have filled their sockets when a newcomer has been served.
        assert len(httpx.get(server.url + target, timeout=60).content) == len(data)
        assert memory.growth < GROWTH
    wait_for(lambda: not_sending(server))


def not_sending(server: ServerProcess) -> bool:
    """Whether all of those connections are gone."""
    return sum("socket:" in str(place) for place in open_files(server.pid)) < 20
