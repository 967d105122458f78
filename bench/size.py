"""Redirects with a large database beside a small one: `python -m bench.size`.

Both servers run all the time and are loaded in turn. The large one has been given its clicks over
HTTP, and has counted them, before the first round. The links of both are visited in two ways: by
Zipf's law, the n-th of them 1/n times as often as the first, which is how links are; and all alike,
which is the worst that can happen.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.load import Result, load
from bench.redirect import settle
from bench.servers import fill, start_shortd

SMALL = 1000
AT_ONCE = 20
"""Seconds of load between two looks at the clicks that came."""
VISITS = 1_000_000
"""Visits after which the sequence begins again."""


def ways(codes: Sequence[str]) -> dict[str, list[str]]:
    """Paths in the order of their visits."""
    chance = random.Random(1)
    paths = [f"/{code}" for code in codes]
    chance.shuffle(paths)
    shares = [1 / rank for rank in range(1, len(paths) + 1)]
    return {"by Zipf's law": chance.choices(paths, shares, k=VISITS), "all alike": paths}


@click.command()
@click.option("--links", default=1_000_000, show_default=True)
@click.option("--clicks", default=10_000_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3, show_default=True)
def main(links: int, clicks: int, rounds: int, seconds: int) -> None:
    """Measures redirects a second with many links and clicks, and with few."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        directory = Path(name)
        small, large = start_shortd(directory / "small"), start_shortd(directory / "large")
        try:
            visits = {}
            for server, count in ((small, SMALL), (large, links)):
                _, codes = fill(server, count)
                visits[server] = ways(codes)
            counted = 0
            while counted < clicks:
                counted += load(
                    large.url, visits[large]["all alike"], directory, seconds=AT_ONCE
                ).requests
            results: dict[str, dict[str, list[Result]]] = {}
            for _ in range(rounds):
                for way in visits[small]:
                    for server, title in ((small, f"{SMALL:,} links"), (large, f"{links:,} links")):
                        settle(server)
                        run = load(server.url, visits[server][way], directory, seconds=seconds)
                        results.setdefault(way, {}).setdefault(title, []).append(run)
            settle(large)
            size = sum(file.stat().st_blocks * 512 for file in (directory / "large").rglob("*"))
        finally:
            small.stop()
            large.stop()
    table = Table("visits", "database", "requests/s", "x small", "p99 ms", "errors")
    for way, of_way in results.items():
        peer = next(iter(of_way.values()))
        for title, runs in of_way.items():
            ratios = [
                run.per_second / other.per_second for run, other in zip(runs, peer, strict=True)
            ]
            table.add_row(
                way,
                title,
                f"{statistics.median(run.per_second for run in runs):,.0f}",
                f"{statistics.median(ratios):.2f}",
                f"{statistics.median(run.p99 for run in runs) / 1000:.2f}",
                str(sum(run.errors + run.refused for run in runs)),
            )
    Console().print(table)
    Console().print(f"{counted:,} clicks counted before; {size >> 20:,} MiB of disk")


if __name__ == "__main__":
    main()
