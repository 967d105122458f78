"""A queue of jobs in which nobody keeps others out: turns go round, and so does its room.

Purposes take turns, within a purpose the clients. Each purpose has room of its own. Where that is
used up, whoever waits for less takes the last place of whoever waits for most.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Purpose(Enum):
    """What a job is for."""

    KNOWN_LOGIN = auto()
    """A password for an account that was logged in to from this address before."""
    FIRST_LOGIN = auto()
    """One from an address that has not failed before."""
    LOGIN = auto()
    LINK = auto()
    """A link's password, from a visitor."""
    SIGN_UP = auto()
    OWN = auto()
    """A new password, of somebody who has proven who he is."""


class Turn(NamedTuple):
    """Whose job it is."""

    purpose: Purpose = Purpose.OWN
    block: str = ""
    """Of the client's address, the widest."""


class Full(Exception):
    """There is no room for a job."""


class FairQueue(Generic[T]):
    """Jobs that wait, `places` of each purpose."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lines: OrderedDict[Purpose, _Line[T]] = OrderedDict()

    def put(self, turn: Turn, job: T) -> T | None:
        """Lets a job wait; the job that lost its place by that, if one did. Full."""
        line = self._lines.get(turn.purpose)
        if line is None:
            line = _Line()
        lost = None
        if line.length >= self._places:
            lost = line.drop_for(turn.block)
            if lost is None:
                raise Full
        line.put(turn.block, job)
        self._lines.setdefault(turn.purpose, line)
        return lost

    def take(self) -> T | None:
        """The next job; None if none waits."""
        if not self._lines:
            return None
        purpose, line = next(iter(self._lines.items()))
        job = line.take()
        self._lines.move_to_end(purpose)
        if not line.length:
            del self._lines[purpose]
        return job

    def remove(self, turn: Turn, job: T) -> None:
        """Takes a job out that nobody wants any more, if it is still there."""
        line = self._lines.get(turn.purpose)
        if line is not None:
            line.remove(turn.block, job)
            if not line.length:
                del self._lines[turn.purpose]


class _Line(Generic[T]):
    """The jobs of one purpose."""

    def __init__(self) -> None:
        self.length = 0
        self._jobs: OrderedDict[str, deque[T]] = OrderedDict()

    def put(self, block: str, job: T) -> None:
        self._jobs.setdefault(block, deque()).append(job)
        self.length += 1

    def take(self) -> T:
        block, jobs = next(iter(self._jobs.items()))
        self._jobs.move_to_end(block)
        job = jobs.popleft()
        self._shrink(block)
        return job

    def drop_for(self, newcomer: str) -> T | None:
        """Drops the last job of whoever has most, if that is more than the newcomer would have."""
        block = max(self._jobs, key=lambda name: len(self._jobs[name]), default=None)
        if block is None or len(self._jobs[block]) <= len(self._jobs.get(newcomer, ())) + 1:
            return None
        job = self._jobs[block].pop()
        self._shrink(block)
        return job

    def remove(self, block: str, job: T) -> None:
        jobs = self._jobs.get(block)
        if jobs is not None and job in jobs:
            jobs.remove(job)
            self._shrink(block)

    def _shrink(self, block: str) -> None:
        self.length -= 1
        if not self._jobs[block]:
            del self._jobs[block]
