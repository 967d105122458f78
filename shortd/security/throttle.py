"""How often secrets may be tried: budgets of attempts, by what is tried and by who tries.

An attempt is taken from its budgets when it begins and given back if it was right, so that a
hundred at once get no more tries than a hundred in turn. Each budget fills up again with time, and
keeps a share of it for those whom guessers should not keep out: an account's for addresses that
have not failed before, an address's for accounts that were logged in to from there. This module
must never wait, read a clock, or know whether an account exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from shortd.clock import DAY, MINUTE, SECOND

BURST = 10
"""Attempts that may fail at once, at one account, link or file, and from one address."""
SUBJECT_PERIOD = MINUTE // 6
"""µs in which one more may be tried, at one account, link or file, by everybody together."""
BLOCK_PERIOD = MINUTE // 12
"""The same from one address, at everything together. A wider block of IPv6 has twice as many as
the one before it."""
KNOWN_TRIES = 6
"""Attempts beyond `BURST` from one address, at what was opened from there before."""
FIRST_TRIES = 6
"""Attempts beyond `BURST` at one subject, for addresses that have not failed before. They are paid
back: until then those that have failed wait longer."""
FIRST_PERIOD = SECOND
"""µs between two of these, and for which one waits: a crowd that comes at once leaves some to who
comes later."""
PATIENCE = 6 * SECOND
"""µs for which all others may wait for their turn; who would have to wait longer is refused."""
REMEMBERED = DAY
"""µs for which an address has failed before."""
REFUSED = MINUTE
"""The same of one that was refused, and has not failed."""
TRUST = 30 * DAY
"""µs for which an address is known where it has opened something."""


class Guess(NamedTuple):
    """An attempt to come: what is tried, and by whom."""

    subject: str
    """Names it."""
    blocks: tuple[str, ...]
    """Of the address, as `blocks.blocks` has them."""
    known: bool = False
    """Somebody opened the very same from this address before."""
    first: bool = False
    """Nobody has failed from there before, nor is about to."""


class Throttle:
    """Budgets of attempts. Times are Unix µs.

    Memory is bounded: each of its ledgers holds `max_entries` of fixed size and lets the oldest go.
    """

    def __init__(self, max_entries: int = 1 << 15) -> None:
        self._subjects = _Ledger(max_entries)
        self._firsts = _Ledger(max_entries)
        self._blocks = _Ledger(max_entries)
        self._failed = _Ledger(max_entries)
        self._opened = _Ledger(max_entries)

    def bill(self, guess: Guess, now: int) -> Bill:
        """What an attempt costs, out of which budgets."""
        ordinary = Bill(self._budgets(guess, BURST))
        if not guess.first or guess.known or not ordinary.wait(now):
            return ordinary
        first = _Budget(self._firsts, _digest(guess.subject), FIRST_PERIOD, 1)
        ahead = Bill([first, *self._budgets(guess, BURST + FIRST_TRIES)], FIRST_PERIOD)
        return min(ordinary, ahead, key=lambda bill: bill.wait(now))

    def fail(self, guess: Guess, now: int) -> None:
        """Notes that somebody has failed."""
        self._failed.put(_digest(guess.blocks[-1]), now + REMEMBERED, now)

    def refuse(self, guess: Guess, now: int) -> None:
        """Notes that somebody may not even try: for a while he goes ahead of nobody."""
        if not self.has_failed(guess, now):
            self._failed.put(_digest(guess.blocks[-1]), now + REFUSED, now)

    def has_failed(self, guess: Guess, now: int) -> bool:
        """Whether somebody has, from the widest block of this address."""
        return self._failed.left(_digest(guess.blocks[-1]), REMEMBERED, now) > 0

    def open(self, guess: Guess, now: int) -> None:
        """Notes that it was right. That undoes nobody's failures: a guesser may have an account."""
        self._opened.put(_pair(guess), now + TRUST, now)

    def has_opened(self, guess: Guess, now: int) -> bool:
        """Whether the very same was opened from there lately."""
        return self._opened.left(_pair(guess), TRUST, now) > 0

    def _budgets(self, guess: Guess, most: int) -> list[_Budget]:
        if guess.known:
            narrowest = _digest(guess.blocks[0])
            return [
                _Budget(self._subjects, _pair(guess), SUBJECT_PERIOD, BURST),
                _Budget(self._blocks, narrowest, BLOCK_PERIOD, BURST + KNOWN_TRIES),
            ]
        return [
            _Budget(self._subjects, _digest(guess.subject), SUBJECT_PERIOD, most),
            *(
                _Budget(self._blocks, _digest(name), BLOCK_PERIOD >> width, BURST << width)
                for width, name in enumerate(guess.blocks)
            ),
        ]


class Bill:
    """What an attempt costs."""

    def __init__(self, budgets: Sequence[_Budget], patience: int = PATIENCE) -> None:
        self._budgets = budgets
        self.patience = patience
        """µs for which it may wait."""

    def wait(self, now: int) -> int:
        """µs until it may be tried, 0 for now."""
        return max(budget.wait(now) for budget in self._budgets)

    def pay(self, now: int) -> None:
        """Also for an attempt that has to wait: the next one waits longer."""
        for budget in self._budgets:
            budget.add(1, now)

    def give_back(self, now: int) -> None:
        """Nothing was wrong, or nothing was tried."""
        for budget in self._budgets:
            budget.add(-1, now)


class _Budget(NamedTuple):
    """One entry of a ledger as a bucket that refills: a virtual scheduling algorithm (ITU-T I.371,
    known as GCRA). What is stored is when the bucket is full again."""

    ledger: _Ledger
    key: bytes
    period: int
    most: int

    def wait(self, now: int) -> int:
        return max(0, self._debt(now) - (self.most - 1) * self.period)

    def add(self, attempts: int, now: int) -> None:
        self.ledger.put(self.key, now + self._debt(now) + attempts * self.period, now)

    def _debt(self, now: int) -> int:
        # A clock that was set back must not make it longer than attempts can.
        return self.ledger.left(self.key, (self.most + BURST) * self.period, now)


class _Ledger:
    """Keys with the time each of them is forgotten; the oldest go when there are too many."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._until: dict[bytes, int] = {}

    def left(self, key: bytes, longest: int, now: int) -> int:
        """µs until the key is forgotten, 0 if it is; `longest` from now on, should the clock
        have been set back."""
        until = self._until.get(key, 0)
        if until - now > longest:
            self._until[key] = until = now + longest
        return max(0, until - now)

    def put(self, key: bytes, until: int, now: int) -> None:
        entries = self._until
        entries.pop(key, None)
        entries[key] = until
        # At most two go for each that comes: enough to shrink, and never a long pause.
        for _ in range(2):
            oldest = next(iter(entries))
            if entries[oldest] > now and len(entries) <= self._max_entries:
                break
            del entries[oldest]
            if not entries:
                break


def _pair(guess: Guess) -> bytes:
    return _digest(f"{guess.blocks[0]}\n{guess.subject}")


def _digest(name: str) -> bytes:
    """Of a name that may be of any length."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
