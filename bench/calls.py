"""Lists of an account with 100,000 links, by API: `python -m bench.calls`.

One client asks for 50 links again and again, by v2 and by v1. What it waits for is told, and what
all threads of the server take of the processor, which others on the machine change less. The peer
is an account with 100 links, asked in turn.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.servers import LOAD_CORE, cpu_seconds, fill_for, start_shortd
from tests.server_process import ServerProcess

PASSWORD = hashlib.sha256(hashlib.sha256(b"a password").digest()).hexdigest()
SHOWN = 50
SMALL = 100


class Cost(NamedTuple):
    """What one call comes to, in s."""

    waited: float
    cpu: float


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--times", default=40, show_default=True, help="Calls in one run.")
def main(links: int, rounds: int, times: int) -> None:
    """Measures lists by API, of a large account beside a small one."""
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        server = start_shortd(Path(name) / "data")
        try:
            with httpx.Client(base_url=server.url) as client:
                asks = {
                    size: lists_of(client, server, f"someone{size}@example.com", size)
                    for size in (SMALL, links)
                }
                costs: dict[str, list[tuple[Cost, Cost]]] = {}
                for _ in range(rounds):
                    for title, ask in asks[links].items():
                        small = cost_of(asks[SMALL][title], server.pid, times)
                        large = cost_of(ask, server.pid, times)
                        costs.setdefault(title, []).append((small, large))
            show(links, costs)
        finally:
            server.stop()


def lists_of(
    client: httpx.Client, server: ServerProcess, email: str, size: int
) -> dict[str, Callable[[], object]]:
    """Makes an account with so many links; what asks for lists of them, by what they are."""
    server.call("signup", email=email, password=PASSWORD)
    login = server.call("login", username_email=email, password=PASSWORD)
    own = {"userid": login["userid"], "token": login["token"]}
    fill_for(server, size, **own)
    key = server.call("create_api_key", **own, name="bench")["api_key"]
    opened = client.post("/v1/authen/token", json={"username": email, "key": key}).json()
    headers = {"Authorization": f"Bearer {opened['token']['access_token']}"}

    def ask(path: str, **inputs: object) -> None:
        answer = client.post(path, json=inputs, headers=headers)
        if answer.text.count("https://example.com/") < SHOWN:
            raise SystemExit(f"{path} does not list {SHOWN} links: {answer.text[:300]}")

    v2, v1 = partial(ask, "/v2/get_entries", **own), partial(ask, "/v1/entity/link/list")
    half = size // 2
    return {
        "v2 get_entries": partial(v2, count=SHOWN),
        "v2 get_entries, from the middle on": partial(v2, count=SHOWN, start=half),
        "v2 get_entries, a search that all fit": partial(v2, count=SHOWN, search="destination"),
        "v1 entity/link/list": partial(v1, size=SHOWN),
        "v1 entity/link/list, the page in the middle": partial(v1, size=SHOWN, page=half // SHOWN),
    }


def cost_of(ask: Callable[[], object], pid: int, times: int) -> Cost:
    """Medians of what is waited for, and what the processor takes on average."""
    ask()
    waited, before = [], cpu_seconds(pid)
    for _ in range(times):
        start = time.perf_counter()
        ask()
        waited.append(time.perf_counter() - start)
    return Cost(statistics.median(waited), (cpu_seconds(pid) - before) / times)


def show(links: int, costs: dict[str, list[tuple[Cost, Cost]]]) -> None:
    """Medians of rounds."""
    table = Table("list of 50", "p50", "CPU", f"x {SMALL} links", title=f"{links:,} links")
    for title, pairs in costs.items():
        waited = statistics.median(large.waited for _, large in pairs)
        cpu = statistics.median(large.cpu for _, large in pairs)
        ratios = [large.cpu / (small.cpu or 1e-3) for small, large in pairs]
        ratio = statistics.median(ratios)
        table.add_row(title, f"{waited * 1e3:.1f} ms", f"{cpu * 1e3:.1f} ms", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
