"""Where passwords come from: the terminal or the environment, never the command line.

Other users of a machine can read command lines. Must not be used within a running event loop,
where Ctrl-C would have to wait for an answer.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator

from shortd.client.failures import ClientFailure, NotText
from shortd.client.texts import checked, variable

VARIABLE = "SHORTD_FILE_PASSWORD"
TRIES = 3
"""Passwords that are asked for, one after the other."""
_PROMPT = "Password of the file: "


def new_file_password() -> str:
    """The password for a file that is sent. Asked for twice: nobody could find it out later."""
    password = variable(VARIABLE)
    if not password:
        password = ask(_PROMPT, f"set {VARIABLE}")
        if ask("Once more: ", "") != password:
            raise ClientFailure("These are two different passwords.")
    return password


def file_passwords(*, at_once: bool) -> Iterator[str]:
    """What may be the password of a file that is fetched; asks the first time `at_once`."""
    given = variable(VARIABLE)
    if given:
        return iter([given])
    return _asked(_PROMPT, _ask_again(_PROMPT) if at_once else None)


def box_passwords() -> Iterator[str]:
    """What may be the password of a box that is sent to."""
    given = variable(VARIABLE)
    return iter([given]) if given else _asked("Password of the box: ", None)


def variable_key() -> str:
    """The key of a box, from the environment; empty without one."""
    return variable(VARIABLE)


def ask(prompt: str, otherwise: str) -> str:
    """A password from the terminal. ClientFailure without one, or without an answer; `NotText`.

    `otherwise` is what to do where there is no terminal.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        raise ClientFailure(f"There is no terminal to ask for a password: {otherwise}.") from None
    try:
        password = checked(getpass.getpass(prompt), "This password")
    except UnicodeDecodeError:
        raise NotText("This password") from None
    if not password:
        raise ClientFailure("A password is not empty.")
    return password


def _asked(prompt: str, first: str | None) -> Iterator[str]:
    if first is not None:
        yield first
    for _ in range(TRIES - (first is not None)):
        yield _ask_again(prompt)


def _ask_again(prompt: str) -> str:
    return ask(prompt, f"set {VARIABLE}")
