"""Imports of files that people send to a server that runs: looked at first, then done.

Each is read on a thread of its own, a few at a time, and comes to the event loop batch by batch, as
from a command: links redirect and pages answer meanwhile. They live in this process. A restart ends
them, and what came until then stays, and comes but once when it is done again.

It must never read a source on the event loop, make links for an account that whoever asks may not
act for (the caller has checked that), or keep a file for longer than it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import structlog
from msgspec import structs

from shortd import errors
from shortd.clock import HOUR, SECOND, Clock
from shortd.limits.budgets import Budgets
from shortd.moving.options import Options
from shortd.upkeep.importing.imports import Imports
from shortd.upkeep.importing.offers import ClickOffer, LinkOffer, Said
from shortd.upkeep.importing.runs import Run, Summary
from shortd.upkeep.importing.sent import FILE, REPORT, Phase, SentImport, Wish

FOLDER = "imports"
"""In the data directory. What a server that was killed has left in it goes at the start."""
FILE_BYTES = 64_000_000
"""Of a file that is sent."""
UNPACKED_BYTES = 256_000_000
"""Of it, once it is unpacked."""
STAGED_BYTES = 512_000_000
"""Of its rows, as they are kept on the disk meanwhile: a few bytes of a file can be a row."""
AT_ONCE = 2
"""Imports that are read at the same time; the others wait for their turn."""
MOST_BYTES = 1_000_000_000
"""Of all files that wait, and of reports."""
MOST = 200
"""Imports that there are. Of those that are done, the oldest make room for others."""
KEPT = HOUR
"""How long a file waits to be applied, and a report to be read, in µs."""
LINK_WEIGHT = 20
"""Of a link, looked at or made, in weight units: as a row of a table costs."""
CLICK_WEIGHT = 1
PASSWORD_WEIGHT = 1000
"""Of a password that has to be hashed."""
LEFT = 4
"""An import leaves one part in so many of the account's budget to its other calls."""
POLL_SECONDS = 0.5
REST = 0.5
"""How long a thread rests behind a batch, of the time that it took."""
LONGEST_REST = 0.5

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Stopped(Exception):
    """Nobody wants it any more."""


class WaitingImports:
    """Those of a server. For its event loop alone."""

    def __init__(self, directory: Path, imports: Imports, budgets: Budgets, clock: Clock) -> None:
        self._folder = directory / FOLDER
        self._imports = imports
        self._budgets = budgets
        self._clock = clock
        self._all: dict[str, SentImport] = {}
        self._coming: set[str] = set()
        """Who sends a file right now."""
        self._turns = threading.Semaphore(AT_ONCE)

    def clear(self) -> None:
        """Removes what a server before has left. Nothing may be under way."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def receiving(self, userid: str) -> Iterator[Path]:
        """A new folder, in which a file is put; it goes at the end unless `look` took it. BUSY
        where the account has another import under way, or the server has as many as it takes."""
        self._expire()
        own = [one for one in self._all.values() if one.wish.by == userid]
        if userid in self._coming or not all(one.is_over for one in own):
            raise errors.BUSY("Another import of yours is still under way.")
        if not self._has_room():
            raise errors.BUSY("Too many others are importing; try again later.")
        folder = self._folder / token_hex(16)
        self._coming.add(userid)
        try:
            folder.mkdir(mode=0o700, parents=True)
            yield folder
        except OSError as fault:
            log.warning("import_not_kept", error=str(fault))
            raise errors.STORAGE_FULL() from None
        finally:
            self._coming.discard(userid)
            if folder.name not in self._all:
                shutil.rmtree(folder, ignore_errors=True)

    def look(self, folder: Path, wish: Wish, size: int) -> SentImport:
        """Says what would become of the file in a folder that `receiving` gave. It takes the place
        of the one that whoever sent it had before."""
        for old in [one for one in self._all.values() if one.wish.by == wish.by]:
            self._remove(old)
        one = SentImport(folder.name, folder, wish, size, self._clock.now())
        self._all[one.key] = one
        self._start(one, apply=False)
        return one

    def apply(self, one: SentImport) -> None:
        """Does it. Whoever asks twice has it done once."""
        if one.phase is Phase.LOOKED:
            self._start(one, apply=True)

    def of(self, userid: str) -> SentImport | None:
        """What somebody has sent last, unless it is gone."""
        self._expire()
        return next((one for one in self._all.values() if one.wish.by == userid), None)

    def get(self, userid: str, key: str) -> SentImport:
        """One that somebody has sent. NOT_FOUND for none of his."""
        self._expire()
        one = self._all.get(key)
        if one is None or one.wish.by != userid:
            raise errors.NOT_FOUND()
        return one

    def leave(self, one: SentImport) -> None:
        """Ends it, with what is kept of it. Links that were made stay."""
        self._remove(one)

    def close(self) -> None:
        """Ends all: the server stops."""
        for one in list(self._all.values()):
            self._remove(one)

    def _start(self, one: SentImport, *, apply: bool) -> None:
        one.begin(self._clock.now(), apply=apply)
        loop = asyncio.get_running_loop()
        thread = threading.Thread(
            target=self._work, args=(one, loop), name=f"import-{one.key[:8]}", daemon=True
        )
        thread.start()

    def _has_room(self) -> bool:
        """Whether there is room for another, once the oldest have gone that are done."""
        done = [one for one in self._all.values() if not one.is_kept]
        done.sort(key=lambda one: one.utime, reverse=True)
        while True:
            coming = len(self._coming) + 1
            held = sum(one.held for one in self._all.values()) + coming * FILE_BYTES
            if held <= MOST_BYTES and len(self._all) + coming <= MOST:
                return True
            if not done:
                return False
            self._remove(done.pop())

    def _expire(self) -> None:
        now = self._clock.now()
        for one in list(self._all.values()):
            if one.is_over and now - one.utime > KEPT:
                self._remove(one)

    def _remove(self, one: SentImport) -> None:
        one.stopped.set()
        self._all.pop(one.key, None)
        one.remove()

    def _work(self, one: SentImport, loop: asyncio.AbstractEventLoop) -> None:
        """All that is done on its thread."""
        phase = Phase.FAILED
        try:
            with self._turn(one):
                one.phase = Phase.MAKING if one.applies else Phase.LOOKING
                one.summary = asyncio.run(self._run(one, loop))
                phase = Phase.DONE if one.applies else Phase.LOOKED
        except errors.ShortdError as refusal:
            one.fault = _without_path(refusal, one.folder)
        except _Stopped:
            one.fault = errors.BUSY("This import was stopped.")
        except Exception:
            # Where the folder was taken away under it, that is what it met.
            if not one.stopped.is_set():
                log.exception("import_failed")
            one.fault = errors.INTERNAL()
        finally:
            if phase is not Phase.LOOKED:
                with contextlib.suppress(OSError):
                    (one.folder / FILE).unlink()
            one.utime = self._clock.now()
            one.phase = phase
            if one.stopped.is_set():
                one.remove()
            else:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(
                        loop.call_later, KEPT / SECOND + 1, self._expire_one, one, one.utime
                    )

    def _expire_one(self, one: SentImport, utime: int) -> None:
        if one.is_over and one.utime == utime:
            self._remove(one)

    @contextlib.contextmanager
    def _turn(self, one: SentImport) -> Iterator[None]:
        while not self._turns.acquire(timeout=POLL_SECONDS):
            if one.stopped.is_set():
                raise _Stopped
        try:
            yield
        finally:
            self._turns.release()

    async def _run(self, one: SentImport, loop: asyncio.AbstractEventLoop) -> Summary:
        # All formats, with what reads them: on this thread, and for whoever sends a file.
        from shortd.moving.sources import open_file

        wish = one.wish
        options: Options = structs.replace(
            wish.options,
            workdir=one.folder,
            most_staged=STAGED_BYTES,
            pause=_resting(one.stopped),
        )
        target = _OnLoop(self._imports, self._budgets, self._clock, one, loop)

        def told(progress: float | None) -> None:
            one.progress = progress
            if one.stopped.is_set():
                raise _Stopped

        source = open_file(wish.format, one.folder / FILE, wish.name, UNPACKED_BYTES, options)
        with source, (one.folder / REPORT).open("wb") as report:
            run = Run(
                source,
                target,
                wish.domains,
                lambda row: one.note(row, report),
                told,
                apply=one.applies,
            )
            return await run.to_end()


class _OnLoop:
    """The data, as the thread of one import sees them: see `runs.Target`."""

    def __init__(
        self,
        imports: Imports,
        budgets: Budgets,
        clock: Clock,
        one: SentImport,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.default_host = imports.default_host
        self._imports = imports
        self._budgets = budgets
        self._clock = clock
        self._one = one
        self._loop = loop

    async def links(self, offers: Sequence[LinkOffer], domains: Mapping[str, str]) -> list[Said]:
        return self._there(self._links(offers, domains))

    async def clicks(self, offers: Sequence[ClickOffer]) -> int:
        return self._there(self._clicks(offers))

    async def _links(self, offers: Sequence[LinkOffer], domains: Mapping[str, str]) -> list[Said]:
        wish, applies = self._one.wish, self._one.applies
        hashed = sum(offer.link.password is not None for offer in offers) if applies else 0
        await self._pay(LINK_WEIGHT * len(offers) + PASSWORD_WEIGHT * hashed)
        now = self._clock.now()
        return await self._imports.links(
            wish.account,
            wish.format,
            [_not_ahead(offer, now) for offer in offers],
            domains,
            now,
            apply=applies,
            wide=wish.is_operators,
        )

    async def _clicks(self, offers: Sequence[ClickOffer]) -> int:
        rows = sum(len(offer.clicks) + len(offer.sums) for offer in offers)
        await self._pay(CLICK_WEIGHT * rows)
        return await self._imports.clicks(self._one.wish.format, offers, self._clock.now())

    async def _pay(self, weight: int) -> None:
        """Takes it from the account's budget, as fast as that fills. RATE_LIMITED where it never
        does."""
        if self._one.wish.is_operators:
            return
        account = self._one.wish.account
        limit = self._budgets.api_limit(account.type)
        left = limit.capacity // LEFT
        while weight > 0:
            if self._one.stopped.is_set():
                raise _Stopped
            part = min(weight, limit.capacity - left)
            now = self._clock.now()
            balance = self._budgets.api_balance(account, now)
            self._one.is_short = balance < part + left
            if self._one.is_short and limit.refill_rate:
                await asyncio.sleep(POLL_SECONDS)
                continue
            self._budgets.charge_account(account, self._one.wish.address, part, now)
            weight -= part

    def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """What is done on the server's loop; this thread has nothing else to do."""
        start = time.perf_counter()
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            # The loop has ended.
            work.close()
            raise _Stopped from None
        while True:
            try:
                answer = future.result(POLL_SECONDS)
                break
            except NotYet:
                if self._one.stopped.is_set():
                    future.cancel()
                    raise _Stopped from None
        self._one.stopped.wait(min(LONGEST_REST, REST * (time.perf_counter() - start)))
        return answer


def _resting(stopped: threading.Event) -> Callable[[], None]:
    """What a thread does between two pieces of what it reads: it lets others have a turn, for a
    part of the time that it took, and ends where nobody wants it any more."""
    since = time.perf_counter()

    def rest() -> None:
        nonlocal since
        if stopped.wait(min(LONGEST_REST, REST * (time.perf_counter() - since))):
            raise _Stopped
        since = time.perf_counter()

    return rest


def _not_ahead(offer: LinkOffer, now: int) -> LinkOffer:
    """A link that was made by now: lists are in the order of these times."""
    link = offer.link
    if link.created is None or link.created <= now:
        return offer
    return structs.replace(offer, link=structs.replace(link, created=now))


def _without_path(refusal: errors.ShortdError, folder: Path) -> errors.ShortdError:
    """What is said to whoever has sent the file: where it lies here is not his affair."""
    return errors.STORAGE_FULL() if str(folder.parent) in refusal.message else refusal
