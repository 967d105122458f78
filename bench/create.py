"""Durable creates a second: `python -m bench.create`.

Every acknowledged link is on disk. `url` is called by 64 clients at once, each waiting for its
answer; `urls` makes batches of 1000, for two clients and then for as many as before. The peer is a
bare ASGI application under the same uvicorn that reads each body and answers a fixed envelope,
storing nothing: what is between the two is shortd's own work and the disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from bench.servers import LOAD_CORE, cpu_seconds, pin, start_shortd
from tests.server_process import ServerProcess, free_port

BARE = """
import uvicorn
BODY = b'{"output":{"entry":{}},"status":"success","type":"url","utime":0,"weight":1000}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=PORT, http="httptools", loop="uvloop", lifespan="off", access_log=False,
            log_level="error")
"""


class Rate(NamedTuple):
    """What a load came to."""

    per_second: float
    cpu_us: float
    """Processor time of the server for each, in µs."""


class Bare:
    """A bare ASGI application in a process of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        program = BARE.replace("PORT", str(self.port))
        self._process = subprocess.Popen([sys.executable, "-c", program])
        for _ in range(200):
            try:
                httpx.post(f"http://127.0.0.1:{self.port}/", content=b"{}")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        self.pid = self._process.pid
        pin(self.pid)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


async def _client(port: int, request: bytes, until: float, pause: float) -> int:
    """Sends one request after the other; how many were answered with success."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: ")
        )
        body = await reader.readexactly(length)
        answered += b'"status":"success"' in body
        if pause:
            await asyncio.sleep(pause)
    writer.close()
    return answered


def load(
    port: int,
    name: str,
    inputs: dict[str, object],
    clients: int,
    seconds: float,
    pause: float = 0.0,
) -> float:
    """Successful calls a second. Each client pauses for so many seconds after each answer."""
    body = json.dumps(inputs).encode()
    head = f"POST /v2/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"

    async def run() -> float:
        start = time.perf_counter()
        work = (_client(port, head.encode() + body, start + seconds, pause) for _ in range(clients))
        answered = sum(await asyncio.gather(*work))
        return answered / (time.perf_counter() - start)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=4.0, show_default=True, help="Length of one run of load.")
@click.option("--clients", default=64, show_default=True)
def main(rounds: int, seconds: float, clients: int) -> None:
    """Measures single creates and batches, beside an application that stores nothing."""
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        bare, server = Bare(), start_shortd(Path(name) / "data")
        try:
            userid = server.call("temporary_account")["userid"]
            one: dict[str, object] = {"userid": userid, "url": "https://example.com/some/page"}
            many: dict[str, object] = {"userid": userid, "urls": [one["url"]] * 1000}
            results: dict[str, list[Rate]] = {"bare ASGI": [], "url": []}
            for _ in range(rounds):
                results["bare ASGI"].append(rate(bare, "url", one, clients, seconds))
                results["url"].append(rate(server, "url", one, clients, seconds))
                for at_once in (2, clients):
                    batches = rate(server, "urls", many, at_once, seconds, links=1000)
                    title = f"links by urls, {at_once} clients"
                    results.setdefault(title, []).append(batches)
            show(results)
        finally:
            bare.stop()
            server.stop()


def rate(
    server: Bare | ServerProcess,
    name: str,
    inputs: dict[str, object],
    clients: int,
    seconds: float,
    links: int = 1,
) -> Rate:
    """Calls that make so many links each."""
    before, start = cpu_seconds(server.pid), time.perf_counter()
    calls = load(server.port, name, inputs, clients, seconds)
    made = calls * (time.perf_counter() - start) * links
    return Rate(calls * links, (cpu_seconds(server.pid) - before) / made * 1e6)


def show(results: dict[str, list[Rate]]) -> None:
    """Medians, and ratios round by round against the first row."""
    table = Table("what", "a second", "x bare ASGI", "CPU µs", "x bare ASGI")
    peer = next(iter(results.values()))
    for title, rates in results.items():
        pairs = list(zip(rates, peer, strict=True))
        table.add_row(
            title,
            f"{statistics.median(one.per_second for one in rates):,.0f}",
            f"{statistics.median(one.per_second / other.per_second for one, other in pairs):.2f}",
            f"{statistics.median(one.cpu_us for one in rates):,.1f}",
            f"{statistics.median(one.cpu_us / other.cpu_us for one, other in pairs):.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
