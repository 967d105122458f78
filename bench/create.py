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

import click
import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from bench.servers import LOAD_CORE, pin, start_shortd
from tests.server_process import free_port

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
        pin(self._process.pid)

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
            results: dict[str, list[float]] = {"bare ASGI": [], "url": []}
            for _ in range(rounds):
                results["bare ASGI"].append(load(bare.port, "url", one, clients, seconds))
                results["url"].append(load(server.port, "url", one, clients, seconds))
                for at_once in (2, clients):
                    batches = load(server.port, "urls", many, at_once, seconds)
                    title = f"links by urls, {at_once} clients"
                    results.setdefault(title, []).append(batches * 1000)
            show(results)
        finally:
            bare.stop()
            server.stop()


def show(results: dict[str, list[float]]) -> None:
    """Medians, and ratios round by round against the first row."""
    table = Table("what", "a second", "x bare ASGI")
    peer = next(iter(results.values()))
    for title, rates in results.items():
        ratios = [rate / other for rate, other in zip(rates, peer, strict=True)]
        table.add_row(title, f"{statistics.median(rates):,.0f}", f"{statistics.median(ratios):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
