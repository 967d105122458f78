"""Why a client command ends without success: one line for the person who gave it.

Much of such a line comes from servers, which are not to be trusted with a terminal: whatever
is no printable character is taken out here.
"""

from __future__ import annotations

LONGEST = 400
"""Characters of a message; a server may send any amount."""


class ClientFailure(Exception):
    """The command cannot go on. `str()` is one printable line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message)[:LONGEST])


class Unreachable(ClientFailure):
    """The server does not answer."""


class Refused(ClientFailure):
    """The server says no. `code` is its error code, "" where the answer had none."""

    def __init__(
        self, message: str, *, status: int, code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""
        self.code = code
        self.retry_after = retry_after
        """Seconds, where the server said how long to wait."""


def printable(text: str) -> str:
    """The text with "?" for each character that is not printable, line breaks among them."""
    return "".join(character if character.isprintable() else "?" for character in text)
