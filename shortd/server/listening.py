"""The sockets a server listens on, from the address in the settings.

`::` means everybody, as in most programs: on both families. Each family has a socket of its own,
so that clients of the older one come with the addresses that people write.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from typing import Any

EVERYWHERE = ("::", "0.0.0.0")
BACKLOG = 2048
_ABSENT = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listen(host: str, port: int) -> list[socket.socket]:
    """The listening sockets for `[server] host` and `port`. Taken before anything is opened, so
    that a busy port is told first. OSError with the address as its file name.
    """
    hosts = EVERYWHERE if host == "::" else (host,)
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _addresses(hosts, port):
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
        for listener in listeners:
            listener.close()
        # Python appends the address, in a form for programmers.
        reason = (fault.strerror or str(fault)).partition(" (while")[0]
        raise OSError(fault.errno, reason, shown(host, port)) from None
    return listeners


def shown(host: str, port: int) -> str:
    """An address and a port as one writes them together."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _addresses(hosts: Iterable[str], port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """Each address that the hosts have, once, with its family."""
    found = {}
    for host in hosts:
        for family, _, _, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            found[address] = family
    return [(family, address) for address, family in found.items()]
