"""CPU of the writer thread for a drained click: `python -m bench.drain`.

In one process, without a server: clicks are journalled and drained as the server does it, in
transactions of its usual size. Nothing else runs, so rounds differ little; the median counts.
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import statistics
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from shortd.clicks import Clicks, Drain
from shortd.clock import DAY
from shortd.journal import Journal
from shortd.models.clicks import VISIT, Click, Position
from shortd.models.links import Link
from shortd.server.process import COLLECT_AFTER
from shortd.settings import ClickSettings
from shortd.store import Store
from shortd.store.schema import LINKS
from shortd.store.txn import WriteTxn

START = 20_000 * DAY
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/{number}.0.0.0 Safari/537.36"
    for number in range(100, 140)
] + [
    f"Mozilla/5.0 (Linux; Android 13; SM-S9{number}B) {WEBKIT} Chrome/112.0.0.0 Mobile"
    " Safari/537.36"
    for number in range(10, 50)
]
REFERRERS = ["", "", "", *(f"https://site{number}.example/page" for number in range(40))]
LANGUAGES = ["en-GB,en;q=0.7", "de-DE,de;q=0.8", "fr", ""]


async def cpu_seconds(store: Store) -> float:
    """User CPU of the writer thread so far."""
    return await store.write(lambda txn: resource.getrusage(resource.RUSAGE_THREAD).ru_utime)


async def measure(links: int, per_link: int, rounds: int, directory: Path) -> list[float]:
    """µs a click, by rounds; each round clicks every link `per_link` times, on one day."""
    chance = random.Random(1)
    store = Store(directory)
    numbers = [chance.randrange(62**6) for _ in range(links)]

    def make(txn: WriteTxn) -> None:
        for number in numbers:
            code = f"{number:x}"
            LINKS.put(txn, (0, code), Link(number, "owner", 0, code, "https://e.example/", number))

    await store.write(make)
    clicks = Clicks(store, Journal(directory / "journal", after=Position()), ClickSettings())
    drain = Drain(store, clicks, ClickSettings())
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    results = []
    for round_number in range(rounds):
        for _ in range(per_link):
            chance.shuffle(numbers)
            for number in numbers:
                clicks.record(
                    Click(
                        number,
                        START + round_number * DAY // 2,
                        VISIT,
                        f"198.51.100.{chance.randrange(256)}",
                        chance.choice(AGENTS),
                        chance.choice(REFERRERS),
                        chance.choice(LANGUAGES),
                    )
                )
                if clicks.backlog % 64 == 0:
                    clicks.flush()
        before = await cpu_seconds(store)
        await drain.all()
        results.append((await cpu_seconds(store) - before) / (links * per_link) * 1e6)
    store.close()
    clicks.journal.close()
    return results


@click.command()
@click.option("--links", default=1 << 16, show_default=True)
@click.option("--rounds", default=6, show_default=True)
def main(links: int, rounds: int) -> None:
    """Every click on another link, and a hundred clicks on each of fewer links."""
    table = Table("clicks", "µs a click", "least", "most")
    for name, count, per_link in (
        ("each on another link", links, 1),
        ("on 100 links", 100, links // 100),
    ):
        with tempfile.TemporaryDirectory(prefix="shortd-bench", dir="/dev/shm") as folder:
            results = asyncio.run(measure(count, per_link, rounds, Path(folder)))
        # The first round makes the rows that the others add to.
        first, *others = results
        table.add_row(f"{name}, first", f"{first:.1f}", "", "")
        table.add_row(
            name, f"{statistics.median(others):.1f}", f"{min(others):.1f}", f"{max(others):.1f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
