"""Start time, memory and disk by number of links: `python -m bench.startup`.

The database is filled by the server itself; then it is stopped and started again, cold for
the process and warm for the page cache. Ratios are against the smallest database.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.servers import fill, start_shortd
from tests.server_process import ServerProcess

MIB = 1 << 20


def resident_bytes(pid: int) -> int:
    """Resident memory of a process without the pages of the database, which are the cache's."""
    total = 0
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if not line.endswith(" kB"):
            name = line.rpartition(" ")[2]
        elif line.startswith("Rss:") and not name.endswith(".mdb"):
            total += int(line.split()[1]) * 1024
    return total


def disk_bytes(directory: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in directory.rglob("*") if file.is_file())


def start_seconds(server: ServerProcess, code: str) -> float:
    """From the start of the process to its first redirect."""
    begin = time.perf_counter()
    server.start()
    httpx.head(f"{server.url}/{code}")
    return time.perf_counter() - begin


@click.command()
@click.option("--links", "sizes", multiple=True, type=int, default=(1_000, 100_000, 1_000_000))
@click.option("--rounds", default=5, show_default=True)
def main(sizes: tuple[int, ...], rounds: int) -> None:
    """Measures what it takes to be up with so many links."""
    # Installing compiles shortd; where this is set, each start would do so again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    table = Table("links", "start s", "x smallest", "memory MiB", "disk MiB")
    first = 0.0
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
            directory = Path(name) / "data"
            server = start_shortd(directory)
            _, codes = fill(server, size)
            server.stop()
            times = []
            memory = 0
            for _ in range(rounds):
                times.append(start_seconds(server, codes[0]))
                memory = resident_bytes(server.pid)
                server.stop()
            start = statistics.median(times)
            first = first or start
            table.add_row(
                f"{size:,}",
                f"{start:.2f}",
                f"{start / first:.2f}",
                f"{memory / MIB:.0f}",
                f"{disk_bytes(directory) / MIB:.0f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
