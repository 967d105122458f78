"""Redirects beside ten people who click through the pages, against none."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.latency import CONNECTIONS, WAIT_MS
from bench.load import Result, load
from bench.pages.costs import on_load_core
from bench.pages.places import FEW, Place, person, titles
from bench.redirect import settle
from bench.servers import Nginx
from tests.server_process import ServerProcess

PEOPLE = 10


@contextmanager
def people(server: ServerProcess, place: Place, seen: list[str]) -> Iterator[None]:
    """Ten of them inside, each at a page a second; `seen` gets their titles."""
    stop = threading.Event()
    # Of what reads all links at each request there is a limit to how often one may ask.
    pages = [(title, at) for title, at in titles(place).items() if title != FEW]

    def click_through(number: int) -> None:
        with on_load_core(), person(server, place.cookie) as somebody:
            # They come one after the other, and to different pages.
            stop.wait(number / PEOPLE)
            for title, address in cycle(
                pages[number % len(pages) :] + pages[: number % len(pages)]
            ):
                if stop.is_set():
                    return
                somebody.look(address)
                seen.append(title)
                stop.wait(1)

    crowd = [threading.Thread(target=click_through, args=(number,)) for number in range(PEOPLE)]
    for one in crowd:
        one.start()
    yield
    stop.set()
    for one in crowd:
        one.join()


def measure(
    server: ServerProcess, place: Place, directory: Path, rounds: int, seconds: int
) -> dict[str, list[Result]]:
    """Redirects at half of what the server can, in turns; nginx at the same rate."""
    nginx = Nginx()
    paths = [f"/{code}" for code in place.codes]
    results: dict[str, list[Result]] = {}
    seen: list[str] = []

    def alone() -> None:
        settle(server)
        run = load(server.url, paths, directory, seconds=seconds, pause_ms=pause)
        results.setdefault("alone", []).append(run)

    def beside() -> None:
        settle(server)
        with people(server, place, seen):
            run = load(server.url, paths, directory, seconds=seconds, pause_ms=pause)
        results.setdefault("beside ten people", []).append(run)

    try:
        full = statistics.median(
            load(server.url, paths, directory, seconds=seconds).per_second for _ in range(3)
        )
        pause = 1000 * CONNECTIONS / (full / 2) - WAIT_MS
        for number in range(rounds):
            # By turns, so that neither is always the one that comes after the other.
            for turn in (alone, beside) if number % 2 else (beside, alone):
                turn()
            run = load(nginx.url, paths, directory, seconds=seconds, pause_ms=pause)
            results.setdefault("nginx, as many", []).append(run)
    finally:
        nginx.stop()
    print(f"{len(seen)} pages were looked at")
    return results


def show(results: dict[str, list[Result]]) -> None:
    table = Table("redirects", "requests/s", "p50 ms", "p99 ms", "least to most", "errors")
    for title, runs in results.items():
        latest = [run.p99 / 1000 for run in runs]
        table.add_row(
            title,
            f"{statistics.median(run.per_second for run in runs):,.0f}",
            f"{statistics.median(run.p50 for run in runs) / 1000:.2f}",
            f"{statistics.median(latest):.2f}",
            f"{min(latest):.1f} to {max(latest):.1f}",
            str(sum(run.errors + run.refused for run in runs)),
        )
    pairs = list(zip(results["beside ten people"], results["alone"], strict=True))
    later = [(one.p99 - other.p99) / 1000 for one, other in pairs]
    kept = [one.per_second / other.per_second for one, other in pairs]
    console = Console()
    console.print(table)
    console.print(
        f"beside ten people: p99 {statistics.median(later):+.2f} ms"
        f" ({min(later):+.2f} to {max(later):+.2f}), throughput x {statistics.median(kept):.3f}"
        f" ({min(kept):.3f} to {max(kept):.3f})"
    )
