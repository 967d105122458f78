"""HTTP as bytes on a socket: what no client library would send, and exactly what came back."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

HOST = "127.0.0.1"


class Response(NamedTuple):
    """One response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(target: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """The bytes of a request without a body."""
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def call(name: str, *headers: str, **inputs: Any) -> bytes:
    """The bytes of a v2 call."""
    body = json.dumps(inputs).encode()
    head = request(f"/v2/{name}", f"Content-Length: {len(body)}", *headers, method="POST")
    return head + body


def follow(short_url: str, times: int = 1) -> list[int]:
    """Visits a short URL, over one connection: the status of each answer."""
    host, _, code = short_url.rpartition("://")[2].partition("/")
    with Wire(int(host.rpartition(":")[2])) as wire:
        return [wire.ask(request(f"/{code}")).status for _ in range(times)]


class Wire:
    """A blocking connection, to a port or a Unix socket."""

    def __init__(self, port: int | Path, *, timeout: float = 60) -> None:
        if isinstance(port, Path):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout)
            self._socket.connect(str(port))
        else:
            self._socket = socket.create_connection((HOST, port), timeout=timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._socket.sendall(piece)

    def response(self, *, head_only: bool = False) -> Response:
        """The next response, interim ones included. ConnectionError where there is none."""
        status, headers = _parse_head(self._head())
        length = 0 if head_only or status < 200 else int(headers["content-length"])
        body = self._reader.read(length)
        if len(body) < length:
            raise ConnectionResetError("the server closed in the middle of a body")
        return Response(status, headers, body)

    def ask(self, *pieces: bytes) -> Response:
        self.send(*pieces)
        return self.response()

    def part(self, size: int) -> bytes:
        """So many bytes of what comes."""
        return self._reader.read(size)

    def closed(self) -> bool:
        """Waits for the server's next move: whether it is to close without another byte."""
        try:
            return self._reader.read(1) == b""
        except ConnectionResetError:
            return True

    def _head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._reader.readline()
            if not line:
                raise ConnectionResetError(f"the server closed after {head!r}")
            head += line
        return head


class AsyncWire:
    """A keep-alive connection of an event loop. Any ConnectionError means no answer came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> AsyncWire:
        return cls(*await asyncio.open_connection(HOST, port))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def response(self) -> Response:
        try:
            status, headers = _parse_head(await self._reader.readuntil(b"\r\n\r\n"))
            body = await self._reader.readexactly(int(headers["content-length"]))
        except asyncio.IncompleteReadError as fault:
            raise ConnectionResetError("the server closed the connection") from fault
        return Response(status, headers, body)

    async def ask(self, data: bytes) -> Response:
        self.send(data)
        return await self.response()

    def close(self) -> None:
        self._writer.close()


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in fields}
