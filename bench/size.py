"""Redirects with a large database beside a small one: `python -m bench.size`.

Both servers run all the time and are loaded in turn. The large one has been given its clicks over
HTTP, and has counted them, before the first round. Its links are visited in three ways: as many of
them as the small one has; all of them by Zipf's law, the n-th 1/n times as often as the first,
which is how links are; and all alike, which is the worst that can happen.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from bench.load import Result, load, show
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
    return {
        f"{SMALL:,} of {len(paths):,}": paths[:SMALL],
        f"{len(paths):,} by Zipf's law": chance.choices(paths, shares, k=VISITS),
        f"{len(paths):,} all alike": paths,
    }


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
            _, few = fill(small, SMALL)
            _, many = fill(large, links)
            loads = {f"{SMALL:,}": (small, [f"/{code}" for code in few])}
            loads |= {way: (large, paths) for way, paths in ways(many).items()}
            counted = 0
            while counted < clicks:
                _, paths = loads[f"{links:,} all alike"]
                counted += load(large.url, paths, directory, seconds=AT_ONCE).requests
                click.echo(f"{counted:,} clicks", err=True)
                settle(large)
            results: dict[str, list[Result]] = {title: [] for title in loads}
            for _ in range(rounds):
                for title, (server, paths) in loads.items():
                    settle(small)
                    settle(large)
                    results[title].append(load(server.url, paths, directory, seconds=seconds))
            settle(large)
            size = sum(file.stat().st_blocks * 512 for file in (directory / "large").rglob("*"))
        finally:
            small.stop()
            large.stop()
    show(results, "links visited", "small")
    refused = sum(run.refused for runs in results.values() for run in runs)
    print(f"{counted:,} clicks counted before; {size >> 20:,} MiB of disk; {refused} refused")


if __name__ == "__main__":
    main()
