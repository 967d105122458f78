"""What 30 days of statistics of a much visited link cost: `python -m bench.stats`.

In one process, without a server: a million clicks by many kinds of visitors are rolled up, then
asked for. Nothing waits in the journal; what is measured is reading, adding up and rendering.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from shortd.clicks import Clicks, Drain
from shortd.clicks.rollups import Rollup
from shortd.clicks.statistics import Statistics, metric_maps
from shortd.clock import DAY
from shortd.journal import Journal
from shortd.models.clicks import VISIT, Click, Position
from shortd.models.links import Link
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.day_packs import packed_day
from shortd.store.schema import DAY_STATS, LINKS
from shortd.store.txn import WriteTxn

TODAY = 20_000
DAYS = 30
LINK = Link(1, "owner", 0, "abcdef", "https://e.example/", 1)
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = [
    f"Mozilla/5.0 (Linux; Android {7 + number % 9}; SM-S{900 + number}B) {WEBKIT}"
    f" Chrome/{80 + number % 60}.0.0.0 Mobile Safari/537.36"
    for number in range(300)
] + [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/{number}.0.0.0 Safari/537.36"
    for number in range(60, 145)
]
REFERRERS = ["", *(f"https://site{number}.example/" for number in range(300))]
LANGUAGES = [f"{one}{two}" for one in "abcdef" for two in "klmnopqr"]
COUNTRIES = [f"{one}{two}" for one in "ABCDEFGHIJ" for two in "KLMNOPQRSTUV"]


def fill(txn: WriteTxn, clicks: int, kinds: int) -> int:
    """Bytes of the rows. Of everything that visitors differ in there are `kinds`, at most."""
    chance = random.Random(1)
    LINKS.put(txn, (0, LINK.code), LINK)
    size = 0
    for day in range(TODAY - DAYS + 1, TODAY + 1):
        rollup = Rollup(lambda address: address)
        rollup.add(
            Click(
                LINK.id,
                day * DAY,
                VISIT,
                chance.choice(COUNTRIES[:kinds]),
                chance.choice(AGENTS[:kinds]),
                chance.choice(REFERRERS[:kinds]),
                chance.choice(LANGUAGES[:kinds]),
            )
            for _ in range(clicks // DAYS)
        )
        row = packed_day(txn, rollup.row())
        DAY_STATS.put(txn, (LINK.id, day), row)
        size += len(msgspec.msgpack.encode(row))
    return size


async def measure(
    directory: Path, clicks: int, kinds: int, rounds: int
) -> tuple[int, dict[str, list[float]]]:
    """Bytes of the rows, and ms of CPU by step."""
    store = Store(directory)
    size = await store.write(lambda txn: fill(txn, clicks, kinds))
    journal = Journal(directory / "journal", after=Position())
    drain = Drain(store, Clicks(store, journal, ClickSettings()), ClickSettings())
    service = Statistics(store, drain)
    times: dict[str, list[float]] = {"read and add up": [], "v1's ten maps": [], "as JSON": []}
    for _ in range(rounds):
        begin = time.thread_time()
        found = await service.of_link(LINK.id, TODAY - DAYS + 1, TODAY, TODAY * DAY)
        read = time.thread_time()
        maps = metric_maps(found)
        made = time.thread_time()
        msgspec.json.encode(maps)
        end = time.thread_time()
        for name, seconds in zip(times, (read - begin, made - read, end - made), strict=True):
            times[name].append(seconds * 1e3)
    store.close()
    journal.close()
    return size, times


@click.command()
@click.option("--clicks", default=1_000_000, show_default=True)
@click.option("--kinds", default=30, show_default=True, help="Of agents, of referrers, …")
@click.option("--rounds", default=50, show_default=True)
def main(clicks: int, kinds: int, rounds: int) -> None:
    """Asks for the 30 days of a link with so many clicks."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        size, times = asyncio.run(measure(Path(name), clicks, kinds, rounds))
    table = Table("step", "ms of CPU", "least", "most")
    for step, all_of_them in times.items():
        table.add_row(
            step,
            f"{statistics.median(all_of_them):.2f}",
            f"{min(all_of_them):.2f}",
            f"{max(all_of_them):.2f}",
        )
    console = Console()
    console.print(table)
    console.print(f"{clicks:,} clicks in {DAYS} rows of {size // DAYS:,} bytes")


if __name__ == "__main__":
    main()
