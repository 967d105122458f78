"""Whether the time can be believed.

Much is removed because its time is over. A clock that runs ahead by years, were it only for a
start of three seconds, would have everything removed at once, and nothing brings it back. So the
latest time that was seen is remembered, and a time that is days away from it, without days
having passed, is not believed until it has gone on for hours, or until the operator says so.

Whoever removes things for their age asks `believed_now` for the time. Answers go by the clock all
the same: after a long rest it is right far more often than wrong.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import structlog

from shortd import errors
from shortd.clock import DAY, HOUR, MINUTE, Clock, utc_text
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import META

DRIFT = 10 * MINUTE
"""µs by which a clock that proves itself may be set."""
SAVE = HOUR
"""µs between two saves."""
LOOK_SECONDS = 2.0

_LATEST = ("latest_utime",)
_AHEAD = ("ahead_utime",)

log = structlog.get_logger(__name__)


class Timeline:
    """The latest time that was seen. Belongs to the event loop. `open_timeline` makes it."""

    def __init__(self, store: Store, clock: Clock, *, jump: int, proof: int) -> None:
        """Believes what is at most `jump` µs away from what was seen last, and what goes on for
        `proof` µs.
        """
        self._store = store
        self._clock = clock
        self._jump = jump
        self._proof = proof
        now = clock.now()
        stored = store.get(META, _LATEST)
        self.is_new = stored is None
        self._latest = self._saved = now if stored is None else stored
        self._ahead = self._saved_ahead = store.get(META, _AHEAD) or 0
        """A time that was seen and not believed; 0 for none."""
        self._elapsed = clock.elapsed()
        """When `_latest` was seen."""
        self._seen, self._seen_elapsed = now, self._elapsed
        self._proving: int | None = None
        """Since when a time that is not believed has gone on evenly; None while it is believed."""
        self.fault: str | None = None
        """What is wrong, in words for an operator."""

    @property
    def was_ahead(self) -> bool:
        """Whether the clock ran ahead, so that what was made then bears dates that have not come
        yet. Until `forget_ahead`.
        """
        return self.is_believed() and self._ahead > self._latest + self._jump

    def believed_now(self) -> int | None:
        """The time, or None while it is not believed."""
        return self._seen if self.is_believed() else None

    def is_believed(self) -> bool:
        """Looks at the clock. Asked often, or a jump is taken for a rest."""
        now, elapsed = self._clock.now(), self._clock.elapsed()
        drift = now - self._seen - (elapsed - self._seen_elapsed)
        self._seen, self._seen_elapsed = now, elapsed
        away = now - self._latest
        if -self._jump <= away <= self._jump + elapsed - self._elapsed:
            if self._proving is not None:
                log.info("clock_right_again", time=utc_text(now))
            self._believe(max(now, self._latest), elapsed)
        elif self._proving is None or abs(drift) > DRIFT:
            self._doubt(now, elapsed)
        elif elapsed - self._proving >= self._proof:
            self.believe()
        return self._proving is None

    def believe(self) -> None:
        """Takes the time as it is: it has proven itself, or the operator says that it is right."""
        now = self._clock.now()
        if self._proving is not None:
            log.warning("clock_believed", time=utc_text(now))
        self._believe(now, self._clock.elapsed())

    async def run(self) -> None:
        """Keeps looking, and remembers what it sees, until cancelled."""
        while True:
            with suppress(errors.ShortdError):
                await self.save()
            await asyncio.sleep(LOOK_SECONDS)

    async def save(self, after: int = SAVE) -> None:
        """Remembers what was seen, unless that was done less than so many µs ago."""
        if self.is_believed() and abs(self._latest - self._saved) >= after:
            latest = self._latest
            await self._store.write(partial(META.put, key=_LATEST, row=latest), Reserve.ALL)
            self._saved = latest
        if self._ahead != self._saved_ahead:
            ahead = self._ahead
            await self._store.write(partial(META.put, key=_AHEAD, row=ahead), Reserve.ALL)
            self._saved_ahead = ahead

    async def forget_ahead(self) -> None:
        """Nothing bears such dates any more."""
        self._ahead = 0
        await self.save()

    def _believe(self, latest: int, elapsed: int) -> None:
        if latest + self._jump < self._latest:
            # What was believed until now was wrong.
            self._ahead = max(self._ahead, self._latest)
        self._latest, self._elapsed = latest, elapsed
        self._proving = self.fault = None

    def _doubt(self, now: int, elapsed: int) -> None:
        is_ahead = now > self._latest
        if is_ahead and self._ahead <= self._latest:
            self._ahead = now
        days = round(abs(now - self._latest) / DAY)
        self.fault = (
            f"The clock says {utc_text(now)}, {days} days {'after' if is_ahead else 'before'} the"
            " last time that was seen. Nothing is removed for its age before that has gone on for"
            f" {self._proof / HOUR:g} hours, or `shortd clock believe` says that it is right."
        )
        self._proving = elapsed
        log.error("clock_not_believed", reason=self.fault)


async def open_timeline(store: Store, clock: Clock, *, jump: int, proof: int) -> Timeline:
    """Begins to watch the clock of a data directory. In a new one any time is believed."""
    timeline = Timeline(store, clock, jump=jump, proof=proof)
    timeline.is_believed()
    # A clock that is wrong for the first few seconds of a new directory has nothing to remove.
    with suppress(errors.ShortdError):
        await timeline.save(0 if timeline.is_new else SAVE)
    return timeline
