"""PUT at a real server: by curl, in chunks, with `Expect`, and by clients that leave."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import GENEROUS
from tests.server_process import ServerProcess
from tests.sharing.sharing import faults_in, on_disk, wait_for
from tests.tools import needed

SIZE = 24 << 20
SMALL = {
    **GENEROUS,
    "SHORTD_LIMITS__REGISTERED__MAX_FILE_BYTES": str(SIZE),
    "SHORTD_FILES__MIN_FREE_BYTES": "0",
}


class Scene:
    """A server, somebody's API key, and a file."""

    def __init__(self, folder: Path) -> None:
        needed("curl")
        self.server = ServerProcess(folder / "data", SMALL)
        self.server.start()
        signed = self.server.call("signup", email="ann@nowhere.example", password="ab" * 32)
        self.own = {"userid": signed["userid"], "token": signed["token"]}
        made = self.server.call("create_api_key", **self.own, name="curl")
        self.key = made["api_key"]
        self.file = folder / "film.bin"
        self.file.write_bytes(bytes(range(256)) * (SIZE // 256))

    def curl(self, *arguments: str, stdin: bytes = b"") -> str:
        command = ["curl", "-sS", "-m", "60", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout.decode()

    def entries(self) -> int:
        return len(self.server.call("get_entries", **self.own, count=1000)["entries"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("put"))
    try:
        yield scene
    finally:
        scene.server.stop()
    assert faults_in(scene.server.data_dir) == []


def test_curl_sends_a_file(scene: Scene) -> None:
    for more in (["-H", f"Authorization: Bearer {scene.key}"], ["-u", f"ann:{scene.key}"]):
        printed = scene.curl("-T", str(scene.file), *more, f"{scene.server.url}/")
        assert re.fullmatch(rf"{re.escape(scene.server.url)}/\w{{10}}\n", printed), printed
        sent = httpx.get(printed.strip(), follow_redirects=True)
        assert sent.content == scene.file.read_bytes()


def test_curl_sends_what_it_reads(scene: Scene) -> None:
    """In chunks, as nobody knows how long it is."""
    key = ["-H", f"Authorization: Bearer {scene.key}"]
    url = f"{scene.server.url}/-/up/log.txt?days=7&clicks=5"
    printed = scene.curl("-T", "-", *key, url, stdin=b"one line\n")
    assert httpx.get(printed.strip(), follow_redirects=True).text == "one line\n"


def test_a_file_too_large_is_not_asked_for(scene: Scene) -> None:
    """By `Expect: 100-continue` the client has not sent a byte of it when it is refused."""
    head = (
        f"PUT /a.bin HTTP/1.1\r\nHost: 127.0.0.1:{scene.server.port}\r\n"
        f"Authorization: Bearer {scene.key}\r\nExpect: 100-continue\r\n"
    )
    before = scene.entries()
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=60) as wire:
        wire.sendall(f"{head}Content-Length: {SIZE + 1}\r\n\r\n".encode())
        refused = b""
        while not refused.endswith(b"\n") or refused.endswith(b"\r\n"):
            refused += wire.recv(65536)
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert b"file_too_large: " in refused
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=60) as wire:
        wire.sendall(f"{head}Content-Length: 5\r\n\r\n".encode())
        assert wire.recv(65536).startswith(b"HTTP/1.1 100 ")
        wire.sendall(b"Hello")
        assert wire.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert scene.entries() == before + 1


def test_in_chunks_too_much_is_refused_while_it_comes(scene: Scene) -> None:
    key, before = ["-H", f"Authorization: Bearer {scene.key}"], scene.entries()
    more = scene.file.read_bytes() + b"x"
    command = ["curl", "-sS", "-m", "60", "-T", "-", *key, f"{scene.server.url}/a.bin"]
    done = subprocess.run(command, input=more, capture_output=True, check=False)
    assert b"file_too_large" in done.stdout
    assert scene.entries() == before


@pytest.mark.parametrize("length", ["Content-Length: 9000000", "Transfer-Encoding: chunked"])
def test_a_client_that_leaves_leaves_nothing(scene: Scene, length: str) -> None:
    unfinished = scene.server.data_dir / "files" / "unfinished"
    wait_for(lambda: not any(unfinished.iterdir()))
    before, files = scene.entries(), len(on_disk(scene.server.data_dir))
    head = (
        f"PUT /a.bin HTTP/1.1\r\nHost: 127.0.0.1:{scene.server.port}\r\n"
        f"Authorization: Bearer {scene.key}\r\n{length}\r\n\r\n"
    )
    body = bytes(4 << 20)
    if "Length" not in length:
        body = b"%x\r\n%b\r\n" % (len(body), body)
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=60) as wire:
        wire.sendall(head.encode() + body)
        wait_for(lambda: any(unfinished.iterdir()))
    wait_for(lambda: not any(unfinished.iterdir()))
    assert (scene.entries(), len(on_disk(scene.server.data_dir))) == (before, files)


def test_without_a_body(scene: Scene) -> None:
    """An empty file is one, no file is none."""
    before, key = scene.entries(), ["-H", f"Authorization: Bearer {scene.key}"]
    printed = scene.curl("-X", "PUT", *key, f"{scene.server.url}/a.txt")
    assert printed.startswith("bad_request: ")
    printed = scene.curl("-T", "/dev/null", *key, f"{scene.server.url}/a.txt")
    assert httpx.get(printed.strip(), follow_redirects=True).content == b""
    assert scene.entries() == before + 1


def test_bodies_that_lie(scene: Scene) -> None:
    """What is no chunk is refused, and makes nothing."""
    before = scene.entries()
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=60) as wire:
        wire.sendall(
            f"PUT /a.bin HTTP/1.1\r\nHost: 127.0.0.1:{scene.server.port}\r\n"
            f"Authorization: Bearer {scene.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
            "zz\r\nHello\r\n0\r\n\r\n".encode()
        )
        assert wire.recv(65536)[:12] == b"HTTP/1.1 400"
    assert scene.entries() == before
