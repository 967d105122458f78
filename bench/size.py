"""Redirects with a large database beside a small one: `python -m bench.size`.

Both servers run all the time and are loaded in turn. The large one has been given its clicks over
HTTP, and has counted them, before the first round. `--visited` says on how many of its links visits
fall: all alike is the worst that can happen, and is not what visitors do.
"""

from __future__ import annotations

import random
import statistics
import tempfile
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


@click.command()
@click.option("--links", default=1_000_000, show_default=True)
@click.option("--clicks", default=10_000_000, show_default=True)
@click.option("--visited", default=1_000_000, show_default=True, help="Links that are visited.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3, show_default=True)
def main(links: int, clicks: int, visited: int, rounds: int, seconds: int) -> None:
    """Measures redirects a second with many links and clicks, and with few."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        directory = Path(name)
        small, large = start_shortd(directory / "small"), start_shortd(directory / "large")
        try:
            paths = {}
            for server, count in ((small, SMALL), (large, links)):
                _, codes = fill(server, count)
                chosen = random.Random(1).sample(codes, min(count, visited))
                paths[server] = [f"/{code}" for code in chosen]
            counted = 0
            while counted < clicks:
                counted += load(large.url, paths[large], directory, seconds=AT_ONCE).requests
            results: dict[str, list[Result]] = {}
            for _ in range(rounds):
                for server, title in ((small, f"{SMALL:,} links"), (large, f"{links:,} links")):
                    settle(server)
                    run = load(server.url, paths[server], directory, seconds=seconds)
                    results.setdefault(title, []).append(run)
            settle(large)
            size = sum(file.stat().st_blocks * 512 for file in (directory / "large").rglob("*"))
        finally:
            small.stop()
            large.stop()
    table = Table("database", "requests/s", "x small", "p99 ms", "errors")
    peer = next(iter(results.values()))
    for title, runs in results.items():
        ratios = [run.per_second / other.per_second for run, other in zip(runs, peer, strict=True)]
        table.add_row(
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
