"""Redirect latency at half load, while links are made and people log in: `python -m bench.latency`.

First the most redirects a second that the server answers, then half as many, with 8 clients
that make some 200 links a second and one that logs in ten times a second: once with the clicks of
the full load still to be counted, and once without. nginx is given the same number of requests a
second on the same core; its latency is what the machine itself adds.
"""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.create import load as create
from bench.load import Result, load
from bench.redirect import settle
from bench.servers import Nginx, fill, start_shortd
from tests.server_process import ServerProcess

CONNECTIONS = 64
WAIT_MS = 0.5
"""A connection also waits for its answer, and for wrk's turn: so much less of a pause."""
CREATE_PAUSE = 0.04
"""Seconds between two creates of a client."""
PASSWORD = hashlib.sha256(hashlib.sha256(b"a password").digest()).hexdigest()


def log_in(server: ServerProcess, stop: threading.Event) -> None:
    """Ten logins a second, one Argon2id each."""
    query = {"username_email": "someone@example.com", "password": PASSWORD}
    with httpx.Client() as client:
        while not stop.wait(0.1):
            client.post(f"{server.url}/v2/login", json=query).raise_for_status()


@contextmanager
def creates_and_logins(server: ServerProcess, userid: str, seconds: int) -> Iterator[None]:
    """Goes on inside; the creates for so many seconds."""
    stop = threading.Event()
    inputs: dict[str, object] = {"userid": userid, "url": "https://example.com/"}
    work = [
        threading.Thread(target=log_in, args=(server, stop)),
        threading.Thread(
            target=create, args=(server.port, "url", inputs, 8, seconds, CREATE_PAUSE)
        ),
    ]
    for thread in work:
        thread.start()
    yield
    stop.set()
    for thread in work:
        thread.join()


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=5, show_default=True)
def main(links: int, rounds: int, seconds: int) -> None:
    """Measures p50 and p99 at half load, with everything else going on."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        directory = Path(name)
        nginx, server = Nginx(), start_shortd(directory / "data")
        try:
            userid, codes = fill(server, links)
            server.call("signup", email="someone@example.com", password=PASSWORD)
            paths = [f"/{code}" for code in codes]
            results: dict[str, list[Result]] = {}
            for _ in range(rounds):
                full = load(server.url, paths, directory, seconds=seconds)
                results.setdefault("shortd, full load", []).append(full)
                pause = 1000 * CONNECTIONS / (full.per_second / 2) - WAIT_MS
                with creates_and_logins(server, userid, seconds):
                    half = load(server.url, paths, directory, seconds=seconds, pause_ms=pause)
                results.setdefault("shortd, half load, after full load", []).append(half)
                settle(server)
                calm = load(nginx.url, paths, directory, seconds=seconds, pause_ms=pause)
                results.setdefault("nginx, as many as below", []).append(calm)
                with creates_and_logins(server, userid, seconds):
                    half = load(server.url, paths, directory, seconds=seconds, pause_ms=pause)
                results.setdefault("shortd, half load", []).append(half)
        finally:
            nginx.stop()
            server.stop()
    table = Table("what", "requests/s", "p50 ms", "p99 ms")
    for title, runs in results.items():
        table.add_row(
            title,
            f"{statistics.median(run.per_second for run in runs):,.0f}",
            f"{statistics.median(run.p50 for run in runs) / 1000:.2f}",
            f"{statistics.median(run.p99 for run in runs) / 1000:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
