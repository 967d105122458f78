"""The way out of a connection: what its answers are written to, and how it ends.

A socket that is closed while its client still sends resets the connection, and the client loses
what it was told last (RFC 9112 9.6). So a connection ends in two steps, unless nothing can come.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

_BYTES_ACKED = struct.Struct("=120xQ")
"""Of `struct tcp_info` (linux/tcp.h): what the client's machine says that it has."""
_RESET = struct.pack("ii", 1, 0)


class Flow(FlowControl):
    """uvicorn's, but for what was read ahead: that comes before anything new."""

    def __init__(self, transport: asyncio.Transport, read_on: Callable[[], None]) -> None:
        super().__init__(transport)
        self._read_on: Callable[[], None] | None = read_on

    def resume_reading(self) -> None:
        """The application has taken what there was of a body."""
        if self._read_on is not None:
            self._read_on()

    def let_in(self) -> None:
        """Has the transport read."""
        super().resume_reading()

    def end(self) -> None:
        """Lets go of the connection."""
        self._read_on = None


class Outlet:
    """What a request's answer is written to: the transport, but for its end."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, hang_up: Callable[[], None]) -> None:
        self.write = transport.write
        self.close = hang_up
        self.is_closing = transport.is_closing


def taken_bytes(transport: asyncio.Transport) -> int:
    """A figure that changes whenever the client takes something of what it was sent.

    What the transport holds shrinks only when the kernel's own buffer, of some megabytes, has
    room for a third: a slow reader would seem to be none.
    """
    connection: Any = transport.get_extra_info("socket")
    try:
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            figures = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
            acknowledged: int = _BYTES_ACKED.unpack(figures)[0]
            return acknowledged
    except (OSError, struct.error):
        pass
    return transport.get_write_buffer_size() + unacknowledged(transport)


def unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the kernel holds because the client has not taken them."""
    return _waiting(transport, termios.TIOCOUTQ)


def unread(transport: asyncio.Transport) -> int:
    """Bytes that have come and are still with the kernel."""
    return _waiting(transport, termios.FIONREAD)


def _waiting(transport: asyncio.Transport, queue: int) -> int:
    connection: Any = transport.get_extra_info("socket")
    try:
        waiting = fcntl.ioctl(connection.fileno(), queue, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(waiting, sys.byteorder)


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection whose client takes nothing, and with it what the kernel still holds."""
    connection: Any = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
