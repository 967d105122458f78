"""Files as response bodies, moved by the kernel from the page cache to the socket.

ASGI has no way to send a file, and uvicorn none that it shares, so a request's scope carries
one of ours: `SendFile`, under `extensions`. It works on uvicorn's connection behind its back,
and only while nothing of ours waits in the transport. The socket never blocks; the disk may,
and therefore files are read on disk threads. This module must never know what it sends.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from weakref import proxy

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

EXTENSION = "shortd.sendfile"
SENDFILE_BYTES = 1 << 20
"""What the kernel is asked to send at a time."""
COPY_BYTES = 1 << 16
"""What goes through the transport when the socket is full: so it tells us when it is not."""

Run = Callable[[Callable[[], Any]], Awaitable[Any]]


class SendFile:
    """Sends bytes of open files as part of the body of one response."""

    def __init__(self, cycle: RequestResponseCycle, transport: asyncio.Transport) -> None:
        # Weakly, for the cycle has the scope that has this: such a ring would keep every request
        # until the garbage collector comes, whose walks then stop everything for up to 70 ms.
        self._cycle: RequestResponseCycle = proxy(cycle)
        self._transport = transport

    async def __call__(self, descriptor: int, start: int, length: int, run: Run) -> None:
        """Sends bytes [start, start + length) of a file; the response has been started.

        `run` runs blocking work on another thread. ConnectionError when the client is gone,
        OSError when the file ends before.
        """
        self._check()
        # From here on the transport counts as full for as long as anything waits in it.
        self._transport.set_write_buffer_limits(high=0)
        # A copy, for the connection may be closed, and its number used again, at any time.
        out = os.dup(self._transport.get_extra_info("socket").fileno())
        try:
            while length:
                await self._settle()
                sent = await run(
                    partial(_sendfile, out, descriptor, start, min(length, SENDFILE_BYTES))
                )
                if sent is None:
                    size = min(length, COPY_BYTES)
                    sent = await self._copy(await run(partial(os.pread, descriptor, size, start)))
                else:
                    self._cycle.expected_content_length -= sent
                if not sent:
                    raise OSError("the file is shorter than it was")
                start += sent
                length -= sent
            await self._settle()
        finally:
            os.close(out)
            if not self._transport.is_closing():
                self._transport.set_write_buffer_limits()

    async def abort(self) -> None:
        """Ends the connection in the middle of a response; that is all a client can be told."""
        self._transport.abort()
        while not self._cycle.disconnected:
            await self._cycle.receive()

    async def _settle(self) -> None:
        """Waits until the transport holds nothing."""
        await self._cycle.flow.drain()
        self._check()

    def _check(self) -> None:
        if self._cycle.disconnected or self._transport.is_closing():
            raise ConnectionAbortedError

    async def _copy(self, data: bytes) -> int:
        await self._cycle.send({"type": "http.response.body", "body": data, "more_body": True})
        return len(data)


def _sendfile(out: int, descriptor: int, start: int, length: int) -> int | None:
    """Bytes sent, 0 at the end of the file; None if the socket takes none now."""
    try:
        return os.sendfile(out, descriptor, start, length)
    except BlockingIOError:
        return None
