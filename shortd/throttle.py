"""Slows guessing down: attempts wait longer after failures, per account and per address.

No delay is longer than the last of `DELAYS`, so that strangers who fail on purpose cannot lock an
owner out; an address from which he logged in lately is not slowed by their failures at all. A
caller may also refuse an address that has failed as often as is remembered (`wait`), but never an
account. This module must never sleep, read
a clock, or know whether an account exists.
"""

from __future__ import annotations

from collections import OrderedDict

from shortd.clock import DAY, SECOND

FREE_FAILURES = 4
"""Failures without consequence."""
DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds, after one failure more, two more, and so on; the last is the longest of all."""
FORGET = 900 * SECOND
"""µs in which the worst record is forgotten, one failure after the other."""
TRUST = 30 * DAY
"""µs for which an address remains known to an account after a login."""

_REMEMBERED = FREE_FAILURES + len(DELAYS)
_FORGET_ONE = FORGET // _REMEMBERED
_KEY_LENGTH = 256


class LoginThrottle:
    """Delays for login attempts; serves whatever else is guessed at, too.

    `account` and `address` are plain strings: the case-folded name that was tried, existing
    or not, and the `client_key` of who tries. `now` is µs. Memory is bounded: each of three
    tables (accounts, addresses, logins) holds `max_entries` and lets the oldest go.
    """

    def __init__(self, max_entries: int = 50_000) -> None:
        self._accounts = _Ledger(max_entries)
        self._addresses = _Ledger(max_entries)
        self._logins = _Ledger(max_entries)

    def delay(self, account: str, address: str, now: int) -> float:
        """Seconds to wait before looking at the password: 0 to 4."""
        account = account[:_KEY_LENGTH]
        failures = _failures(self._addresses, (address,), now)
        if not self._logins.left((account, address), TRUST, now):
            failures = max(failures, _failures(self._accounts, (account,), now))
        return DELAYS[failures - FREE_FAILURES - 1] if failures > FREE_FAILURES else 0.0

    def wait(self, account: str, address: str, now: int) -> float:
        """Seconds until an address that has failed too often may try again, else 0. One from
        which somebody logged in to this account lately may always.
        """
        if self._logins.left((account[:_KEY_LENGTH], address), TRUST, now):
            return 0.0
        left = self._addresses.left((address,), FORGET, now)
        return max(0, left - _FORGET_ONE * (_REMEMBERED - 1)) / SECOND

    def failed(self, account: str, address: str, now: int) -> None:
        """Notes a wrong password."""
        _note_failure(self._accounts, (account[:_KEY_LENGTH],), now)
        _note_failure(self._addresses, (address,), now)

    def succeeded(self, account: str, address: str, now: int) -> None:
        """Notes a login. It clears no failures: a guesser may have an account of his own."""
        self._logins.put((account[:_KEY_LENGTH], address), now + TRUST, now)


class _Ledger:
    """Keys with the time each of them is forgotten; the oldest go when there are too many."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._until: OrderedDict[tuple[str, ...], int] = OrderedDict()

    def left(self, key: tuple[str, ...], longest: int, now: int) -> int:
        """µs until the key is forgotten, 0 if it is; `longest` from now on, should the clock
        have been set back."""
        until = self._until.get(key, 0)
        if until - now > longest:
            self._until[key] = until = now + longest
        return max(0, until - now)

    def put(self, key: tuple[str, ...], until: int, now: int) -> None:
        entries = self._until
        entries[key] = until
        entries.move_to_end(key)
        # At most two go for each that comes: enough to shrink, and never a long pause.
        for _ in range(2):
            oldest = next(iter(entries))
            if entries[oldest] > now and len(entries) <= self._max_entries:
                break
            del entries[oldest]


def _note_failure(ledger: _Ledger, key: tuple[str, ...], now: int) -> None:
    left = ledger.left(key, FORGET, now)
    ledger.put(key, now + min(left + _FORGET_ONE, FORGET), now)


def _failures(ledger: _Ledger, key: tuple[str, ...], now: int) -> int:
    """The failures not yet forgotten, the one that is fading counted whole."""
    return -(-ledger.left(key, FORGET, now) // _FORGET_ONE)
