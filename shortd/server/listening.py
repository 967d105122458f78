"""The sockets a server listens on, from the addresses in the settings.

Each family has a socket of its own, so that clients of the older one come with the addresses that
people write. Unix sockets are made apart (`server.socket_files`), by the user whose data these are.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Sequence

from shortd.settings.config_checks import SOCKET
from shortd.settings.listening import addresses, hosts_of

BACKLOG = 4096
"""Connections that wait to be taken; the system may allow fewer (net.core.somaxconn)."""
_ABSENT = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """The listening sockets for `port` at all hosts but Unix sockets. Taken before anything is
    opened, so that a busy port is told first. OSError with the address as its file name.
    """
    listeners: list[socket.socket] = []
    try:
        for host in hosts_of(hosts):
            listeners += _listen_at(host, port, listeners)
    except BaseException:
        close(listeners)
        raise
    return listeners


def close(listeners: Iterable[socket.socket]) -> None:
    """Stops listening on these."""
    for listener in listeners:
        listener.close()


def shown(host: str, port: int) -> str:
    """An address and a port as one writes them together."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def name_of(listener: socket.socket) -> str:
    """What a socket listens on, as the settings and people write it."""
    name = listener.getsockname()
    if isinstance(name, tuple):
        return shown(*name[:2])
    text = name.decode(errors="replace") if isinstance(name, bytes) else name
    # So does one write a name in no folder (unix(7), "Abstract").
    return SOCKET + text.replace("\0", "@")


def _listen_at(host: str, port: int, others: Iterable[socket.socket]) -> list[socket.socket]:
    """Those of a host; what one of the others listens on is left out."""
    taken = {listener.getsockname() for listener in others}
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in addresses(host, port):
            if address in taken:
                continue
            try:
                listeners.append(socket.create_server(address, family=family, backlog=BACKLOG))
            except OSError as fault:
                if fault.errno not in _ABSENT:
                    raise
                # Machines without IPv6 know its addresses all the same.
                missing = fault
        if missing is not None and not listeners:
            raise missing
    except OSError as fault:
        close(listeners)
        # Python appends the address, in a form for programmers.
        reason = (fault.strerror or str(fault)).partition(" (while")[0]
        raise OSError(fault.errno, reason, shown(host, port)) from None
    return listeners
