"""Sockets that systemd holds for us (sd_listen_fds(3)): they stay open while we are away.

What is passed is checked before anything is opened. This module must never leave the variables to
programs that we start.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from shortd.settings.config_reader import ConfigError

FIRST = 3
MOST = 1024
"""No more sockets than that are believed to be meant."""
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


def inherited(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The listening sockets that this process was started with, none if they are not for it.

    Takes the variables away. Raises ConfigError for what is no stream socket that listens.
    """
    pid, number, names = (environ.pop(name, "") for name in _VARIABLES)
    if not number or pid != str(os.getpid()):
        return []
    if not (number.isascii() and number.isdigit() and int(number) <= MOST):
        raise ConfigError([f"LISTEN_FDS: expected a number of sockets up to {MOST}"])
    called = dict(enumerate(names.split(":"), FIRST))
    listeners: list[socket.socket] = []
    problems: list[str] = []
    for descriptor in range(FIRST, FIRST + int(number)):
        try:
            listeners.append(_listener(descriptor))
        except ValueError as fault:
            name = called.get(descriptor) or "unnamed"
            problems.append(f"LISTEN_FDS: descriptor {descriptor} ({name}) {fault}")
    if problems:
        for listener in listeners:
            listener.close()
        raise ConfigError(problems)
    return listeners


def _listener(descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        raise ValueError("is no socket") from None
    wrong = _what_is_wrong(found)
    if wrong:
        found.detach()
        raise ValueError(wrong)
    # Not for programs that we start, such as a plugin's.
    found.set_inheritable(False)
    found.setblocking(False)
    return found


def _what_is_wrong(found: socket.socket) -> str:
    if found.family not in _FAMILIES:
        return "is neither a TCP nor a Unix socket"
    if found.type != socket.SOCK_STREAM:
        return "is no stream socket (ListenStream=)"
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen; leave Accept= at no"
    return ""
