"""A server whose answers have no end, in every way that HTTP has; raw, as no library writes it."""

from __future__ import annotations

import gzip
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

MOST_BYTES = 256 << 20
"""Sent in all, so that a test that fails ends, too."""

Flood = Callable[[], Iterable[bytes]]
"""Makes the bytes of one answer, from its status line on."""
OK = b"HTTP/1.1 200 OK\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nLocation: /-/files/key\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_PIECE = bytes(1 << 16)
_BOMB = gzip.compress(bytes(64 << 20))


def _endless(head: bytes, piece: bytes) -> Flood:
    return lambda: itertools.chain([head], itertools.repeat(piece))


def _chunks(head: bytes, piece: bytes) -> Flood:
    return _endless(head + CHUNKED, b"%x\r\n%b\r\n" % (len(piece), piece))


def _whole(head: bytes, body: bytes) -> Flood:
    return lambda: [head + b"Content-Length: %d\r\n\r\n" % len(body), body]


def _packed(body: bytes) -> bytes:
    return b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _dripping(head: bytes, piece: bytes) -> Flood:
    def drip() -> Iterator[bytes]:
        yield head
        while True:
            time.sleep(0.05)
            yield piece

    return drip


FLOODS: dict[str, Flood] = {
    "body": _endless(OK + b"\r\n", _PIECE),
    "announced body": _endless(OK + b"Content-Length: %d\r\n\r\n" % (1 << 40), _PIECE),
    "chunks": _chunks(OK, _PIECE),
    "tiny chunks": _chunks(OK, b"x"),
    "body of a redirect": _endless(FOUND + b"\r\n", _PIECE),
    "chunks of a redirect": _chunks(FOUND, _PIECE),
    "body of a refusal": _endless(MISSING + b"\r\n", _PIECE),
    "headers": _endless(OK, b"X-More: " + bytes(1000).replace(b"\0", b"x") + b"\r\n"),
    "one header": _endless(OK + b"X-More: ", b"x" * (1 << 16)),
    "status": _endless(b"HTTP/1.1 200 ", b"x" * (1 << 16)),
    "early hints": _endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "early hints with links": _endless(
        b"", b"HTTP/1.1 103 Early Hints\r\nLink: <%b>\r\n\r\n" % (b"x" * 9000)
    ),
    "continue": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "processing": _endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100),
    "trailers": _endless(OK + CHUNKED + b"0\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"),
    "chunk extensions": _endless(OK + CHUNKED + b"1;", b"x=y;" * 1000),
    "small chunk extensions": _endless(OK + CHUNKED, b"1;" + b"x" * 9000 + b"\r\n \r\n"),
    "packed": lambda: [OK + _packed(_BOMB)],
    "packed twice": lambda: [OK + _packed(gzip.compress(_BOMB))],
    "packed refusal": lambda: [MISSING + _packed(_BOMB)],
    "deep JSON": _whole(OK, b"[" * 60_000),
    "deep JSON in an envelope": _whole(OK, b'{"output":{"x":' + b'{"x":' * 12_000),
    "deep JSON in a refusal": _whole(MISSING, b'{"error":' * 7_000),
    "long JSON": _endless(OK + b'\r\n{"output":{"shorturl":"', b"x" * (1 << 16)),
}
"""By what has no end, or much too late a one."""
DRIPS: dict[str, Flood] = {
    "body": _dripping(OK + b"\r\n", b"x"),
    "chunks": _dripping(OK + CHUNKED, b"1\r\nx\r\n"),
    "headers": _dripping(OK, b"X-More: x\r\n"),
    "early hints": _dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "refusal": _dripping(MISSING + b"\r\n", b"x"),
}
"""The same, a little at a time."""


class Listener(ThreadingTCPServer):
    """Clients may leave when they please."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Flooder:
    """Serves on loopback until the end of the block: a flood at `path`, elsewhere `answers`.

    `answers` are beginnings of heads, and bodies, by path; anything else is 404.
    """

    def __init__(self, path: str, flood: Flood, answers: Mapping[str, tuple[bytes, bytes]]) -> None:
        self.sent = 0
        """Bytes of floods that clients took, or their systems did for them."""
        flooder = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                while asked := self.rfile.readline().split():
                    length = 0
                    for header in iter(self.rfile.readline, b"\r\n"):
                        name, _, value = header.partition(b":")
                        if name.lower() == b"content-length":
                            length = int(value)
                    self.rfile.read(length)
                    if asked[1].decode() == path:
                        self.flood()
                        return
                    head, body = answers.get(asked[1].decode(), (MISSING, b""))
                    self.wfile.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

            def flood(self) -> None:
                for piece in flood():
                    flooder.sent += len(piece)
                    self.wfile.write(piece)
                    if flooder.sent > MOST_BYTES:
                        return

        self._server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Flooder:
        # It looks for its end this often (seconds).
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
