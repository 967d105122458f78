"""A server that answers whatever a test says: lies, refusals, and nothing of ww7."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Say(NamedTuple):
    """An answer. Its Content-Length is true unless there is one in `headers`."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


def headers_of(handler: BaseHTTPRequestHandler) -> dict[str, str]:
    """A request's headers, by their names in lower case."""
    return {name.lower(): value for name, value in handler.headers.items()}


Behaviour = Callable[[Asked], Say]


class Listener(ThreadingHTTPServer):
    """Clients may leave when they please."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Impostor:
    """Serves on loopback until the end of the block. `asked` are the requests so far."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                asked = Asked(self.command, self.path, headers_of(self), self.rfile.read(length))
                impostor.asked.append(asked)
                status, headers, body = impostor.behaviour(asked)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                    # What was promised and is missing never comes.
                    self.close_connection = "Content-Length" in headers

            do_GET = do_HEAD = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Impostor:
        # It looks for its end this often (seconds).
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def envelope(**output: object) -> Say:
    """A call's success."""
    return Say(body=json.dumps({"output": output, "status": "success"}).encode())


def refusal(status: int, code: str, message: str = "No.", **headers: str) -> Say:
    """A call's refusal."""
    body = {"output": {}, "status": "error", "error": {"code": code, "message": message}}
    return Say(status, headers, json.dumps(body).encode())
