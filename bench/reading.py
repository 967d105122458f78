"""CPU and memory of reading another shortener's data: `python -m bench.reading`.

In one process, without a server: a dump of YOURLS that is always the same is made, and read to its
last click. The median of the rounds counts; memory is the most that a fresh process of it had.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

MAKE = Path(__file__).parents[1] / "tests" / "moving" / "samples" / "make_big.py"
READ = """
import resource, sys, time
from pathlib import Path
from shortd.moving.options import Options
from shortd.moving.sources import open_source
begin = time.process_time()
with open_source("yourls", sys.argv[1], Options(workdir=Path(sys.argv[2]))) as source:
    links = sum(1 for _ in source.links())
    clicks = sum(1 for _ in source.clicks())
used = time.process_time() - begin
print(links, clicks, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--clicks", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(links: int, clicks: int, rounds: int) -> None:
    """Reads a dump of so many links and clicks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump = folder / "dump.sql"
        begin = time.monotonic()
        subprocess.run([sys.executable, str(MAKE), str(dump), str(links), str(clicks)], check=True)
        made = time.monotonic() - begin
        runs = [
            subprocess.run(
                [sys.executable, "-c", READ, str(dump), name],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()
            for _ in range(rounds)
        ]
        size = dump.stat().st_size
    found = {tuple(run[:2]) for run in runs}
    assert found == {(str(links), str(clicks))}, found
    used = statistics.median(float(run[2]) for run in runs)
    table = Table("", "", title=f"A dump of {size / 1e6:.0f} MB, made in {made:.0f} s")
    table.add_row("CPU", f"{used:.1f} s")
    table.add_row("links and clicks a minute of CPU", f"{(links + clicks) / used * 60:,.0f}")
    table.add_row("memory at most", f"{max(int(run[3]) for run in runs)} MiB")
    Console().print(table)


if __name__ == "__main__":
    main()
