"""How long a client may keep its connection waiting: to send a request, and to take an answer.

uvicorn arms no timer before the first request, while one arrives, or while an answer leaves. Here
marks are set as things happen, which costs next to nothing, and looked at once a second. What
counts is progress: a slow line is no offence. This module must never close anything.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from shortd.settings import ServerSettings

LINGER_SECONDS = 5.0
"""A client that still sends gets so long to read why nobody listens any more."""
LINGER_LONGEST = 30.0
_JUST_NOW = -1.0
"""A mark that gets its time with the next look: a redirect pays for no clock."""


class Wait(StrEnum):
    """What we wait for, and what a client is late with."""

    NOTHING = ""
    """An answer that is being made: that is our affair."""
    HEAD = "head"
    BODY = "body"
    REQUEST = "idle"
    LEAVING = "lingering"
    TAKING = "answer"


class Patience:
    """The patience with one connection. Times are the loop's, in s."""

    def __init__(self, bounds: ServerSettings, time: Callable[[], float]) -> None:
        self._bounds = bounds
        self._time = time
        self._wait = Wait.HEAD
        self._looked = self._since = time()
        """When the client last did what we wait for."""
        self._begun = 0.0
        """Since when the body, or a stretch of an upload, is measured."""
        self._is_upload = False
        self._received = 0
        """Bytes of the body since then."""
        self._taken = -1
        self._stuck_since: float | None = None

    def begin_head(self) -> None:
        """A request begins; its head is measured from here, whatever comes of it."""
        self._wait, self._since = Wait.HEAD, self._time()

    def begin_body(self) -> None:
        """A body begins, of which nobody has said that it is an upload."""
        self._wait, self._is_upload = Wait.BODY, False
        self._since = self._begun = self._time()

    def expect_upload(self) -> None:
        """The body may go on for as long as it keeps its pace."""
        self._is_upload, self._begun, self._received = True, self._time(), 0

    def receive(self, size: int) -> None:
        """So many bytes of the body came."""
        self._since = self._time()
        self._received += size

    def ignore_body(self) -> None:
        """The request is answered, and the rest of its body is of no use to anybody."""
        self._is_upload, self._begun = False, self._time()

    def work(self) -> None:
        """The client has asked, and waits for us."""
        self._wait = Wait.NOTHING

    def rest(self) -> None:
        """All that was asked is answered."""
        self._wait, self._since = Wait.REQUEST, _JUST_NOW

    def linger(self) -> None:
        """Nothing is read any more; the client may still read why."""
        self._wait = Wait.LEAVING
        self._since = self._begun = self._time()

    def waited(self, now: float) -> float:
        """For how long the client has not done what we wait for, in s."""
        if self._since == _JUST_NOW:
            self._since = now
        return now - self._since

    def late(self, now: float, *, is_paused: bool, most: float) -> Wait:
        """What the client is late with, if anything. `is_paused`: we do not read. No pause may
        be longer than `most` s.
        """
        passed, self._looked = now - self._looked, now
        self.waited(now)
        if is_paused:
            self._since = min(now, self._since + passed)
            self._begun = min(now, self._begun + passed)
            return Wait.NOTHING
        return (
            self._wait
            if now - self._since > min(self._pause(), most) or self._drags(now)
            else Wait.NOTHING
        )

    def _pause(self) -> float:
        """The longest that the client may do nothing, in s."""
        match self._wait:
            case Wait.HEAD:
                return self._bounds.head_seconds
            case Wait.BODY:
                return self._bounds.silent_seconds
            case Wait.REQUEST:
                return self._bounds.keep_alive_seconds
            case Wait.LEAVING:
                return LINGER_SECONDS
        return float("inf")

    def _drags(self, now: float) -> bool:
        """Whether the client does something, but too slowly to wait for its end."""
        span = now - self._begun
        if self._wait is Wait.LEAVING:
            return span > LINGER_LONGEST
        if self._wait is not Wait.BODY or span <= self._bounds.body_seconds:
            return False
        if not self._is_upload or self._received < self._bounds.upload_bytes_per_second * span:
            return True
        self._begun, self._received = now, 0
        return False

    def is_deaf(self, now: float, taken: int, *, most: float) -> bool:
        """Whether a client that something waits for has taken nothing for too long. `taken` changes
        with all that it takes.
        """
        if self._stuck_since is None or taken != self._taken:
            self._taken, self._stuck_since = taken, now
        return now - self._stuck_since > min(self._bounds.send_seconds, most)

    def has_taken_all(self) -> None:
        """Nothing waits for the client."""
        self._stuck_since = None
