"""What commands share with their terminal: standard streams as bytes, and Ctrl-C as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from shortd.client.failures import ClientFailure, Interrupted


def binary(stream: TextIO | None, name: str) -> BinaryIO:
    """The bytes of a standard stream, which may be closed."""
    if stream is None:
        raise ClientFailure(f"Standard {name} is closed.")
    return stream.buffer


@contextmanager
def interruptible(*, goes_on: bool) -> Iterator[None]:
    """Makes Ctrl-C one line, as any other failure is."""
    try:
        yield
    except KeyboardInterrupt:
        hint = " The same command goes on from here." if goes_on else ""
        raise Interrupted(f"Interrupted.{hint}") from None
