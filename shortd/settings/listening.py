"""What `[server] host` means: which addresses, and which of the files named are free to be sockets.

Listens on nothing and changes nothing.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shortd.settings.config_checks import SOCKET, is_socket

EVERYWHERE = ("::", "0.0.0.0")
ANSWER_SECONDS = 5.0

Address = tuple[socket.AddressFamily, Any]


def hosts_of(hosts: Sequence[str]) -> list[str]:
    """Those with a port, each once, without what others among them listen on anyway."""
    named = [*dict.fromkeys(host for host in hosts if not is_socket(host))]
    if "::" in named:
        return ["::"]
    if "0.0.0.0" in named:
        return ["0.0.0.0", *(host for host in named if ":" in host)]
    return named


def sockets_of(hosts: Sequence[str]) -> list[Path]:
    """The files of Unix sockets."""
    paths = (host.removeprefix(SOCKET) for host in hosts if is_socket(host))
    return [Path(path) for path in dict.fromkeys(paths)]


def addresses(host: str, port: int) -> list[Address]:
    """Each address that a host has, once, with its family. OSError, UnicodeError."""
    found = {}
    for name in EVERYWHERE if host == "::" else (host,):
        for family, _, _, _, address in socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            found[address] = family
    return [(family, address) for address, family in found.items()]


def is_stale(path: Path) -> bool:
    """Whether a socket is there that nobody listens on. OSError if something else is."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(kind):
        raise OSError(errno.ENOTSOCK, "is there, and no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(os.fsencode(path))
        except ConnectionRefusedError:
            return True
        except FileNotFoundError:
            return False
        except PermissionError:
            raise
        except OSError:
            # Such as a full queue: somebody has it all the same.
            pass
    raise OSError(errno.EADDRINUSE, "another process listens there")
