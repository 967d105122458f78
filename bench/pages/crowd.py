"""Redirects beside ten people who click through the pages, against none."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

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
PAUSE_SECONDS = 0.002
"""Between two visitors."""


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


class Held(NamedTuple):
    """What redirects wait for, by round: ms of the event loop's own processor time. Whatever else
    the machine does is not in it."""

    p50: list[float]
    p99: list[float]


def measure_held(server: ServerProcess, place: Place, rounds: int, seconds: int) -> dict[str, Held]:
    """One visitor after the other, with people on the pages and without, in turns."""
    held = {"alone": Held([], []), "beside ten people": Held([], [])}
    for _ in range(rounds):
        _visit(server, place, seconds, held["alone"])
        with people(server, place, []):
            _visit(server, place, seconds, held["beside ten people"])
    return held


def _visit(server: ServerProcess, place: Place, seconds: int, held: Held) -> None:
    loop = Path(f"/proc/{server.pid}/task/{server.pid}/schedstat")
    times: list[float] = []
    end = time.monotonic() + seconds
    with on_load_core(), person(server) as visitor:
        while time.monotonic() < end:
            begin = int(loop.read_text().split()[0])
            visitor.look(f"/{place.codes[len(times)]}", status=302)
            times.append((int(loop.read_text().split()[0]) - begin) / 1e6)
            # By chance, so that no rhythm of the pages is met.
            time.sleep(random.expovariate(1 / PAUSE_SECONDS))
    held.p50.append(statistics.median(times))
    held.p99.append(statistics.quantiles(times, n=100)[-1])


def show_held(held: dict[str, Held]) -> None:
    table = Table("redirects, one by one", "loop's ms p50", "p99", "least to most")
    for title, one in held.items():
        table.add_row(
            title,
            f"{statistics.median(one.p50):.2f}",
            f"{statistics.median(one.p99):.2f}",
            f"{min(one.p99):.2f} to {max(one.p99):.2f}",
        )
    Console().print(table)


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
