"""A network for tests, in which nobody answers but whom a test lets answer.

    app.network.answer("https://api.example/check", json={"safe": True})
    ...
    [request] = app.network.requests
    assert request.json() == {"url": "https://main.example/"}

What a plugin may reach is looked at as on the real one: names are at a public address unless the
test puts them elsewhere. No sockets.
"""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple

import ada_url

from shortd.hosts.allowance import Refused
from shortd.plugin_runtime.network import Incoming, Outgoing, Reach, Unread

PUBLIC = "1.1.1.1"
"""Where names are that no test has put elsewhere."""


class Request(NamedTuple):
    """What a plugin has sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    """By their names in small letters."""
    content: bytes

    def json(self) -> Any:
        """The content as JSON has it."""
        return json_module.loads(self.content)


class Answer(NamedTuple):
    """What it gets for that."""

    status: int = 200
    content: bytes | str = b""
    headers: Mapping[str, str] = {}


Answering = Callable[[Request], Answer]


class FakeNetwork:
    """Answers requests of plugins, and keeps them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """All that were sent to where they may go, in their order."""
        self._answers: dict[tuple[str, str], Answering] = {}
        self._addresses: dict[str, list[str]] = {}

    def answer(
        self,
        url: str,
        status: int = 200,
        *,
        content: bytes | str = b"",
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str = "",
    ) -> None:
        """Lets a URL answer from now on: all methods, or the one that is named."""
        told = dict(headers or {})
        if json is not None:
            content = json_module.dumps(json)
            told.setdefault("content-type", "application/json")
        answer = Answer(status, content, told)
        self.serve(url, lambda request: answer, method=method)

    def serve(self, url: str, answering: Answering, *, method: str = "") -> None:
        """Lets a function answer for a URL. What it raises is what goes wrong with the request."""
        self._answers[method, _spelled(url)] = answering

    def fail(self, url: str, reason: str = "nobody answers", *, method: str = "") -> None:
        """Lets requests for a URL fail from now on."""

        def refuse(request: Request) -> Answer:
            raise OSError(reason)

        self.serve(url, refuse, method=method)

    def place(self, host: str, *addresses: str) -> None:
        """Puts a host at these addresses."""
        self._addresses[host] = list(addresses)

    async def send(self, request: Outgoing, reach: Reach, max_bytes: int) -> Incoming:
        """What the server calls."""
        await asyncio.sleep(0)
        host = ada_url.URL(request.url).hostname.strip("[]")
        addresses = self._addresses.get(host) or [_address(host)]
        if not all(map(reach, addresses)):
            raise Refused("not a public address")
        sent = Request(request.method, request.url, dict(request.headers), request.content)
        self.requests.append(sent)
        for key in ((request.method, request.url), ("", request.url)):
            if key in self._answers:
                answer = self._answers[key](sent)
                break
        else:
            raise OSError(f"nobody answers at {request.url}: see app.network.answer")
        content = answer.content.encode() if isinstance(answer.content, str) else answer.content
        if len(content) > max_bytes:
            raise Unread(answer.status) from Refused(f"an answer of more than {max_bytes} bytes")
        return Incoming(answer.status, list(answer.headers.items()), content)

    def close(self) -> None:
        """There is nothing to close."""


def _address(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return "127.0.0.1" if host == "localhost" else PUBLIC


def _spelled(url: str) -> str:
    target = ada_url.URL(url)
    target.hash = ""
    return target.href
