"""The network as plugins' requests see it: one request, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

import ada_url
import msgspec

from shortd.hosts.allowance import Refused


class Outgoing(msgspec.Struct, frozen=True):
    """A request."""

    method: str
    url: str
    """As `ada_url` spells it, without a fragment."""
    headers: Sequence[tuple[str, str]]
    content: bytes


class Incoming(msgspec.Struct, frozen=True):
    """Its answer."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes


class Unread(Exception):
    """An answer of which no more than the head could be used, for the reason that it is raised
    from."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


class Reach(Protocol):
    """Which addresses may be connected to."""

    @property
    def is_wide(self) -> bool:
        """Whether private ones are among them, whose names only the system may know."""

    def __call__(self, address: str) -> bool: ...


class Network(Protocol):
    """Where requests go."""

    async def send(self, request: Outgoing, reach: Reach, max_bytes: int) -> Incoming:
        """The answer, with a body of at most `max_bytes`. Refused, Unread, or whatever else goes
        wrong."""

    def close(self) -> None:
        """Waits for nothing."""


class Outside:
    """The network that there is: see `connections`, which is read when it is first needed."""

    def __init__(self) -> None:
        self._network: Network | None = None

    async def send(self, request: Outgoing, reach: Reach, max_bytes: int) -> Incoming:
        if self._network is None:
            # Some 10 MiB that few servers need. A thread loads them: redirects are not to wait.
            await asyncio.to_thread(import_module, "shortd.plugin_runtime.connections")
            from shortd.plugin_runtime.connections import RealNetwork

            self._network = self._network or RealNetwork()
        return await self._network.send(request, reach, max_bytes)

    def close(self) -> None:
        if self._network is not None:
            self._network.close()


def spelled(url: str) -> ada_url.URL:
    """A URL that may be asked for. Refused."""
    try:
        target = ada_url.URL(url)
    except ValueError:
        raise Refused("this is no URL") from None
    if target.protocol not in ("http:", "https:") or not target.hostname:
        raise Refused("only http and https can be asked")
    if target.username or target.password:
        raise Refused("a user name in a URL; send a header instead")
    target.hash = ""
    return target
