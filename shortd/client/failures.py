"""Why a client command ends without success: one line for the person who gave it.

Much of such a line comes from servers, which are not to be trusted with a terminal: whatever
is no printable character is taken out here.
"""

from __future__ import annotations

import sys

LONGEST = 400
"""Characters of a message; a server may send any amount."""


class ClientFailure(Exception):
    """The command cannot go on. `str()` is one printable line."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(printable(message)[:LONGEST])


class NotText(ClientFailure):
    """Bytes of the command line or the environment that are no text where they have to be."""

    exit_status = 2

    def __init__(self, what: str) -> None:
        encoding = sys.getfilesystemencoding().upper()
        super().__init__(f"{what} is no text: its bytes are not {encoding}, as this locale has it.")


class Interrupted(ClientFailure):
    """Somebody pressed Ctrl-C."""


class Unreachable(ClientFailure):
    """The server does not answer."""


class Refused(ClientFailure):
    """The server says no. `code` is its error code, "" where the answer had none."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        retry_after: float | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""
        self.code = code
        self.retry_after = retry_after
        """Seconds, where the server said how long to wait."""
        self.location = location
        """Where it goes on, as it stands there, where the server said so."""


def printable(text: str) -> str:
    """The text with "?" for each character that is not printable, line breaks among them."""
    return "".join(character if character.isprintable() else "?" for character in text)
