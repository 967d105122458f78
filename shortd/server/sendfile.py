"""Files as response bodies, moved by the kernel from the page cache to the socket.

ASGI has no way to send a file, and uvicorn none that it shares, so it is done behind uvicorn's
back, and only while nothing of ours waits in the transport. The socket never blocks; the disk may,
and therefore files are read on disk threads. This module must never know what it sends.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING
from weakref import proxy

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from shortd.files.transfers import Run

if TYPE_CHECKING:
    from shortd.server.protocol import PatientProtocol

SENDFILE_BYTES = 1 << 20
"""What the kernel is asked to send at a time."""
COPY_BYTES = 1 << 16
"""What goes through the transport when the socket is full: so it tells us when it is not."""


class ConnectionSendFile:
    """Sends bytes of open files as part of the response that a connection works on."""

    def __init__(self, connection: PatientProtocol) -> None:
        # Weakly, for the scope of each request has this, and a connection has its request: such a
        # ring would keep both until the garbage collector comes, whose walks then stop everything
        # for up to 70 ms.
        self._connection: PatientProtocol = proxy(connection)

    async def __call__(self, descriptor: int, start: int, length: int, run: Run) -> None:
        """As `transfers.SendFile` has it."""
        cycle, transport = self._cycle, self._connection.transport
        _check(cycle)
        # From here on the transport counts as full for as long as anything waits in it.
        transport.set_write_buffer_limits(high=0)
        socket = transport.get_extra_info("socket")
        try:
            while length:
                await _settle(cycle)
                async with self._connection.shared.sending:
                    _check(cycle)
                    # A copy, for the connection may be closed, and its number used again, at any
                    # time; no longer than it is used, for most downloads wait most of the time.
                    out = os.dup(socket.fileno())
                    try:
                        sent = await run(
                            partial(_sendfile, out, descriptor, start, min(length, SENDFILE_BYTES))
                        )
                    finally:
                        os.close(out)
                if sent is None:
                    size = min(length, COPY_BYTES)
                    sent = await _copy(cycle, await run(partial(os.pread, descriptor, size, start)))
                else:
                    cycle.expected_content_length -= sent
                if not sent:
                    raise OSError("the file is shorter than it was")
                start += sent
                length -= sent
            await _settle(cycle)
        finally:
            self._connection.limit_unsent()

    def check(self) -> None:
        """As `transfers.SendFile` has it."""
        _check(self._cycle)

    async def abort(self) -> None:
        """As `transfers.SendFile` has it."""
        cycle = self._cycle
        self._connection.transport.abort()
        while not cycle.disconnected:
            await cycle.receive()

    @property
    def _cycle(self) -> RequestResponseCycle:
        cycle = self._connection.answering
        assert cycle is not None, "a request that is worked on sends a file"
        return cycle


async def _settle(cycle: RequestResponseCycle) -> None:
    """Waits until the transport holds nothing."""
    await cycle.flow.drain()
    _check(cycle)


def _check(cycle: RequestResponseCycle) -> None:
    if cycle.disconnected or cycle.transport.is_closing():
        raise ConnectionAbortedError


async def _copy(cycle: RequestResponseCycle, data: bytes) -> int:
    await cycle.send({"type": "http.response.body", "body": data, "more_body": True})
    return len(data)


def _sendfile(out: int, descriptor: int, start: int, length: int) -> int | None:
    """Bytes sent, 0 at the end of the file; None if the socket takes none now."""
    try:
        return os.sendfile(out, descriptor, start, length)
    except BlockingIOError:
        return None
