"""What a server acknowledged, kept by its clients, to hold against what it has after a crash.

A link is known by its URL, which is never given twice and never changes. A change that was
sent but not answered may have happened or not, but wholly; so may a visit.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Terms(NamedTuple):
    """What was acknowledged of a link. `code` is empty while only the server knows it."""

    url: str
    code: str = ""
    tag: int = 0
    enabled: bool = True
    expiration_count: int = 0

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> Terms:
        code = entry["shorturl"].rpartition("/")[2]
        fields = ("tag", "enabled", "expiration_count")
        return cls(entry["url"], code, *(entry[name] for name in fields))


class Change(NamedTuple):
    """The links that a call touches, by URL: as they were, and as they are to be."""

    before: dict[str, Terms | None]
    after: dict[str, Terms | None]


class Ledger:
    """All that the clients of one account know."""

    def __init__(self) -> None:
        self.links: dict[str, Terms] = {}
        self.visible: list[str] = []
        """Codes to visit, the newest last; some are gone or moved."""
        self.answered: Counter[str] = Counter()
        """Redirects that arrived, by URL."""
        self.unanswered: Counter[str] = Counter()
        """Visits that were sent and not answered, by code."""
        self._codes: defaultdict[str, set[str]] = defaultdict(set)
        self._in_flight: dict[str, Change] = {}
        self._steps = 0
        self._goals: list[tuple[int, asyncio.Event]] = []

    async def reach(self, steps: int) -> None:
        """Waits for so many more acknowledged changes and visits."""
        goal = asyncio.Event()
        self._goals.append((self._steps + steps, goal))
        await goal.wait()

    def begin(self, worker: str, after: dict[str, Terms | None]) -> None:
        """A worker is about to send a change of links that no other worker changes."""
        before = {url: self.links.get(url) for url in after}
        self._in_flight[worker] = Change(before, after)
        for terms in after.values():
            if terms is not None and terms.code:
                # A visitor may find it before its maker is told.
                self._codes[terms.url].add(terms.code)

    def acknowledge(self, worker: str, entries: Iterable[Mapping[str, Any]] = ()) -> None:
        """The change of a worker was answered; `entries` are those the answer showed."""
        shown = {entry["url"]: Terms.of_entry(entry) for entry in entries}
        for url, expected in self._in_flight.pop(worker).after.items():
            terms = shown.get(url, expected)
            assert _agree(expected, terms)
            self._keep(url, terms)
        self._step()

    def visit(self, code: str) -> None:
        self.unanswered[code] += 1

    def arrive(self, code: str, url: str | None) -> None:
        """A visit was answered: with a redirect to `url`, or None if there was no link."""
        self.unanswered[code] -= 1
        if url is not None:
            self.answered[url] += 1
        self._step()

    def settle(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Holds the ledger against all entries of the account; what was in flight is decided."""
        found = {entry["url"]: Terms.of_entry(entry) for entry in entries}
        for change in self._in_flight.values():
            actual = {url: found.get(url) for url in change.after}
            happened = [
                all(_agree(terms, actual[url]) for url, terms in side.items()) for side in change
            ]
            assert any(happened), f"{change} became {actual}"
            for url, terms in actual.items():
                self._keep(url, terms)
        self._in_flight.clear()
        assert found == self.links

    def settle_counts(self, counts: Mapping[str, int]) -> None:
        """Acknowledged <= counted <= sent, for every link there is."""
        assert counts.keys() == self.links.keys()
        for url, count in counts.items():
            acknowledged = self.answered[url]
            sent = acknowledged + sum(self.unanswered[code] for code in self._codes[url])
            assert acknowledged <= count <= sent, url

    def _keep(self, url: str, terms: Terms | None) -> None:
        if terms is None:
            self.links.pop(url, None)
            return
        self.links[url] = terms
        if terms.code not in self._codes[url]:
            self._codes[url].add(terms.code)
        self.visible.append(terms.code)

    def _step(self) -> None:
        self._steps += 1
        for steps, goal in self._goals:
            if self._steps >= steps:
                goal.set()


def _agree(expected: Terms | None, actual: Terms | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    return expected._replace(code=expected.code or actual.code) == actual
