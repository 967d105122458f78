"""Connections to public addresses alone, on which an allowance is spent.

The network that an HTTP library is given. Early hints, headers, chunks, trailers, handshakes and
tickets of TLS could all go on for ever, so the bytes are counted below them, where they come in:
one bound for whatever a server may think of. They are handed on in small pieces, as a library works
at all that it has before it lets anybody else do something.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

import anyio
import httpcore
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream
from httpcore import SOCKET_OPTION

from shortd.hosts.allowance import Allowance, Refused

CONNECT_SECONDS = 1.0
"""For one of a name's addresses, so that a dead one leaves time for the next."""
PIECE = 2 << 10
"""Bytes that are worked at in one go: a few ms at most."""
BUFFER = 32 << 10
"""Bytes that the system takes in beforehand. The event loop reads all of them at once, up to 8 MiB
a connection if a quick server goes on meanwhile.
"""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> its addresses. OSError if there are none."""


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Connects to a name's addresses, if each of them is public."""

    def __init__(
        self, resolve: Resolve, is_public: Callable[[str], bool], allowance: Allowance
    ) -> None:
        self._resolve = resolve
        self._is_public = is_public
        self._allowance = allowance

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one. Refused, OSError."""
        addresses = await self._resolve(host, port)
        if not addresses or not all(map(self._is_public, addresses)):
            raise Refused("not a public address")
        fault: Exception = Refused("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    socket = await anyio.connect_tcp(address, port)
            except OSError as failed:
                fault = failed
            else:
                raw = socket.extra(SocketAttribute.raw_socket)
                raw.setsockopt(SOL_SOCKET, SO_RCVBUF, BUFFER)
                return _Stream(_Socket(socket, self._allowance), self._allowance)
        raise fault


class _Socket(ByteStream):
    """A socket whose bytes are counted."""

    def __init__(self, socket: SocketStream, allowance: Allowance) -> None:
        self._socket = socket
        self._allowance = allowance

    async def receive(self, max_bytes: int = PIECE) -> bytes:
        piece = await self._socket.receive(min(max_bytes, PIECE))
        self._allowance.received(len(piece))
        return piece

    async def send(self, item: bytes) -> None:
        await self._socket.send(item)

    async def send_eof(self) -> None:
        await self._socket.send_eof()

    async def aclose(self) -> None:
        await self._socket.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._socket.extra_attributes


class _Stream(httpcore.AsyncNetworkStream):
    """What HTTP is read from: a socket, or TLS on one. The time that is spent on it is counted.

    The library's own timeouts are not used: one that counts for everything stands around it.
    """

    def __init__(self, stream: ByteStream, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._allowance.rest()
        # TLS hands on what it has without a pause.
        await asyncio.sleep(0)
        try:
            piece = await self._stream.receive(min(max_bytes, PIECE))
        except anyio.EndOfStream:
            piece = b""
        self._allowance.work()
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send(buffer)
        except anyio.BrokenResourceError as broken:
            # Whoever has heard enough may have answered all the same.
            raise httpcore.WriteError from broken

    async def aclose(self) -> None:
        self._allowance.rest()
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await TLSStream.wrap(
                self._stream,
                hostname=server_hostname,
                ssl_context=ssl_context,
                server_side=False,
                standard_compatible=False,
            )
        except BaseException:
            await anyio.aclose_forcefully(self._stream)
            raise
        return _Stream(stream, self._allowance)

    def get_extra_info(self, info: str) -> Any:
        """Nothing: no connection is used again."""
