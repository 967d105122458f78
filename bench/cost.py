"""What a click leaves: bytes on disk by table, processor of the drain, and what a server that
starts again reads and holds: `python -m bench.cost`.

Clicks are journalled and drained in one process, as the server does it, in transactions of
`--together` clicks; then the database is written anew without what it has free. `--restart` starts
a server on what came of it, and looks which pages of the database it has touched, and what its
memory is, before anything is due.
"""

from __future__ import annotations

import asyncio
import mmap
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import lmdb
from rich.console import Console
from rich.table import Table

from bench.drain import WEBKIT
from bench.servers import cpu_seconds
from shortd.clicks import Clicks, Drain
from shortd.clock import DAY
from shortd.ids import base62_encode
from shortd.journal import Journal
from shortd.models.clicks import VISIT, Click, Position
from shortd.models.links import Link
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.copies import compact
from shortd.store.schema import LINKS
from shortd.store.txn import WriteTxn
from tests.server_process import ServerProcess

LANGUAGES = ["en-GB,en;q=0.7", "de-DE,de;q=0.8", "fr", "en-US,en;q=0.9", "es-ES,es;q=0.5"]
SYSTEMS = ("Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Macintosh; Intel Mac OS X 10_15_7")
PAGE = mmap.PAGESIZE


def agent(number: int) -> str:
    """One of any number of user agents, each of the length that they have."""
    system = SYSTEMS[number % len(SYSTEMS)]
    return f"Mozilla/5.0 ({system}) {WEBKIT} Chrome/{100 + number}.0.0.0 Safari/537.36"


def clicks_of(
    links: list[int], clicks: int, days: int, agents: int, referrers: int
) -> Iterator[Click]:
    """Clicks on links in no order, the last of them now. Without `agents`, each is a new one."""
    chance = random.Random(1)
    start = time.time_ns() // 1000 - days * DAY
    order = [links[number % len(links)] for number in range(clicks)]
    chance.shuffle(order)
    for number, link_id in enumerate(order):
        yield Click(
            link_id,
            start + days * DAY * number // clicks + chance.randrange(1000),
            VISIT,
            f"198.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}",
            agent(chance.randrange(agents) if agents else number),
            f"https://site{chance.randrange(referrers)}.example/page",
            chance.choice(LANGUAGES),
        )


def bytes_by_table(directory: Path) -> dict[str, int]:
    """What the pages of each LMDB database take."""
    with lmdb.open(str(directory / "db"), readonly=True, lock=False, max_dbs=256) as environment:
        with environment.begin() as txn:
            names = [bytes(name) for name, _ in txn.cursor()]
        found = {}
        for name in names:
            database = environment.open_db(name, create=False)
            with environment.begin() as txn:
                one = txn.stat(database)
            pages = one["branch_pages"] + one["leaf_pages"] + one["overflow_pages"]
            found[name.decode()] = pages * one["psize"]
    return found


async def fill(
    directory: Path, links: int, clicks: Callable[[list[int]], Iterator[Click]], together: int
) -> tuple[dict[str, int], float, int]:
    """Makes links and clicks on them: bytes by table before, µs of the writer a click, bytes of
    the file behind what was there before."""
    store = Store(directory, reserve_bytes=1 << 20)
    chance = random.Random(2)
    numbers = sorted({chance.randrange(62**6) for _ in range(links)})

    def make(txn: WriteTxn) -> None:
        for number in numbers:
            code = base62_encode(number)
            url = f"https://example.com/a/destination/of/usual/length/{number}"
            LINKS.put(txn, (0, code), Link(number, "owner", 0, code, url, number))

    await store.write(make)
    file = store.used_bytes()
    store.close()
    before = bytes_by_table(directory)
    store = Store(directory, reserve_bytes=1 << 20)
    counter = Clicks(store, Journal(directory / "journal", after=Position()), ClickSettings())
    drain = Drain(store, counter, ClickSettings())
    cpu = 0.0
    count = 0

    async def drained() -> None:
        nonlocal cpu
        counter.flush()
        start = await store.write(lambda txn: resource.getrusage(resource.RUSAGE_THREAD))
        await drain.all()
        end = await store.write(lambda txn: resource.getrusage(resource.RUSAGE_THREAD))
        cpu += end.ru_utime - start.ru_utime + end.ru_stime - start.ru_stime

    for one in clicks(numbers):
        counter.record(one)
        count += 1
        if count % 64 == 0:
            counter.flush()
        if count % together == 0:
            await drained()
    await drained()
    await drain.settle()
    store.close()
    counter.journal.close()
    with lmdb.open(str(directory / "db"), readonly=True, lock=False) as environment:
        last = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return before, cpu / count * 1e6, last - file


def show(directory: Path, before: dict[str, int], cpu: float, grown: int, clicks: int) -> None:
    """Bytes a click, by table and in all."""
    after = bytes_by_table(directory)
    compact(directory)
    small = bytes_by_table(directory)
    table = Table("table", "bytes a click", "written anew")
    for name in sorted(after, key=lambda name: before.get(name, 0) - after[name]):
        more, least = after[name] - before.get(name, 0), small[name] - before.get(name, 0)
        if more > clicks // 100:
            table.add_row(name, f"{more / clicks:.1f}", f"{least / clicks:.1f}")
    more = sum(after.values()) - sum(before.values())
    least = sum(small.values()) - sum(before.values())
    table.add_row("all", f"{more / clicks:.1f}", f"{least / clicks:.1f}")
    table.add_row("the file, with what is free in it", f"{grown / clicks:.1f}", "")
    Console().print(table)
    click.echo(f"drain: {cpu:.1f} µs of the writer a click")


def resident(pid: int, file: Path) -> int:
    """Bytes of a file that a process has mapped in."""
    total, counts = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        first = line.split()
        if "-" in first[0] and not first[0].endswith(":"):
            counts = line.endswith(str(file))
        elif counts and first[0] == "Rss:":
            total += int(first[1]) << 10
    return total


def memory(pid: int) -> dict[str, int]:
    """Bytes of a process's memory, by kind."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kinds = ("VmRSS", "RssAnon", "RssFile")
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(kinds)}
    return {kind: int(found[kind]) << 10 for kind in kinds}


def restart(directory: Path, seconds: int) -> None:
    """Starts a server, and looks what it has touched after some time."""
    server = ServerProcess(directory)
    server.start()
    table = Table("after", "MB of the database", "RssAnon", "RssFile", "processor, s")
    start = time.monotonic()
    try:
        for moment in sorted({1, 5, 15, 30, seconds}):
            if moment > seconds:
                continue
            time.sleep(max(0.0, start + moment - time.monotonic()))
            kinds = memory(server.pid)
            table.add_row(
                f"{moment} s",
                f"{resident(server.pid, directory / 'db' / 'data.mdb') / 1e6:.1f}",
                f"{kinds['RssAnon'] / 1e6:.1f}",
                f"{kinds['RssFile'] / 1e6:.1f}",
                f"{cpu_seconds(server.pid):.2f}",
            )
    finally:
        server.stop()
    Console().print(table)


@click.command()
@click.option("--links", default=4_000, show_default=True)
@click.option("--clicks", default=60_000, show_default=True)
@click.option("--days", default=1, show_default=True, help="Over which the clicks are spread.")
@click.option("--agents", default=50, show_default=True, help="0: a new one with each click.")
@click.option("--referrers", default=200, show_default=True)
@click.option("--together", default=1024, show_default=True, help="Clicks in a transaction.")
@click.option("--restart", "seconds", default=0, help="Seconds to look at a restarted server.")
@click.option("--folder", default="/dev/shm", show_default=True)
def main(
    links: int,
    clicks: int,
    days: int,
    agents: int,
    referrers: int,
    together: int,
    seconds: int,
    folder: str,
) -> None:
    """What clicks leave behind."""

    def those(numbers: list[int]) -> Iterator[Click]:
        return clicks_of(numbers, clicks, days, agents, referrers)

    with tempfile.TemporaryDirectory(prefix="shortd-bench", dir=folder) as name:
        directory = Path(name).resolve()
        before, cpu, grown = asyncio.run(fill(directory, links, those, together))
        if seconds:
            restart(directory, seconds)
        show(directory, before, cpu, grown, clicks)


if __name__ == "__main__":
    main()
