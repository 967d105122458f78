"""Transactions as tables see them, and what they note of changes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import lmdb
import msgspec

from shortd.models.limits import Holding


class Txn:
    """A read transaction; use as a context manager, never across an await."""

    __slots__ = ("databases", "raw")

    def __init__(self, raw: lmdb.Transaction, databases: dict[str, Any]) -> None:
        self.raw = raw
        self.databases = databases

    def __enter__(self) -> Txn:
        return self

    def __exit__(self, *exception: object) -> None:
        self.raw.abort()
        # lmdb gives a reader's slot back with the object alone, and whoever awaits something may
        # keep this one in his frame.
        del self.raw


class KnownStrings:
    """What the writer thread remembers of strings from one transaction to the next: the numbers of
    those that have one, and which were seen that have none.

    Numbers are right, as whoever removes a string has it forgotten, and a transaction that fails
    all of them. Either takes 2 x 2048 places at most: 2.5 MB if strangers fill them with the
    longest agents, a tenth of that as a rule.
    """

    MOST = 2048

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._older_numbers: dict[str, int] = {}
        self._seen: set[int] = set()
        self._older_seen: set[int] = set()

    def number(self, text: str) -> int | None:
        """The number of a string, if it is remembered."""
        number = self._numbers.get(text)
        if number is None:
            number = self._older_numbers.get(text)
            if number is not None:
                self.note(text, number)
        return number

    def note(self, text: str, number: int) -> None:
        """Remembers a number; those that nobody asked for longest are forgotten at times."""
        if len(self._numbers) >= self.MOST:
            self._older_numbers, self._numbers = self._numbers, {}
        self._numbers[text] = number

    def see(self, text: str, salt: int) -> bool:
        """Whether a string was seen before. Of two with one hash, one may pass for the other."""
        mark = hash((text, salt))
        if mark in self._seen or mark in self._older_seen:
            return True
        if len(self._seen) >= self.MOST:
            self._older_seen, self._seen = self._seen, set()
        self._seen.add(mark)
        return False

    def forget(self, text: str) -> None:
        """Has a string no number any more."""
        self._numbers.pop(text, None)
        self._older_numbers.pop(text, None)

    def forget_numbers(self) -> None:
        """Remembers none: some may never have been written."""
        self._numbers.clear()
        self._older_numbers.clear()


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a put or a delete did to a row of a watched table."""

    table: str
    key: tuple[Any, ...]
    before: Any
    """The row; None if there was none."""
    after: Any


class WriteTxn(Txn):
    """A write transaction, made by the writer thread alone; it reads its own writes."""

    __slots__ = ("changes", "codes", "held", "kept", "known", "uses", "values")

    def __init__(
        self, raw: lmdb.Transaction, databases: dict[str, Any], known: KnownStrings | None = None
    ) -> None:
        super().__init__(raw, databases)
        self.changes: list[Change] = []
        """To rows of watched tables, in their order."""
        self.kept: dict[str, Holding] = {}
        """By how much what accounts keep has changed, by their userids, until `settle_holdings`."""
        self.held: dict[str, Holding] = {}
        """By how much holdings have changed, by their keys."""
        self.uses: defaultdict[int | str, int] = defaultdict(int)
        """By how much the uses of strings have changed, by their numbers: see `strings`."""
        self.codes: dict[str, int | str] = {}
        """Codes of texts that were looked at in this transaction."""
        self.values: dict[str, tuple[tuple[int | str, str, int | str], ...]] = {}
        """What was made of texts in this transaction: dimensions, values, and codes of these."""
        self.known = KnownStrings() if known is None else known
