"""Clicks are counted exactly once: while they wait, while they are drained, and after a crash."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import Mock, patch

import lmdb
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from structlog.testing import capture_logs

from shortd import errors
from shortd.clicks import history
from shortd.clicks.drain import TIDY_SECONDS
from shortd.clicks.tally import Tally
from shortd.clock import DAY
from shortd.hosts.destinations import Destination
from shortd.links import NewLink
from shortd.models.accounts import Account
from shortd.models.clicks import QR_LOAD, QR_VISIT, VISIT, Counts, Position, Visit
from shortd.models.links import Link, Terms
from shortd.services import Services, open_services
from shortd.settings.config import load
from shortd.store.check import faults
from shortd.store.pace import GIVE_WAY_SECONDS
from shortd.store.schema import COUNTS
from shortd.store.txn import WriteTxn
from shortd.testing import FakeClock
from shortd.visitors.visitors import Agent, parse_agent
from shortd.visits.decisions import Decision, Outcome, Visitor

EXAMPLE = Destination("https://example.com/", "https://example.com/")
KEPT = 3
"""Visits kept for a link, in these tests."""


def copy_unless_gone(source: str, target: str) -> None:
    """Copies a file. A segment that is drained is removed by another thread, at any moment."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


@contextmanager
def portions(clicks: int) -> Iterator[None]:
    """So many clicks are kept together, and drained in one transaction; few such portions are kept
    apart."""
    with (
        patch("shortd.clicks.clicks.GENERATION_CLICKS", clicks),
        patch("shortd.clicks.clicks.SEALED_GENERATIONS", 3),
        patch("shortd.clicks.drain.LONG_TRANSACTION_CLICKS", clicks),
    ):
        yield


class World:
    """Services over a data directory that can be closed, copied in mid-flight, and reopened."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.runner = asyncio.Runner()
        self.random = Random(0)
        self._root = directory
        self._directory = directory / "data"
        self._copies = 0
        self.services = self._open()
        self.account = self.create_account()

    def _open(self) -> Services:
        environ = {"SHORTD_CLICKS__VISITS_PER_LINK": str(KEPT), "SHORTD_CLICKS__SYNC_MS": "1"}
        config = load(data_dir=self._directory, environ=environ)
        return self.runner.run(open_services(config, self.clock, self.random))

    def create_account(self) -> Account:
        accounts = self.services.accounts.accounts
        return self.runner.run(accounts.create_temporary("192.0.2.1", self.clock.now()))

    def close(self) -> None:
        self.runner.run(self.services.close())

    def reopen(self) -> None:
        """An orderly stop and a start."""
        self.close()
        self.services = self._open()

    def crash(self) -> None:
        """What kill -9 leaves: the files as they are now, and nothing from memory."""
        self._copies += 1
        copy = self._root / f"copy{self._copies}"
        shutil.copytree(self._directory, copy, copy_function=copy_unless_gone)
        self.close()
        self._directory = copy
        self.services = self._open()

    def end(self) -> None:
        self.close()
        self.runner.close()

    def link(self, code: str, *, limit: int = 0) -> Link:
        """A new link; on a code in use it replaces the old one."""
        host = self.services.hosts.default
        new = NewLink(EXAMPLE, host, code, Terms(expiration_count=limit))
        created = self.services.links.links.create(self.account, [new], self.clock.now())
        return self.runner.run(created)[0]

    def delete(self, link: Link) -> None:
        address = (link.host, link.code)
        self.runner.run(self.services.links.links.delete(self.account, address))

    def answer(self, link: Link, **visitor: Any) -> Decision:
        """A visit whose click is not flushed."""
        now = self.clock.now()
        return self.services.visits.visits.answer(link.host, link.code, Visitor(now, **visitor))

    def visit(self, link: Link, **visitor: Any) -> Decision:
        decision = self.answer(link, **visitor)
        self.services.clicks.clicks.flush()
        return decision

    def load_qr(self, link: Link, **visitor: Any) -> Decision:
        now = self.clock.now()
        decision = self.services.visits.visits.load_qr(
            link.host, link.code, Visitor(now, **visitor)
        )
        self.services.clicks.clicks.flush()
        return decision

    def live(self, link: Link) -> tuple[int, int]:
        with self.services.store.read() as txn:
            counts = self.services.clicks.clicks.live(txn, link.id)
        return counts.count, counts.count_qr

    def stored(self, link: Link) -> Counts:
        with self.services.store.read() as txn:
            return COUNTS.get(txn, (link.id,)) or Counts()

    def kept(self, link: Link) -> list[Visit]:
        with self.services.store.read() as txn:
            return history.visits(txn, link.id)

    def days(self, link: Link) -> dict[int, tuple[int, int]]:
        """(visits, loads of the QR image) by day."""
        with self.services.store.read() as txn:
            rows = dict(history.days(txn, link.id))
        return {day: (stats.total, stats.qr_loads) for day, stats in rows.items()}

    def drain(self) -> None:
        self.runner.run(self.services.clicks.drain.all())

    def faults(self) -> list[str]:
        with self.services.store.read() as txn:
            return list(faults(txn))

    @contextmanager
    def busy_writer(self) -> Iterator[None]:
        """Inside, nothing is committed: every write waits."""
        entered, leave = threading.Event(), threading.Event()

        def wait(txn: WriteTxn) -> None:
            entered.set()
            assert leave.wait(60)

        async def start() -> None:
            self._waiting = asyncio.create_task(self.services.store.write(wait))
            await asyncio.sleep(0)
            assert entered.wait(60)

        async def end() -> None:
            leave.set()
            await self._waiting

        self.runner.run(start())
        try:
            yield
        finally:
            self.runner.run(end())

    async def _queued(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        await asyncio.sleep(0)
        return task

    @contextmanager
    def draining(self) -> Iterator[None]:
        """A drain that has begun and has not committed."""
        with self.busy_writer():
            task = self.runner.run(self._queued(self.services.clicks.drain.all()))
            yield

        async def finish() -> None:
            await task

        self.runner.run(finish())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.end()


@contextmanager
def refused(world: World) -> Iterator[None]:
    """Writes are refused before they begin."""

    async def refuse(*_: object, **options: object) -> None:
        raise errors.STORAGE_FULL()

    with patch.object(world.services.store, "write", refuse):
        yield


@contextmanager
def undone(world: World) -> Iterator[None]:
    """The drain's transaction fails when everything is in it."""
    whole = Tally.write

    def fail(tally: Tally, txn: WriteTxn, give_way: Callable[[], None]) -> None:
        whole(tally, txn, give_way)
        raise errors.STORAGE_FULL()

    with patch.object(Tally, "write", fail):
        yield


@contextmanager
def unreadable(world: World) -> Iterator[None]:
    """The journal cannot be read."""
    with patch.object(world.services.clicks.clicks.journal, "read", side_effect=OSError(5, "EIO")):
        yield


@contextmanager
def kept_segments(world: World) -> Iterator[None]:
    """Drained segments cannot be deleted; that is nobody's clicks' business."""
    with patch.object(
        world.services.clicks.clicks.journal, "release", side_effect=OSError(1, "EPERM")
    ):
        yield


Failure = Callable[[World], Any]
FAILURES: list[Failure] = [refused, undone, unreadable]


def test_the_live_count_is_exact_before_during_and_after_a_drain(world: World) -> None:
    link = world.link("abcdef")
    world.visit(link)
    world.visit(link, is_qr=True)
    world.load_qr(link)
    assert (world.live(link), world.stored(link)) == ((2, 2), Counts())
    with world.draining():
        assert world.live(link) == (2, 2)
        world.visit(link)
        world.load_qr(link)
        assert world.live(link) == (3, 3)
    assert world.live(link) == (3, 3)
    assert (world.stored(link).count, world.stored(link).count_qr) == (3, 3)


def test_the_live_count_is_exact_between_commit_and_its_announcement(world: World) -> None:
    """The tables have the clicks already; the loop has not heard of it."""
    link = world.link("abcdef")
    world.visit(link)
    seen = []

    async def drain() -> None:
        task = asyncio.create_task(world.services.clicks.drain.all())
        while not task.done():
            # The loop's next step is this one or the task's, in either order.
            seen.append((world.live(link), world.stored(link).count))
            await asyncio.sleep(0)
        await task

    world.runner.run(drain())
    assert {live for live, _ in seen} == {(1, 0)}
    assert seen[0][1] == 0


@pytest.mark.parametrize("failure", FAILURES)
def test_the_live_count_is_exact_after_a_drain_that_failed(world: World, failure: Failure) -> None:
    link = world.link("abcdef")
    world.visit(link)
    for rounds in (1, 2):
        with failure(world), pytest.raises((errors.ShortdError, OSError)):
            world.drain()
        assert world.live(link) == (rounds, 0)
        assert world.stored(link) == Counts()
        world.visit(link)
        assert world.live(link) == (rounds + 1, 0)
    world.drain()
    assert world.live(link) == (3, 0)
    assert world.stored(link).count == 3
    assert len(world.kept(link)) == 3


def test_clicks_of_one_tick_share_a_write_that_comes_before_their_answers(world: World) -> None:
    link = world.link("abcdef")
    clicks, journal = world.services.clicks.clicks, world.services.clicks.clicks.journal
    start = journal.end()

    async def visit(number: int) -> Position:
        for _ in range(number % 4):
            await asyncio.sleep(0)
        name = f"visitor {number};"
        world.answer(link, user_agent=name)
        await clicks.flushed()
        end = journal.end()
        payloads, _ = journal.read(start, end)
        assert any(name.encode() in payload for payload in payloads)
        return end

    async def crowd() -> list[Position]:
        return await asyncio.gather(*(visit(number) for number in range(80)))

    ends = world.runner.run(crowd())
    assert [len(set(ends[tick::4])) for tick in range(4)] == [1, 1, 1, 1]
    assert len(journal.read(start, journal.end())[0]) == 80


def test_what_is_flushed_is_not_waited_for(world: World) -> None:
    link = world.link("abcdef")
    world.visit(link)
    with pytest.raises(StopIteration):
        world.services.clicks.clicks.flushed().send(None)


def test_segments_that_cannot_be_deleted_harm_no_count(world: World) -> None:
    link = world.link("abcdef")
    with kept_segments(world):
        for number in (1, 2, 3):
            world.visit(link)
            world.drain()
            world.drain()
            assert world.live(link) == (number, 0)
            assert world.stored(link).count == number
    world.reopen()
    assert world.live(link) == (3, 0)


def test_a_link_answers_exactly_as_often_as_it_may(world: World) -> None:
    link = world.link("abcdef", limit=5)
    outcomes = [world.visit(link).outcome, world.visit(link, is_qr=True).outcome]
    with world.draining():
        outcomes.append(world.visit(link).outcome)
    world.load_qr(link)
    with undone(world), pytest.raises(errors.ShortdError):
        world.drain()
    outcomes.append(world.visit(link).outcome)
    world.drain()
    outcomes += [world.visit(link).outcome for _ in range(3)]
    assert outcomes == [Outcome.REDIRECT] * 5 + [Outcome.EXPIRED] * 2
    world.reopen()
    assert world.visit(link).outcome is Outcome.EXPIRED
    assert world.live(link) == (5, 2)


def test_simultaneous_visitors_share_the_last_clicks(world: World) -> None:
    link = world.link("abcdef", limit=50)

    async def visit() -> Outcome:
        await asyncio.sleep(0)
        return world.visit(link).outcome

    async def crowd() -> list[Outcome]:
        drains = [world.services.clicks.drain.all()]
        outcomes = await asyncio.gather(*(visit() for _ in range(120)), *drains)
        return [outcome for outcome in outcomes if outcome is not None]

    assert Counter(world.runner.run(crowd())) == {Outcome.REDIRECT: 50, Outcome.EXPIRED: 70}
    world.drain()
    assert world.stored(link).count == 50


def test_a_click_that_finds_the_journal_full_still_uses_up_the_limit(world: World) -> None:
    link = world.link("abcdef", limit=3)
    world.visit(link)
    with patch.object(world.services.clicks.clicks.journal, "append", return_value=False):
        world.visit(link)
        world.load_qr(link)
    assert world.live(link) == (2, 1)
    world.drain()
    assert world.live(link) == (2, 1)
    assert world.stored(link).count == 1, "what was not journalled is in no statistics"
    assert [world.visit(link).outcome for _ in range(2)] == [Outcome.REDIRECT, Outcome.EXPIRED]


def test_raising_the_limit_of_a_used_up_link_lets_the_rest_through(world: World) -> None:
    link = world.link("abcdef", limit=1)
    assert [world.visit(link).outcome for _ in range(2)] == [Outcome.REDIRECT, Outcome.EXPIRED]
    change = world.services.links.links.change(
        world.account, (link.host, link.code), expiration_count=2
    )
    world.runner.run(change)
    assert [world.visit(link).outcome for _ in range(2)] == [Outcome.REDIRECT, Outcome.EXPIRED]


@pytest.mark.parametrize("drained", [0, 3, 5])
def test_a_crash_loses_no_click_and_counts_none_twice(world: World, drained: int) -> None:
    link = world.link("abcdef", limit=6)
    for number in range(5):
        if number == drained:
            world.drain()
        world.visit(link, user_agent=f"agent {number}")
    if drained == 5:
        world.drain()
    world.crash()
    assert world.live(link) == (5, 0)
    world.drain()
    assert (world.live(link), world.stored(link).count) == ((5, 0), 5)
    assert [visit.user_agent for visit in world.kept(link)] == ["agent 2", "agent 3", "agent 4"]
    world.crash()
    assert [world.visit(link).outcome for _ in range(2)] == [Outcome.REDIRECT, Outcome.EXPIRED]


def test_a_crash_between_two_drains_that_failed(world: World) -> None:
    link = world.link("abcdef")
    world.visit(link)
    with undone(world), pytest.raises(errors.ShortdError):
        world.drain()
    world.visit(link)
    world.crash()
    assert world.live(link) == (2, 0)


def test_a_long_journal_is_replayed_in_several_transactions(world: World) -> None:
    link = world.link("abcdef")
    for _ in range(50):
        world.visit(link, user_agent="x" * 500)
    with patch("shortd.clicks.drain.REPLAY_BYTES", 1):
        # The journal takes a bound below a record's size as that size: 16 KiB, about 30 clicks.
        world.crash()
        assert (world.live(link), world.stored(link).count) == ((50, 0), 0)
        world.drain()
    assert (world.live(link), world.stored(link).count) == ((50, 0), 50)


def test_a_drain_reads_a_long_journal_whole(world: World) -> None:
    link = world.link("abcdef")
    for _ in range(50):
        world.visit(link, user_agent="x" * 500)
    with patch("shortd.clicks.drain.REPLAY_BYTES", 1):
        world.drain()
    assert world.stored(link).count == 50


@pytest.mark.parametrize("end", ["crash", "reopen", "drain"])
def test_a_long_backlog_is_drained_in_short_transactions(world: World, end: str) -> None:
    """Whatever has come meanwhile, and wherever in it the process ends: counts are exact."""
    links = [world.link(code) for code in ("abcdef", "ghijkl", "mnopqr")]
    made: Counter[int] = Counter()

    def visit(visits: int) -> None:
        for number in range(visits):
            link = links[number % 3]
            world.visit(link, user_agent="x" * 500, is_qr=number % 5 == 0)
            made[link.id] += 1
            if number % 4 == 0:
                world.load_qr(link)

    with (
        patch("shortd.clicks.clicks.SEALED_GENERATIONS", 2),
        patch("shortd.clicks.clicks.GENERATION_CLICKS", 8),
        patch("shortd.clicks.drain.REPLAY_BYTES", 1),
        patch("shortd.clicks.drain.LONG_TRANSACTION_LINKS", 1),
    ):
        visit(200)
        drain = world.services.clicks.drain
        rounds = 0
        while rounds < 5:
            assert world.runner.run(drain._drain_oldest())
            rounds += 1
            visit(rounds)
            assert {link.id: world.live(link)[0] for link in links} == made
        stored = sum(world.stored(link).count for link in links)
        assert 0 < stored < sum(made.values())
        assert world.services.clicks.clicks.backlog >= sum(made.values()) - stored
        getattr(world, end)()
        assert {link.id: world.live(link)[0] for link in links} == made
        world.drain()
    assert {link.id: world.stored(link).count for link in links} == made
    assert world.services.clicks.clicks.backlog == 0
    assert world.services.clicks.clicks.backlog_bytes == 0


def test_an_unreadable_record_does_not_stop_those_behind_it(world: World) -> None:
    link = world.link("abcdef")
    world.visit(link)
    world.services.clicks.clicks.journal.append(b"\xc1 is no msgpack")
    world.services.clicks.clicks.journal.append(b"\x93\x01\x02\x03")
    world.visit(link)
    world.drain()
    assert world.stored(link).count == 2


def test_a_click_that_cannot_be_taken_apart_stops_no_others(world: World) -> None:
    link = world.link("abcdef")

    def parse(user_agent: str) -> Agent:
        if user_agent == "odd/1":
            raise ValueError("no such agent")
        return parse_agent(user_agent)

    with patch("shortd.clicks.rollups.parse_agent", parse), capture_logs() as told:
        for agent in ("odd/1", "even/2"):
            world.visit(link, user_agent=agent)
            world.drain()
    assert world.stored(link).count == 2
    assert world.services.clicks.clicks.backlog == 0
    assert [visit.user_agent for visit in world.kept(link)] == ["", "even/2"]
    assert [line["event"] for line in told] == ["clicks_made_bare"]


def test_drained_segments_are_deleted(world: World, tmp_path: Path) -> None:
    link = world.link("abcdef")
    world.visit(link)
    world.crash()
    world.visit(link)
    world.crash()
    world.visit(link)
    world.drain()
    world.visit(link)
    world.drain()
    assert len(list((tmp_path / "copy2" / "journal").iterdir())) == 1


def test_a_drain_that_was_cancelled_and_the_next_one_count_once(world: World) -> None:
    """The writer runs what was queued, whether or not anybody still waits for it."""
    link = world.link("abcdef")
    world.visit(link)
    tasks: list[asyncio.Task[None]] = []

    async def cancel_and_drain() -> None:
        cancelled = asyncio.create_task(world.services.clicks.drain.all())
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        world.visit(link)
        tasks.append(asyncio.create_task(world.services.clicks.drain.all()))
        await asyncio.sleep(0)

    async def finish() -> None:
        await tasks[0]

    with world.busy_writer():
        world.runner.run(cancel_and_drain())
        assert world.live(link) == (2, 0)
    world.runner.run(finish())
    assert world.live(link) == (2, 0)
    assert world.stored(link).count == 2
    assert len(world.kept(link)) == 2


def test_a_commit_of_two_drains_that_fails_loses_nothing(world: World) -> None:
    """At a stop the cancelled drain and the last one may meet in one commit."""
    link = world.link("abcdef")
    journal, writer = world.services.clicks.clicks.journal, world.services.store._writer
    environment = writer._environment
    begin = environment.begin

    @contextmanager
    def begin_and_fail(write: bool, parent: Any = None) -> Iterator[Any]:
        with begin(write=write, parent=parent) as transaction:
            yield transaction
            if parent is None:
                raise lmdb.DiskError("mdb_txn_commit: No space left on device")

    async def drain_twice() -> None:
        cancelled = asyncio.create_task(world.services.clicks.drain.all())
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        last = asyncio.create_task(world.services.clicks.drain.all())
        await asyncio.sleep(0)
        writer._environment = Mock(begin=begin_and_fail)
        drains.append(last)

    async def finish() -> None:
        with pytest.raises(errors.ShortdError):
            await drains[0]

    drains: list[asyncio.Task[None]] = []
    journal._segment_bytes = journal._rotate_at = 1  # each visit in a segment of its own
    world.visit(link)
    world.visit(link)
    with world.busy_writer():
        world.runner.run(drain_twice())
    world.runner.run(finish())
    writer._environment = environment
    assert world.live(link) == (2, 0)
    assert world.stored(link) == Counts()
    world.drain()
    assert world.stored(link).count == 2


def test_a_remade_code_does_not_inherit_clicks(world: World) -> None:
    old = world.link("abcdef", limit=2)
    world.visit(old)
    world.drain()
    world.visit(old)
    new = world.link("abcdef", limit=1)
    assert new.id != old.id
    assert world.live(new) == (0, 0)
    assert world.visit(new).outcome is Outcome.REDIRECT
    world.drain()
    assert world.live(new) == (1, 0)
    assert world.live(old) == (0, 0)
    assert world.faults() == []


def test_clicks_of_a_deleted_link_are_dropped(world: World) -> None:
    gone, kept = world.link("abcdef"), world.link("ghijkl")
    for link in (gone, kept):
        world.visit(link)
        world.drain()
        world.visit(link)
    world.delete(gone)
    assert world.visit(gone).outcome is Outcome.NOT_FOUND
    world.drain()
    assert world.stored(gone) == Counts()
    assert world.stored(kept).count == 2
    assert world.faults() == []


def test_a_link_deleted_under_a_running_drain_leaves_nothing(world: World) -> None:
    link = world.link("abcdef")
    world.visit(link)
    with world.busy_writer():

        async def race() -> list[asyncio.Task[None]]:
            address = (link.host, link.code)
            drain = asyncio.create_task(world.services.clicks.drain.all())
            await asyncio.sleep(0)
            delete = asyncio.create_task(world.services.links.links.delete(world.account, address))
            await asyncio.sleep(0)
            return [drain, delete]

        tasks = world.runner.run(race())

    async def finish() -> None:
        await asyncio.gather(*tasks)

    world.runner.run(finish())
    assert world.stored(link) == Counts()
    assert world.faults() == []


def test_a_click_counts_for_the_day_it_was_made_on(world: World) -> None:
    link = world.link("abcdef")
    day = world.clock.now() // DAY
    world.visit(link)
    world.load_qr(link)
    world.clock.advance(86_400)
    world.visit(link)
    world.drain()
    assert world.days(link) == {day: (1, 1), day + 1: (1, 0)}


def test_nothing_is_written_when_there_is_nothing_to_drain(world: World) -> None:
    with refused(world):
        world.drain()


def test_the_time_of_the_last_visit(world: World) -> None:
    link = world.link("abcdef")

    def last() -> int:
        with world.services.store.read() as txn:
            return world.services.clicks.clicks.live(txn, link.id).last_utime

    assert last() == 0
    world.visit(link)
    first = world.clock.now()
    assert last() == first
    world.clock.advance(5)
    world.load_qr(link)
    assert last() == first
    world.drain()
    assert last() == first
    world.visit(link)
    assert last() == world.clock.now()
    with undone(world), pytest.raises(errors.ShortdError):
        world.drain()
    assert last() == world.clock.now()


@pytest.mark.parametrize("failures", [0, 1])
def test_clicks_drain_by_themselves_to_the_last(world: World, failures: int) -> None:
    link = world.link("abcdef")
    clicks = world.services.clicks.clicks
    drain = world.services.clicks.drain
    drain_oldest, results = drain._drain_oldest, [errors.STORAGE_FULL()] * failures

    async def work() -> None:
        drained = asyncio.Event()

        async def drain_and_tell() -> bool:
            if results:
                raise results.pop()
            found = await drain_oldest()
            if not clicks.backlog:
                drained.set()
            return found

        with patch.object(drain, "_drain_oldest", drain_and_tell):
            background = asyncio.create_task(drain.run())
            for _ in range(7):
                world.visit(link)
            await asyncio.wait_for(drained.wait(), 60)
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)

    with portions(2):
        world.runner.run(work())
    assert world.stored(link).count == 7
    assert world.live(link) == (7, 0)


def test_drains_at_the_same_time_take_turns(world: World) -> None:
    link = world.link("abcdef")

    async def work() -> None:
        drains = [asyncio.create_task(world.services.clicks.drain.all()) for _ in range(3)]
        for _ in range(5):
            await asyncio.sleep(0)
            world.visit(link)
        await asyncio.gather(*drains)

    with portions(2):
        for _ in range(5):
            world.visit(link)
        world.runner.run(work())
    assert world.live(link) == (10, 0)
    world.drain()
    assert world.live(link) == (10, 0)
    assert world.stored(link).count == 10


# Everything at once, against a model


@dataclass
class Expected:
    """What a link should have come to."""

    link: Link
    count: int = 0
    count_qr: int = 0
    visits: list[tuple[int, int]] = field(default_factory=list)
    """(time, kind)"""
    days: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))


CODES = ["abcdef", "ghijkl"]
codes = st.sampled_from(CODES)
WAYS: dict[str, dict[str, Any]] = {
    "visit": {},
    "qr": {"is_qr": True},
    "head": {"is_get": False},
    "prefetch": {"is_prefetch": True},
    "preview": {"user_agent": "Slackbot 1.0"},
}


@contextmanager
def no_journal() -> Iterator[None]:
    """The journal can neither be written nor begun anew."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        patch("shortd.journal.journal.os.write", side_effect=full),
        patch("shortd.journal.journal.create_segment", side_effect=full),
    ):
        yield


class ClicksMachine(RuleBasedStateMachine):
    """Visits, drains that succeed or fail, restarts, crashes, and links that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.small = ExitStack()
        self.small.enter_context(portions(3))
        self.world = World(self.directory)
        self.expected: dict[str, Expected] = {}

    def teardown(self) -> None:
        self.drain()
        self.world.end()
        self.small.close()
        shutil.rmtree(self.directory)

    @initialize()
    def begin(self) -> None:
        for code in CODES:
            self.link(code, 0)

    @rule(code=codes, limit=st.sampled_from([0, 0, 2, 5]))
    def link(self, code: str, limit: int) -> None:
        self.expected[code] = Expected(self.world.link(code, limit=limit))

    @rule(code=codes)
    def delete(self, code: str) -> None:
        if code in self.expected:
            self.world.delete(self.expected.pop(code).link)

    @rule(code=codes, way=st.sampled_from([*WAYS, "visit", "visit", "qr"]))
    def visit(self, code: str, way: str) -> None:
        expected = self.expected.get(code)
        if expected is None:
            gone = Link(0, "", 0, code, "", 0)
            assert self.world.visit(gone).outcome is Outcome.NOT_FOUND
            return
        link = expected.link
        outcome = self.world.visit(link, **WAYS[way]).outcome
        if link.expiration_count and expected.count >= link.expiration_count:
            assert outcome is Outcome.EXPIRED
        elif link.expiration_count and way in ("head", "prefetch", "preview"):
            assert outcome is Outcome.HIDDEN
        else:
            assert outcome is Outcome.REDIRECT
            if way not in ("head", "prefetch"):
                self.count(expected, QR_VISIT if way == "qr" else VISIT)

    @rule(code=codes)
    def load_qr(self, code: str) -> None:
        expected = self.expected.get(code)
        if expected is not None:
            decision = self.world.load_qr(expected.link)
            if decision.is_alive:
                self.count(expected, QR_LOAD)

    def count(self, expected: Expected, kind: int) -> None:
        now = self.world.clock.now()
        expected.count += kind != QR_LOAD
        expected.count_qr += kind != VISIT
        expected.days[now // DAY][kind == QR_LOAD] += 1
        if kind != QR_LOAD:
            expected.visits.append((now, kind))

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        # Temporary accounts live for 30 days; this one is not to end here.
        self.world.clock.advance(min(hours * 3600, 0.4 * 86_400))

    @rule()
    def drain(self) -> None:
        self.world.drain()
        self.check_tables()

    @rule()
    def drain_one_generation(self) -> None:
        self.world.runner.run(self.world.services.clicks.drain._drain_oldest())

    @rule(codes=st.lists(codes, max_size=2))
    def cancel_a_drain(self, codes: list[str]) -> None:
        async def cancel() -> None:
            drain = asyncio.create_task(self.world.services.clicks.drain.all())
            await asyncio.sleep(0)
            drain.cancel()
            await asyncio.gather(drain, return_exceptions=True)

        with self.world.busy_writer():
            self.world.runner.run(cancel())
            for code in codes:
                self.visit(code, "visit")
            self.live_counts_are_exact()

    @rule(failure=st.sampled_from(FAILURES))
    def drain_in_vain(self, failure: Failure) -> None:
        with failure(self.world):
            try:
                self.world.drain()
            except (errors.ShortdError, OSError):
                return
        # There was nothing to drain.

    @rule(visits=st.lists(st.tuples(codes, st.sampled_from(["visit", "qr"])), max_size=4))
    def visit_without_a_journal(self, visits: list[tuple[str, str]]) -> None:
        """The disk takes no more of it: those clicks are counted past it."""
        with no_journal():
            for code, way in visits:
                self.visit(code, way)
            self.live_counts_are_exact()
            self.drain()

    @rule(visits=st.lists(st.tuples(codes, st.sampled_from(["visit", "qr"])), max_size=4))
    def visit_without_a_journal_during_a_drain(self, visits: list[tuple[str, str]]) -> None:
        with no_journal():
            with self.world.draining():
                for code, way in visits:
                    self.visit(code, way)
                self.live_counts_are_exact()
            self.drain()

    @rule()
    def tidy(self) -> None:
        """What is drained leaves the journal."""
        self.world.runner.run(self.world.services.clicks.drain.tidy())

    @rule(visits=st.lists(st.tuples(codes, st.sampled_from(list(WAYS))), max_size=3))
    def visit_during_a_drain(self, visits: list[tuple[str, str]]) -> None:
        with self.world.draining():
            for code, way in visits:
                self.visit(code, way)
            self.live_counts_are_exact()

    @rule()
    def reopen(self) -> None:
        self.world.reopen()
        self.check_tables()

    @rule()
    def crash(self) -> None:
        self.world.crash()
        self.live_counts_are_exact()
        self.world.drain()
        self.check_tables()

    @invariant()
    def live_counts_are_exact(self) -> None:
        for expected in self.expected.values():
            live = self.world.live(expected.link)
            assert live == (expected.count, expected.count_qr)

    def check_tables(self) -> None:
        """When everything is drained, the tables alone know everything."""
        assert self.world.faults() == []
        for expected in self.expected.values():
            stored = self.world.stored(expected.link)
            assert (stored.count, stored.count_qr) == (expected.count, expected.count_qr)
            kept = [(visit.utime, visit.kind) for visit in self.world.kept(expected.link)]
            assert kept == expected.visits[-KEPT:]
            days = {day: (total, loads) for day, (total, loads) in expected.days.items()}
            assert self.world.days(expected.link) == days


TestClicksMachine = ClicksMachine.TestCase
TestClicksMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(("stretch", "rests"), [(0.0, 4), (3600.0, 1)])
def test_the_drain_gives_way_after_each_stretch(world: World, stretch: float, rests: int) -> None:
    link = world.link("abcdef")
    rested: list[float] = []
    with (
        portions(1),
        patch("shortd.clicks.drain.STRETCH_SECONDS", stretch),
        patch("shortd.store.pace.time.sleep", rested.append),
    ):
        world.visit(link)
        world.visit(link)
        world.drain()
    # A click is read and then written.
    assert rested == [GIVE_WAY_SECONDS] * rests
    assert world.stored(link).count == 2


@pytest.mark.parametrize(("later_visits", "rests"), [(0, 1), (5, 6)])
def test_the_drain_takes_its_time_only_while_visits_come(
    world: World, later_visits: int, rests: int
) -> None:
    link = world.link("abcdef")
    later = iter(range(later_visits))
    rested: list[float] = []
    real_sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        if seconds > 1 and seconds != TIDY_SECONDS:
            rested.append(seconds)
            for _ in islice(later, 1):
                world.visit(link)
        await real_sleep(0)

    async def run() -> None:
        clicks = world.services.clicks.clicks
        task = asyncio.create_task(world.services.clicks.drain.run())
        while clicks.backlog:
            await real_sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with (
        portions(1),
        patch("shortd.clicks.drain.EASY_DUTY", 1e-6),
        patch("shortd.clicks.drain.asyncio.sleep", rest),
    ):
        for _ in range(10):
            world.visit(link)
        world.runner.run(run())
    assert len(rested) == rests
    assert world.stored(link).count == 10 + later_visits
