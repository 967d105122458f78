"""How much a server may say in an answer that is no file, and for how long.

httpx bounds the time between two reads, and nothing else: bodies, headers, trailers, early hints
and chunks could go on for ever. So the bytes are counted where they come in, before HTTP is made
of them, which is one bound for all of these. Must never slow a file down.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
from httpcore import SOCKET_OPTION

from shortd.client.failures import ClientFailure

ANSWER_BYTES = 512 << 10
"""Of an answer with its head, its framing and what comes before it."""
ANSWER_SECONDS = 15.0
"""From an answer's first byte to its last one."""


class Endless(ClientFailure):
    """An answer goes on for longer than any that is meant well."""

    def __init__(self) -> None:
        super().__init__("The server's answer has no end.")


class Meter(httpcore.AsyncNetworkStream):
    """A connection that counts what is read of each answer."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._is_lifted = False
        self._left = ANSWER_BYTES
        self._until: float | None = None
        """Monotonic time at which the answer must be over."""

    def lift(self) -> None:
        """What is left of this answer is a file: it may be of any length."""
        self._is_lifted = True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._is_lifted:
            return await self._stream.read(max_bytes, timeout)
        if self._until is not None:
            left = self._until - time.monotonic()
            timeout = left if timeout is None else min(timeout, left)
            if timeout <= 0:
                raise Endless
        try:
            data = await self._stream.read(max_bytes, timeout)
        except httpcore.ReadTimeout:
            if self._until is not None:
                raise Endless from None
            raise
        if self._until is None:
            self._until = time.monotonic() + ANSWER_SECONDS
        self._left -= len(data)
        if self._left < 0:
            raise Endless
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Another request.
        self._is_lifted, self._left, self._until = False, ANSWER_BYTES, None
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return Meter(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _MeteredNetwork(httpcore.AsyncNetworkBackend):
    """Connections as another network makes them, each with a meter."""

    def __init__(self, network: httpcore.AsyncNetworkBackend) -> None:
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        return Meter(stream)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


def meter_all(client: httpx.AsyncClient) -> None:
    """Puts a meter on every connection that a client will make, directly or by a proxy.

    httpx has no public way to this that keeps what the environment says of proxies.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            pool = transport._pool
            pool._network_backend = _MeteredNetwork(pool._network_backend)
