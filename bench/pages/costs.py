"""Server time and processor time of pages."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.pages.places import FEW, Person, Place, person, titles
from bench.servers import LOAD_CORE
from tests.server_process import ServerProcess

SELDOM = 10
"""How much less often what takes a second is asked for."""


@dataclass
class Cost:
    """Of one page."""

    times: list[float] = field(default_factory=list)
    """ms from the request to the last byte, of all requests."""
    processor: list[float] = field(default_factory=list)
    """ms of processor time a page, by round: of all threads of the server."""

    @property
    def p50(self) -> float:
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times, n=20)[-1]


def processor_seconds(pid: int) -> float:
    """What all threads of a process have had of a processor so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            # It ended meanwhile, with next to nothing: what works lasts as long as the server.
            continue
    return total / 1e9


@contextmanager
def on_load_core() -> Iterator[None]:
    """Keeps this thread off the servers' core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    yield
    os.sched_setaffinity(0, before)


def measure(
    server: ServerProcess, large: Place, small: Place, rounds: int, count: int
) -> tuple[dict[str, Cost], dict[str, Cost]]:
    """Each page of both accounts `count` times a round, in turn."""
    costs: tuple[dict[str, Cost], dict[str, Cost]] = ({}, {})
    places = (large, small)
    with (
        on_load_core(),
        person(server, large.cookie) as one,
        person(server, small.cookie) as other,
    ):
        for number in range(rounds + 1):
            for title in titles(large):
                for place, who, kept in zip(places, (one, other), costs, strict=True):
                    # The first round compiles templates.
                    cost = kept.setdefault(title, Cost()) if number else Cost()
                    often = max(1, count // SELDOM) if title == FEW or not number else count
                    _ask(server, who, titles(place)[title], often, cost)
    return costs


def _ask(server: ServerProcess, who: Person, address: str, count: int, cost: Cost) -> None:
    before = processor_seconds(server.pid)
    for _ in range(count):
        begin = time.perf_counter()
        who.look(address)
        cost.times.append((time.perf_counter() - begin) * 1e3)
    cost.processor.append((processor_seconds(server.pid) - before) * 1e3 / count)


def show(large: Mapping[str, Cost], small: Mapping[str, Cost]) -> None:
    table = Table("page", "p50 ms", "p95 ms", "CPU ms", "least to most", "x small account")
    for title, cost in large.items():
        ratios = _ratios(cost.processor, small[title].processor)
        table.add_row(
            title,
            f"{cost.p50:.1f}",
            f"{cost.p95:.1f}",
            f"{statistics.median(cost.processor):.1f}",
            f"{min(cost.processor):.1f} to {max(cost.processor):.1f}",
            f"{statistics.median(ratios):.2f}",
        )
    Console().print(table)


def _ratios(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ones, others, strict=True)]
