"""Up and down through real sockets: slow clients, clients that leave, and files that go."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import GENEROUS
from tests.open_files import open_files
from tests.server.wire import Response, Wire, request
from tests.server_process import ServerProcess
from tests.sharing.sharing import (
    FORM_TYPE,
    cut,
    error,
    faults_in,
    file_form,
    on_disk,
    output,
    wait_for,
)

MIB = 1 << 20
# Ends of parts fall inside of what is sent at a time, and on its bounds.
SIZES = [1, MIB - 1, MIB, MIB + 1, 3 * MIB, 0, 70_000]
DATA = os.urandom(sum(SIZES) + 5)


class Site:
    """A server with an account on it, and a file in parts."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=30)
        self.userid = server.call("temporary_account")["userid"]
        self.shorturl = self.share_in_parts(cut(DATA, SIZES))

    def share_in_parts(self, parts: list[bytes]) -> str:
        """The short URL of a new file."""
        described = {"filename": "f", "filesize": sum(map(len, parts))}
        filekey = self.call("file_part_initialize", **described)["filekey"]
        for number, data in enumerate(parts):
            query = {"filekey": filekey, "partnumber": number, "partsize": len(data)}
            self.form("file_part_upload", query, data)
        shorturl: str = self.call("file_part_finalize", filekey=filekey)["entry"]["shorturl"]
        return shorturl

    def call(self, name: str, **inputs: Any) -> Any:
        return output(self.http.post(f"/v2/{name}", json={"userid": self.userid, **inputs}))

    def form(self, name: str, query: Any, data: bytes) -> Any:
        response = self.http.post(
            f"/v2/{name}",
            content=file_form({"userid": self.userid, **query}, data),
            headers={"content-type": FORM_TYPE},
        )
        return output(response)

    def target(self, shorturl: str | None = None) -> str:
        """Path and query of the download."""
        path = urlsplit(shorturl or self.shorturl).path
        return self.http.get(path).headers["location"]

    def wire(self) -> Wire:
        return Wire(self.server.port)


def upload_head(length: int) -> bytes:
    """Of a `file` request."""
    return request(
        "/v2/file",
        f"Content-Type: {FORM_TYPE}",
        f"Content-Length: {length}",
        method="POST",
    )


def files_of(site: Site) -> set[str]:
    """All on its disk, once what earlier clients have begun is gone. What earlier links have left
    may go at any time."""
    unfinished = site.server.data_dir / "files" / "unfinished"
    wait_for(lambda: not any(unfinished.iterdir()))
    return {*on_disk(site.server.data_dir)}


def open_blobs(site: Site) -> int:
    """Files of the data directory's folder `files` that the server has open."""
    return sum("/files/" in str(place) for place in open_files(site.server.pid))


@pytest.fixture(scope="module", params=["fast lane", "slow lane"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One for all; at its end nothing was logged that is a fault, and all is sound."""
    lane = {"SHORTD_SERVER__FAST_LANE": str(request.param == "fast lane").lower()}
    server = ServerProcess(tmp_path_factory.mktemp("transfers") / "data", {**GENEROUS, **lane})
    server.start()
    opened = Site(server)
    with closing(opened.http):
        yield opened
    assert server.stop() == 0
    assert "Traceback" not in server.log
    assert "ASGI" not in server.log
    assert faults_in(server.data_dir) == []


def test_all_of_it(site: Site) -> None:
    with closing(site.wire()) as wire:
        for _ in range(3):
            # Over one connection: nothing is left over behind a body.
            response = wire.ask(request(site.target()))
            assert response.status == 200
            assert response.body == DATA


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (1, MIB), (MIB - 5, 3 * MIB + 7), (5, len(DATA)), (len(DATA) - 1, len(DATA))],
)
def test_ranges(site: Site, start: int, stop: int) -> None:
    with closing(site.wire()) as wire:
        asked = request(site.target(), f"Range: bytes={start}-{stop - 1}")
        response = wire.ask(asked)
        assert response.status == 206
        assert response.body == DATA[start:stop]


def test_several_ranges(site: Site) -> None:
    with closing(site.wire()) as wire:
        response = wire.ask(request(site.target(), f"Range: bytes=0-{MIB},{2 * MIB}-{4 * MIB}"))
        assert response.status == 206
        assert DATA[: MIB + 1] in response.body
        assert DATA[2 * MIB : 4 * MIB + 1] in response.body
        assert wire.ask(request(urlsplit(site.shorturl).path)).status == 302


def test_pipelined(site: Site) -> None:
    """What was asked behind a download is answered behind it."""
    code, target = urlsplit(site.shorturl).path, site.target()
    with closing(site.wire()) as wire:
        wire.send(request(target) + request(code) + request(target, method="HEAD") + request(code))
        assert wire.response().body == DATA
        assert wire.response().status == 302
        assert wire.response(head_only=True).headers["content-length"] == str(len(DATA))
        assert wire.response().status == 302


def test_http_1_0(site: Site) -> None:
    with closing(site.wire()) as wire:
        assert wire.ask(request(site.target(), version="1.0")).body == DATA
        assert wire.closed()


def test_a_slow_client(site: Site) -> None:
    """Its socket is full most of the time, and takes a little at a time."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", site.server.port))
        connection.sendall(request(site.target(), "Connection: close"))
        received = bytearray()
        while piece := connection.recv(50_000):
            received += piece
    assert received.endswith(b"\r\n\r\n" + DATA)


def test_many_at_once(site: Site) -> None:
    target = site.target()

    def fetch(_: int) -> Response:
        with closing(site.wire()) as wire:
            return wire.ask(request(target))

    with ThreadPoolExecutor(16) as threads:
        assert all(response.body == DATA for response in threads.map(fetch, range(48)))


@pytest.mark.parametrize("reset", [True, False])
def test_a_client_that_leaves(site: Site, reset: bool) -> None:
    for _ in range(5):
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", site.server.port))
            connection.sendall(request(site.target()))
            assert connection.recv(1000)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: open_blobs(site) == 0)


def test_a_link_that_is_deleted_while_its_file_is_on_its_way(site: Site) -> None:
    """The part that is open goes out whole; then there is no more, and the client sees that."""
    others = files_of(site)
    shorturl = site.share_in_parts([DATA, DATA])
    both = {*on_disk(site.server.data_dir)} - others
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", site.server.port))
        connection.sendall(request(site.target(shorturl)))
        assert connection.recv(1000)
        site.call("delete", shorturl=shorturl)
        wait_for(lambda: both.isdisjoint(on_disk(site.server.data_dir)))
        assert len(both) == 2
        received = 0
        with suppress(ConnectionResetError):
            while piece := connection.recv(MIB):
                received += len(piece)
    # Give or take the head, which came first.
    assert received <= len(DATA) + 1000
    assert "download_cut_short" in site.server.log


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize("sent", [100, 50_000, 3 * MIB])
def test_an_upload_that_is_broken_off(site: Site, sent: int, file_first: bool) -> None:
    query = {"userid": site.userid, "filename": "f", "filesize": len(DATA)}
    body = file_form(query, DATA, query_first=not file_first)
    before = files_of(site)
    with closing(site.wire()) as wire:
        wire.send(upload_head(len(body)), body[:sent])
        if sent > MIB:
            wait_for(lambda: not before.issuperset(on_disk(site.server.data_dir)))
    wait_for(lambda: before.issuperset(on_disk(site.server.data_dir)))
    assert site.call("get_entries", count=1000)["entries"]


@pytest.mark.parametrize("file_first", [True, False])
def test_a_body_that_is_too_large_is_cut_off_early(site: Site, file_first: bool) -> None:
    """The answer comes while the client is still sending, and it can read it."""
    query = {"userid": site.userid, "filename": "f", "filesize": 10}
    body = file_form(query, DATA, query_first=not file_first)
    endless = 1 << 40
    if file_first:
        # Nobody knows yet how much is allowed: it comes with the query.
        body = body.replace(DATA, DATA[: 2 * MIB])
    before = files_of(site)
    with closing(site.wire()) as wire:
        wire.send(upload_head(endless))
        for start in range(0, len(body), 10_000):
            wire.send(body[start : start + 10_000])
        response = wire.response()
        assert response.status == 413
        assert response.json["error"]["code"] == "file_too_large"
        # Who goes on sending is not hurt by it.
        wire.send(bytes(MIB))
    wait_for(lambda: before.issuperset(on_disk(site.server.data_dir)))


def test_expect_continue(site: Site) -> None:
    query = {"userid": site.userid, "filename": "f", "filesize": 4}
    body = file_form(query, b"data")
    with closing(site.wire()) as wire:
        head = upload_head(len(body)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        assert wire.ask(head).status == 100
        assert wire.ask(body).json["status"] == "success"


def test_chunked(site: Site) -> None:
    query = {"userid": site.userid, "filename": "f", "filesize": len(DATA)}
    body = file_form(query, DATA)
    head = upload_head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with closing(site.wire()) as wire:
        wire.send(head)
        for start in range(0, len(body), 33_333):
            piece = body[start : start + 33_333]
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        response = wire.ask(b"0\r\n\r\n")
        assert response.status == 200
        shorturl = response.json["output"]["entry"]["shorturl"]
        assert wire.ask(request(site.target(shorturl))).body == DATA


def test_many_want_the_same(site: Site) -> None:
    """One upload, finished by one of eight; one part, sent by all of them."""
    filekey = site.call("file_part_initialize", filename="f", filesize=MIB)["filekey"]
    bodies = [bytes([number]) * MIB for number in range(8)]
    query = {"filekey": filekey, "partnumber": 0, "partsize": MIB}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(partial(site.form, "file_part_upload", query), bodies))

        def finish(_: int) -> httpx.Response:
            inputs = {"userid": site.userid, "filekey": filekey}
            return site.http.post("/v2/file_part_finalize", json=inputs)

        answers = list(threads.map(finish, range(8)))
    [winner] = [answer for answer in answers if answer.status_code == 200]
    # The others come too late, or while it is being finished.
    refused = {error(answer)[:2] for answer in answers if answer is not winner}
    assert refused <= {(404, "upload_not_found"), (400, "bad_file")}
    with closing(site.wire()) as wire:
        shorturl = output(winner)["entry"]["shorturl"]
        assert wire.ask(request(site.target(shorturl))).body in bodies


def test_a_quota_is_one_for_all(tmp_path: Path) -> None:
    """Uploads that come at the same time fit one by one, but not together."""
    quota = {"SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": str(3 * MIB)}
    server = ServerProcess(tmp_path / "data", {**GENEROUS, **quota})
    server.start()
    try:
        userid = server.call("temporary_account")["userid"]
        query = {"userid": userid, "filename": "f", "filesize": MIB}
        body = file_form(query, bytes(MIB))
        barrier = Barrier(8)

        def send(_: int) -> int:
            with closing(Wire(server.port)) as wire:
                wire.send(upload_head(len(body)), body[: len(body) // 2])
                barrier.wait()
                return wire.ask(body[len(body) // 2 :]).status

        with ThreadPoolExecutor(8) as threads:
            answers = sorted(threads.map(send, range(8)))
        assert answers == [200] * 3 + [403] * 5
        wait_for(lambda: len(on_disk(server.data_dir)) == 3)
    finally:
        server.stop()
    assert faults_in(server.data_dir) == []


def test_uploads_side_by_side(site: Site) -> None:
    def share(number: int) -> bool:
        size = 300_000 * number + number
        shorturl = site.share_in_parts(cut(DATA[:size], [size // 3]))
        with closing(site.wire()) as wire:
            response = wire.ask(request(site.target(shorturl)))
        site.call("delete", shorturl=shorturl)
        return response.body == DATA[:size]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(share, range(1, 17)))
