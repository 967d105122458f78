"""Log lines about what strangers do: enough to act upon, and never so many that they fill the log.

The first few of an address are a line each, as they come; further ones are added up and told once a
minute. Lines of all addresses together are bounded as well: what goes beyond is told as one sum.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

import structlog

ALONE = 5
"""Lines of one event and address in a minute before they are added up: as many as make fail2ban
act."""
LINES = 60
"""Lines in a minute that are told as they come, and as many sums."""
MINUTE_SECONDS = 60
MOST_ADDRESSES = 1 << 14
"""Counted apart in a minute."""

LOGIN_FAILED = "login_failed"
LOGIN_LIMITED = "login_limited"
SIGN_IN_FAILED = "sign_in_failed"
"""By an issuer or the proxy."""
HEADER_IGNORED = "proxy_header_ignored"
"""One that only a proxy may send came from somebody else."""
LIMITED = "limited"
"""More calls, mails or codes that lead nowhere than one may have."""
UPLOAD_REFUSED = "upload_refused"
SIGNED_UP = "signed_up"
"""Events, as they stand in the log."""

log = structlog.get_logger("shortd.strangers")


class SummedLog:
    """Belongs to the event loop. `shown` makes of an address what the log may have of it."""

    def __init__(self, shown: Callable[[str], str] = str) -> None:
        self.shown = shown
        self._told: Counter[tuple[str, str]] = Counter()
        self._untold: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
        self._others: Counter[str] = Counter()
        self._lines = 0

    def note(self, event: str, address: str, **facts: str) -> None:
        """Tells that something happened once; `facts` that are empty are left out."""
        address = self.shown(address)
        key = event, address
        if self._told[key] < ALONE and self._lines < LINES:
            self._told[key] += 1
            self._lines += 1
            _tell(event, address, 1, facts)
        elif key in self._untold or len(self._untold) < MOST_ADDRESSES:
            times, _ = self._untold.get(key, (0, facts))
            self._untold[key] = times + 1, facts
        else:
            self._others[event] += 1

    def limited(self, address: str, bucket: str) -> None:
        """Tells that a client has spent what is in one of his buckets."""
        self.note(LIMITED, address, bucket=bucket)

    def flush(self) -> None:
        """Tells what was added up, and begins a new minute."""
        untold, others = self._untold, self._others
        self._told, self._untold, self._others = Counter(), {}, Counter()
        self._lines = 0
        ranked = sorted(untold.items(), key=lambda item: item[1][0], reverse=True)
        for (event, address), (times, facts) in ranked[:LINES]:
            _tell(event, address, times, facts)
        for (event, _), (times, _) in ranked[LINES:]:
            others[event] += times
        for event, times in others.items():
            log.log(_level(event), f"{event}_elsewhere", times=times)

    async def run(self) -> None:
        """Tells once a minute, until cancelled."""
        while True:
            await asyncio.sleep(MINUTE_SECONDS)
            self.flush()


def _tell(event: str, address: str, times: int, facts: dict[str, str]) -> None:
    """The address comes first: nothing that strangers choose stands before it."""
    known = {name: value for name, value in facts.items() if value}
    log.log(_level(event), event, address=address or "-", times=times, **known)


def _level(event: str) -> int:
    return logging.INFO if event == SIGNED_UP else logging.WARNING
