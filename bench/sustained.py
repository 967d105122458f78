"""Clicks at a steady rate for a while: `python -m bench.sustained`.

Whether the drain keeps up shows in the backlog: of clicks that are journalled and not in the
tables yet. It may stand, for the drain lets redirects go first, but must not go on rising.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.load import load
from bench.servers import Nginx, fill, start_shortd
from tests.server_process import ServerProcess

CONNECTIONS = 64
PARTS = 4
WAIT_MS = 1.2
"""A connection also waits for its answer, and for wrk's turn: so much less of a pause."""


def watch_backlog(server: ServerProcess, stop: threading.Event, seen: list[int]) -> None:
    """Notes the backlog each second."""
    with httpx.Client() as client:
        while not stop.wait(1):
            seen.append(client.get(f"{server.url}/-/health").json()["clicks"]["backlog"])


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--rate", default=20_000, show_default=True, help="Redirects a second.")
@click.option("--seconds", default=60, show_default=True)
def main(links: int, rate: int, seconds: int) -> None:
    """Measures latency at a rate, and how the backlog of clicks develops."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        directory = Path(name)
        nginx, server = Nginx(), start_shortd(directory / "data")
        try:
            _, codes = fill(server, links)
            paths = [f"/{code}" for code in codes]
            pause = 1000 * CONNECTIONS / rate - WAIT_MS
            calm = load(nginx.url, paths, directory, seconds=5, pause_ms=pause)
            stop = threading.Event()
            backlogs: list[int] = []
            watcher = threading.Thread(target=watch_backlog, args=(server, stop, backlogs))
            watcher.start()
            busy = load(server.url, paths, directory, seconds=seconds, pause_ms=pause)
            stop.set()
            watcher.join()
        finally:
            nginx.stop()
            server.stop()
    table = Table("server", "requests/s", "p50 ms", "p99 ms", "errors")
    for title, run in (("nginx return 302", calm), ("shortd", busy)):
        latencies = (f"{run.p50 / 1000:.2f}", f"{run.p99 / 1000:.2f}")
        table.add_row(title, f"{run.per_second:,.0f}", *latencies, str(run.errors + run.refused))
    console = Console()
    console.print(table)
    length = max(1, len(backlogs) // PARTS)
    parts = [backlogs[start : start + length] for start in range(0, len(backlogs), length)]
    shown = ", ".join(f"{max(part):,}" for part in parts)
    console.print(f"largest backlog in each quarter of the time: {shown} clicks")


if __name__ == "__main__":
    main()
