"""Unix sockets to listen on: files that outlive whoever made them.

One that nobody listens on any more is replaced. This module must never remove what is no socket, or
somebody else's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from shortd.server.listening import BACKLOG
from shortd.settings.config_checks import SOCKET
from shortd.settings.listening import is_stale, sockets_of

MODE = 0o660
"""For who runs the server and for its group, in which a proxy may be."""

log = structlog.get_logger(__name__)


@contextmanager
def listening(hosts: Sequence[str]) -> Iterator[list[socket.socket]]:
    """Listening sockets for those hosts that are Unix sockets; in the end their files are gone.

    Raises OSError, with the setting as its file name, where one cannot be.
    """
    with ExitStack() as undo:
        sockets = []
        for path in sockets_of(hosts):
            file = SocketFile(path)
            undo.callback(file.remove)
            undo.callback(file.socket.close)
            sockets.append(file.socket)
        yield sockets


class SocketFile:
    """A socket that this process listens on, and its file."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, with the setting as its file name, where that cannot be."""
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if is_stale(path):
                path.unlink()
            mask = os.umask(0o777 & ~MODE)
            try:
                self.socket.bind(os.fsencode(path))
            finally:
                os.umask(mask)
            self.socket.listen(BACKLOG)
            self._identity = _identity(path)
        except OSError as fault:
            self.socket.close()
            raise OSError(fault.errno, fault.strerror or str(fault), f"{SOCKET}{path}") from None

    def remove(self) -> None:
        """Takes the file away, if it is still this one."""
        try:
            if _identity(self.path) == self._identity:
                self.path.unlink()
        except FileNotFoundError:
            pass
        except OSError as fault:
            log.warning("socket_not_removed", path=str(self.path), error=str(fault))


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
