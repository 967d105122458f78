"""Uploads that come at the same time: together they have no more room than one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.wire import Wire
from tests.server_process import ServerProcess
from tests.sharing.sharing import FORM_TYPE, file_part, form, query_part

STORAGE = 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    environ = {**GENEROUS, "SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": str(STORAGE)}
    with running(ServerProcess(tmp_path / "data", environ)) as server:
        yield server


def request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Uploads:
    """Somebody's files, which come as slowly as he likes."""

    def __init__(self, server: ServerProcess, *, at_once: bool) -> None:
        self.server = server
        self.userid = str(server.call("temporary_account")["userid"])
        self.filekey = ""
        if not at_once:
            query = {"filename": "a", "filesize": STORAGE, "userid": self.userid}
            self.filekey = str(server.call("file_part_initialize", **query)["filekey"])

    def body(self, size: int, number: int) -> bytes:
        query: dict[str, Any] = {"userid": self.userid}
        if self.filekey:
            query |= {"filekey": self.filekey, "partnumber": number, "partsize": size}
        else:
            query |= {"filename": "a", "filesize": size}
        return form(query_part(query), file_part(bytes(size)))

    @property
    def path(self) -> str:
        return "/v2/file_part_upload" if self.filekey else "/v2/file"

    def begin(self, size: int, number: int = 0) -> tuple[Wire, bytes]:
        """Sends all but the end; that comes back."""
        whole = request(self.path, self.body(size, number))
        wire = Wire(self.server.port)
        wire.send(whole[:-100])
        return wire, whole[-100:]

    def send(self, size: int, number: int = 0) -> str:
        """Sends a whole one: why it is refused; empty if it is not."""
        with Wire(self.server.port) as wire:
            answer = json.loads(wire.ask(request(self.path, self.body(size, number))).body)
        return str(answer.get("error", {}).get("code", ""))


@pytest.mark.parametrize("at_once", [True, False], ids=["files", "parts"])
def test_what_comes_has_its_room_already(server: ServerProcess, at_once: bool) -> None:
    uploads = Uploads(server, at_once=at_once)
    wire, end = uploads.begin(600)
    assert uploads.send(500, 1) == "quota_exceeded"
    assert uploads.send(400, 1) == ""
    wire.send(end)
    assert json.loads(wire.response().body)["status"] == "success"
    wire.close()


@pytest.mark.parametrize("at_once", [True, False], ids=["files", "parts"])
def test_what_is_given_up_leaves_its_room(server: ServerProcess, at_once: bool) -> None:
    uploads = Uploads(server, at_once=at_once)
    wire, _ = uploads.begin(600)
    assert uploads.send(500, 1) == "quota_exceeded"
    wire.close()
    # The server hears of it with the next turn of its loop, or a few later.
    for _ in range(1000):
        if uploads.send(500, 1) == "":
            break
    assert uploads.send(500, 2) == ""
