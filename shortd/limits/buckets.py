"""Token buckets: who may spend how much weight, and when.

Every account has a bucket for its calls and one for the redirects of its links, and every
client address has one for calls without an account (docs/api.md, "Limits"). Balances live in
memory, because a redirect must not wait for a disk; whoever owns the database takes the
changed ones from time to time and stores them in a transaction of his own.

Levels are counted in millionths of a weight unit: a refill of `refill_rate` units a second
over some µs is then a whole number, and nothing is ever rounded.

A cell that is not dirty says exactly what the stored row (or its absence) says, so that
dropping it from memory neither grants nor takes anything. This module must never know HTTP,
read a clock or open a transaction. All methods belong to one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import msgspec

from shortd.clock import DAY, SECOND
from shortd.models.limits import Balance

UNIT = 1_000_000
"""Levels per weight unit."""
MAX_CAPACITY = 9_000_000_000_000
"""The most weight units a bucket can hold; its level still fits a signed 64-bit integer."""
MAX_SKEW = 60 * SECOND
"""How far `now` may lie behind an earlier one before the clock counts as set back."""

_FULL = 1 << 63
"""Level of a bucket that is full, whatever its capacity."""
_FEW = 1024
"""Entries that are not worth a sweep, and the least that one step of a sweep looks at."""


class Limit(msgspec.Struct, frozen=True):
    """Size and refill of a bucket. ValueError for values no bucket can have."""

    capacity: int
    """Weight units."""
    refill_rate: int
    """Weight units per second; 0 is a budget that is spent once."""

    def __post_init__(self) -> None:
        if not 0 <= self.capacity <= MAX_CAPACITY:
            raise ValueError(f"capacity must be between 0 and {MAX_CAPACITY}")
        if self.refill_rate < 0:
            raise ValueError("refill_rate must not be negative")


class Buckets:
    """Balances by key, kept in memory and stored by the caller.

    `load` reads a stored balance; None means that the bucket is full. Memory is bounded by
    `max_entries` and an eighth, plus what changed since the last `take_dirty` but one.

    `now` is µs. It may lag a little behind that of an earlier call (a request that waited);
    such a call sees no refill. A clock set back by more than `MAX_SKEW` restarts the refill
    at the new time, so it holds a bucket up for at most that long.
    """

    def __init__(self, load: Callable[[str], Balance | None], max_entries: int = 100_000) -> None:
        self._load = load
        self._max_entries = max_entries
        # A cell is [level, utime, full level, refill rate], as its last change left it. The
        # order of the keys is that of their changes, as exactly as takes happen.
        self._cells: dict[str, list[int]] = {}
        self._dirty: dict[str, list[int]] = {}
        self._now = 0
        self._sweep_above = min(max_entries, _FEW)
        self._unswept: list[str] = []

    def charge(self, key: str, limit: Limit, weight: int, now: int) -> int:
        """Takes `weight` units (not negative) and returns 0, or takes nothing.

        Then it returns the µs (at least 1) after which the same charge would succeed, were
        nobody else to spend. A weight above the capacity never succeeds: the time until the
        bucket is full. A bucket that does not refill: one day.
        """
        self._now = now
        cell = self._cells.get(key)
        if cell is None:
            cell = self._read(key, now)
        rate = limit.refill_rate
        full = limit.capacity * UNIT
        level = cell[0]
        elapsed = now - cell[1]
        if elapsed > 0:
            level += elapsed * rate
        elif elapsed < 0:
            elapsed = self._lag(key, cell, now)
        if level > full:
            level = full
        left = level - weight * UNIT
        if left < 0:
            return _wait(min(weight * UNIT, full) - level, rate, max(0, -elapsed))
        cell[0] = left
        if elapsed > 0:
            cell[1] = now
        cell[2] = full
        cell[3] = rate
        self._cells[key] = self._dirty[key] = cell
        return 0

    def refund(self, key: str, limit: Limit, weight: int, now: int) -> None:
        """Gives `weight` units (not negative) back, as far as the capacity allows."""
        cell, level = self._view(key, limit, now)
        full = limit.capacity * UNIT
        if level == full:
            return
        cell[:] = (min(full, level + weight * UNIT), max(now, cell[1]), full, limit.refill_rate)
        self._cells[key] = self._dirty[key] = cell

    def balance(self, key: str, limit: Limit, now: int) -> int:
        """The whole weight units that a charge could take now."""
        return self._view(key, limit, now)[1] // UNIT

    def wait(self, key: str, limit: Limit, weight: int, now: int) -> int:
        """The µs after which a charge would succeed, as `charge` tells it; 0 if it would now."""
        cell, level = self._view(key, limit, now)
        full = limit.capacity * UNIT
        missing = min(weight * UNIT, full) - level
        if missing <= 0 and weight * UNIT <= full:
            return 0
        return _wait(max(0, missing), limit.refill_rate, max(0, cell[1] - now))

    def take_dirty(self) -> dict[str, Balance | None]:
        """What changed since the last take, to be stored; None: full again, delete the row.

        Commit it, or hand it to `restore_dirty`, before taking again: until then its keys stay
        in memory, for the rows behind `load` are older than they. Each take also sweeps a
        little; all in all it costs a constant for each key taken.
        """
        taken: dict[str, Balance | None] = {}
        cells = self._cells
        for key, cell in self._dirty.items():
            if self._is_full(cell):
                cell[0] = _FULL
                taken[key] = None
            else:
                taken[key] = Balance(cell[0], cell[1])
            del cells[key]
            cells[key] = cell
        self._dirty = {}
        if not self._unswept and len(cells) > self._sweep_above:
            self._unswept = list(cells)
        if self._unswept:
            self._sweep(taken)
        return taken

    def forget(self, key: str) -> None:
        """Has a bucket neither stored nor known any longer; its row is for others to delete."""
        self._cells.pop(key, None)
        self._dirty.pop(key, None)

    def restore_dirty(self, taken: dict[str, Balance | None]) -> None:
        """Gives a take back whose transaction failed: its keys will be taken again."""
        for key, balance in taken.items():
            cell = self._cells.get(key)
            if cell is None:
                cell = _as_stored(balance, 0)
                self._cells[key] = cell
            self._dirty[key] = cell

    def _read(self, key: str, now: int) -> list[int]:
        """A cell from its stored balance. It enters memory only when it changes, so that
        refused calls and questions from many addresses leave nothing behind."""
        return _as_stored(self._load(key), now)

    def _lag(self, key: str, cell: list[int], now: int) -> int:
        """The elapsed time of a `now` before the cell's own: below 0, or 0 when rebased.

        Rebasing at every small step back would let slow requests refill the same seconds
        again and again.
        """
        elapsed = now - cell[1]
        if elapsed >= -MAX_SKEW:
            return elapsed
        cell[1] = now
        self._cells[key] = self._dirty[key] = cell
        return 0

    def _view(self, key: str, limit: Limit, now: int) -> tuple[list[int], int]:
        """The cell and its level at `now`, which `charge` works out for itself, for speed."""
        self._now = now
        cell = self._cells.get(key) or self._read(key, now)
        elapsed = now - cell[1]
        if elapsed < 0:
            elapsed = max(0, self._lag(key, cell, now))
        return cell, min(limit.capacity * UNIT, cell[0] + elapsed * limit.refill_rate)

    def _is_full(self, cell: list[int]) -> bool:
        """Whether the cell has refilled by the latest `now`, under the limit it last met."""
        level, utime, full, rate = cell
        return level + max(0, self._now - utime) * rate >= full

    def _sweep(self, taken: dict[str, Balance | None]) -> None:
        """Looks at some more entries and drops those full again, adding their rows to `taken`.

        The slice grows with the take, so a sweep ends before an eighth more entries have come.
        """
        cells = self._cells
        for _ in range(min(len(self._unswept), _FEW + 8 * len(taken))):
            key = self._unswept.pop()
            cell = cells.get(key)
            if cell is None or key in taken or not self._is_full(cell):
                continue
            del cells[key]
            if cell[0] != _FULL:
                taken[key] = None
        if not self._unswept:
            self._evict(taken)
            self._sweep_above = min(self._max_entries, max(_FEW, 2 * len(cells)))

    def _evict(self, taken: dict[str, Balance | None]) -> None:
        """Above the bound, drops those that have rested longest, to an eighth below it.

        Their rows stay, so nothing is granted.
        """
        if len(self._cells) <= self._max_entries:
            return
        surplus = len(self._cells) - self._max_entries + self._max_entries // 8
        resting = (key for key in list(self._cells) if key not in taken)
        for key in islice(resting, surplus):
            del self._cells[key]


def _wait(missing: int, rate: int, lag: int) -> int:
    """µs until `missing` levels have come, the refill starting `lag` µs from now."""
    if not rate:
        return DAY
    return lag - (-missing // rate) if missing else 1


def _as_stored(balance: Balance | None, now: int) -> list[int]:
    """A cell that has met no limit yet: only an absent row is known to be full."""
    if balance is None:
        return [_FULL, now, _FULL, 0]
    return [balance.level, balance.utime, _FULL, 0]
