"""A site on loopback for short links to lead to; it remembers who came and how."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PAGE = b"<!doctype html><html lang=en><title>Arrived</title><link rel=icon href='data:,'>Arrived"


class Arrival(NamedTuple):
    """A request that reached the site."""

    path: str
    referer: str | None


class Target:
    """The site's address, and its visitors so far."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.arrivals: list[Arrival] = []


@contextmanager
def open_target() -> Iterator[Target]:
    """The site, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target.arrivals.append(Arrival(self.path, self.headers["referer"]))
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, format: str, *args: object) -> None:
            """Silence: what matters is in `arrivals`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # A browser may hold a connection that it asks nothing by.
        server.daemon_threads = True
        target = Target(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield target
        finally:
            server.shutdown()
            thread.join()
