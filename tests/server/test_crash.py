"""kill -9 in the middle of everything: nothing acknowledged is lost, no click counts twice."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from random import Random

import msgspec
import pytest

from shortd.clicks import JOURNAL, history
from shortd.clicks.rollups import counts_of
from shortd.journal import Journal
from shortd.models.clicks import VISIT, Click, Counts, Position
from shortd.store import Store
from shortd.store.check import faults
from shortd.store.schema import COUNTS, LINKS, POSITIONS
from shortd.store.txn import Txn
from tests.server.conftest import Launch
from tests.server.ledger import Ledger
from tests.server.load import all_entries, run_load
from tests.server.wire import follow
from tests.server_process import ServerProcess

VISITS_PER_LINK = 20
DYING = """
import os, signal
from pathlib import Path
from shortd.journal import Journal
release = Journal.release
def release_and_die(self, before):
    release(self, before)
    if len(list(Path({journal!r}).iterdir())) < {least}:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.release = release_and_die
"""
"""Once fewer segments are left. One is deleted by the transaction that follows the one that counted
it."""
EVERY_CLICK_HAS = ("source", "device", "os", "browser", "brand", "language", "country")


@pytest.mark.parametrize(("sync_ms", "slow_lane"), [(5, 0.5), (100, 0)])
def test_nothing_acknowledged_is_lost(launch: Launch, sync_ms: int, slow_lane: float) -> None:
    server = launch(
        {
            "SHORTD_CLICKS__SYNC_MS": str(sync_ms),
            "SHORTD_CLICKS__VISITS_PER_LINK": str(VISITS_PER_LINK),
        }
    )
    userid = server.call("temporary_account")["userid"]
    ledger = Ledger()
    chance = Random(sync_ms)
    for _ in range(4):
        asyncio.run(
            run_load(
                server,
                userid,
                ledger,
                chance,
                writers=4,
                visitors=8,
                steps=chance.randint(1500, 3000),
                end=server.kill,
                slow_lane=slow_lane,
            )
        )
        server.start()
        entries = asyncio.run(all_entries(server, userid))
        ledger.settle(entries)
        ledger.settle_counts({entry["url"]: entry["count"] for entry in entries})
    assert server.stop() == 0
    assert sum(ledger.answered.values()) > 1000
    assert len(ledger.links) > 10
    ledger.settle_counts(stored_counts(server.data_dir, VISITS_PER_LINK))


def test_a_crash_while_a_journal_is_replayed(launch: Launch) -> None:
    """The clicks that one transaction counted are not counted again by the next start."""
    server = launch()
    userid = server.call("temporary_account")["userid"]
    url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    server.kill()
    clicks = 20_000
    write_journal(server.data_dir, clicks)
    segments = journal_segments(server)
    for _ in range(2):
        prelude = DYING.format(journal=str(server.data_dir / "journal"), least=segments - 2)
        dying = ServerProcess(
            server.data_dir, server.environ, port=server.port, prelude=prelude, is_late=True
        )
        dying.spawn()
        assert dying.wait() == -signal.SIGKILL
        segments = journal_segments(server)
        assert segments > 3, "the replay was over before the crash"
    server.start()
    assert server.call("get_entry", userid=userid, shorturl=url)["entry"]["count"] == clicks
    server.stop()
    assert stored_counts(server.data_dir) == {"https://example.com/": clicks}


def test_a_torn_last_record_is_cut_off(launch: Launch) -> None:
    """Power loss may leave half a record; the clicks before it count, and so do later ones."""
    server = launch({"SHORTD_CLICKS__SYNC_MS": "60000"})
    userid = server.call("temporary_account")["userid"]
    url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    assert follow(url, 7) == [302] * 7
    server.kill()
    [*_, segment] = sorted((server.data_dir / "journal").iterdir())
    data = segment.read_bytes()
    segment.write_bytes(data[:-3])
    server.start()
    assert server.call("get_entry", userid=userid, shorturl=url)["entry"]["count"] == 6
    assert follow(url, 2) == [302] * 2
    server.kill()
    server.start()
    assert server.call("get_entry", userid=userid, shorturl=url)["entry"]["count"] == 8


def stored_counts(data_dir: Path, visits_per_link: int = 10_000) -> dict[str, int]:
    """The counts by URL of a server that is not running, after checking all that is stored."""
    store = Store(data_dir)
    try:
        with store.read() as txn:
            assert list(faults(txn)) == []
            links = [link for _, link in LINKS.scan(txn)]
            for link in links:
                check_statistics(txn, link.id, visits_per_link)
            return {link.url: (COUNTS.get(txn, (link.id,)) or Counts()).count for link in links}
    finally:
        store.close()


def check_statistics(txn: Txn, link_id: int, visits_per_link: int) -> None:
    """Rollups and kept visits of a link tell the same as its counts."""
    counts = COUNTS.get(txn, (link_id,)) or Counts()
    days = [row for _, row in history.days(txn, link_id)]
    assert sum(day.total for day in days) == counts.count
    for day in days:
        dimensions = counts_of(day)
        for name in EVERY_CLICK_HAS:
            assert sum(dimensions[name].values()) == day.total
    assert len(history.visits(txn, link_id)) == counts.visits
    assert counts.visits == min(counts.count, visits_per_link)


def write_journal(data_dir: Path, clicks: int) -> None:
    """Puts clicks on the only link behind what is drained, as a killed server leaves them."""
    store = Store(data_dir)
    with store.read() as txn:
        [(_, link)] = LINKS.scan(txn)
        drained = POSITIONS.get(txn, JOURNAL) or Position()
    store.close()
    journal = Journal(data_dir / "journal", after=drained, segment_bytes=1 << 20)
    # As long as a referrer may be, so that reading takes several transactions.
    referrer = "https://example.org/" + "x" * 1000
    now = time.time_ns() // 1000
    click = msgspec.msgpack.encode(Click(link.id, now, VISIT, "192.0.2.1", "curl/8.1", referrer))
    for _ in range(clicks):
        journal.append(click)
        journal.flush()
    journal.close()


def journal_segments(server: ServerProcess) -> int:
    return len(list((server.data_dir / "journal").iterdir()))
