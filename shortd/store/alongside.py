"""What is to be written together with something else that is written, whoever writes that.

    with alongside(note):
        await domains.unsubscribe(None, domain)

`note` runs in the transaction of the first write that is asked for in the block, behind it: either
both are on disk or neither. So whoever asks for something can have it noted, and whoever does it
need not know of notes. It must never be used for what the doer has to know of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from shortd.store.txn import WriteTxn

T = TypeVar("T")


class Addition:
    """Something that waits for a write to go along with."""

    def __init__(self, function: Callable[[WriteTxn, Any], None]) -> None:
        self._function = function
        self.is_done = False
        """Whether a write took it along that is on disk."""

    def behind(self, function: Callable[[WriteTxn], T]) -> Callable[[WriteTxn], T]:
        """The function, and this behind it."""

        def both(txn: WriteTxn) -> T:
            result = function(txn)
            self._function(txn, result)
            return result

        return both


_WAITING: ContextVar[Addition | None] = ContextVar("shortd_alongside", default=None)


@contextmanager
def alongside(function: Callable[[WriteTxn], None]) -> Iterator[Addition]:
    """Has a function run with the next write of this task."""
    with alongside_result(lambda txn, _result: function(txn)) as addition:
        yield addition


@contextmanager
def alongside_result(function: Callable[[WriteTxn, Any], None]) -> Iterator[Addition]:
    """The same for a function that is given what that write comes to, before anybody else is."""
    addition = Addition(function)
    token = _WAITING.set(addition)
    try:
        yield addition
    finally:
        _WAITING.reset(token)


def waiting() -> Addition | None:
    """What the next write of this task takes along."""
    addition = _WAITING.get()
    return None if addition is None or addition.is_done else addition
