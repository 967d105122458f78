"""What is in the memory of a server, at rest and after clicks: `python -m bench.memory`.

Memory is RssAnon: what the process cannot get again from a file, and so without the pages of the
database and the code of libraries. What is there at rest is told by the steps of a start, in a
process of its own; what clicks leave, by the objects that hold it: sent as fast as one connection
does it, most of them wait for the drain; at a pace, it keeps up with them.
"""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.redirect import settle
from bench.servers import UNLIMITED, fill
from tests.server_process import ServerProcess

PORTION = 800
"""Clicks between two looks at the clock."""
AT_ONCE = 32
"""Requests of one connection under way."""
QUIET_SECONDS = 30

_STEPS = """
import asyncio, msgspec, pathlib, sys
def step(name):
    fields = open("/proc/self/statm").read().split()
    print((int(fields[1]) - int(fields[2])) * 4096, len(sys.modules), name, sep="\\t", flush=True)
step("Python")
from shortd.commands.cli import import_structlog
import_structlog()
import litestar, uvicorn, uvloop, jinja2, werkzeug.http, lmdb, prometheus_client, re2, ada_url
import cryptography.hazmat.primitives.kdf.argon2
step("libraries: Litestar, uvicorn, Jinja, Werkzeug, ...")
import shortd.server.process
step("shortd's own modules")
from shortd.languages import open_languages
from shortd.settings import Settings
settings = msgspec.structs.replace(Settings(), data_dir=pathlib.Path(sys.argv[1]))
open_languages(settings.web.language, settings.web.languages)
step("catalogues of two languages, and what reading them took")
from shortd.services import open_services
from shortd.settings.in_force import InForce
async def main():
    services = await open_services(settings, in_force=InForce.fixed(settings))
    step("services, plugins, lists of robots")
    from shortd.app import App
    from shortd.server.lane import Lane
    app, lane = App(services), Lane(services, asyncio.get_running_loop())
    step("routes and pages")
    from shortd.visitors.visitors import parse_agent
    parse_agent("")
    step("the parser of user agents, with the first visit")
    await services.close()
asyncio.run(main())
"""

_WATCH = """
import threading
def _watch(asked, told):
    import ctypes, gc, json, os, pathlib, re, sys, tempfile, time, types
    from collections import Counter
    class Heap(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in
            "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
    code = (type, types.FunctionType, types.ModuleType, types.BuiltinFunctionType, types.MethodType)
    def size(thing, seen):
        total, waiting = 0, [thing]
        while waiting:
            one = waiting.pop()
            if id(one) in seen or issubclass(type(one), code):
                continue
            seen.add(id(one))
            total += sys.getsizeof(one)
            waiting += one.__struct_fields__ and [
                getattr(one, name) for name in one.__struct_fields__
            ] if hasattr(type(one), "__struct_fields__") else gc.get_referents(one)
        return total
    while True:
        time.sleep(0.2)
        if not pathlib.Path(asked).exists():
            continue
        pathlib.Path(asked).unlink()
        from shortd.clicks import Clicks
        from shortd.limits.owner_cache import OwnerCache
        from shortd.visits.resolver import Resolver
        from shortd.visits.request_heads import RequestHeads
        from shortd.server.lane import Lane
        # First, since what follows takes memory of its own.
        heap = ctypes.CDLL(None).mallinfo2
        heap.restype = Heap
        heap = heap()
        with tempfile.TemporaryFile() as file:
            kept = os.dup(2)
            os.dup2(file.fileno(), 2)
            sys._debugmallocstats()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            text = file.read().decode().replace(",", "")
        arenas = re.search("([0-9]+) arenas . ([0-9]+)", text)
        used = int(re.search("# bytes in allocated blocks *= *([0-9]+)", text)[1])
        found = Counter()
        found["small objects of Python"] = used
        found["malloc: tables of dictionaries, LMDB, RE2"] = heap.uordblks + heap.hblkhd
        found["free in pieces between these"] = (
            heap.fordblks + int(arenas[1]) * int(arenas[2]) - used
        )
        gc.unfreeze()
        seen = set()
        for one in gc.get_objects():
            if type(one) is Resolver:
                found["redirects that are remembered"] += size(one._settled.__dict__, seen)
                found["which links were asked for once"] += size(one._door.__dict__, seen)
            elif type(one) in (Lane, RequestHeads):
                found["heads of requests"] += size(one._known.__dict__, seen)
            elif type(one) is OwnerCache:
                found["owners"] += size(one._owners, seen)
            elif type(one) is Clicks:
                for waiting in (one._waiting, one._lost):
                    found["clicks that wait"] += size(waiting, seen)
                found["clicks that wait"] += size(one.sealed, seen)
        pathlib.Path(told).write_text(json.dumps(found))
threading.Thread(target=_watch, args=({asked!r}, {told!r}), daemon=True).start()
"""


def anonymous_bytes(pid: int) -> int:
    """RssAnon of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def at_rest() -> list[tuple[str, int, int]]:
    """The steps of a start: what, bytes on top of the ones before, modules."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as folder:
        command = [sys.executable, "-c", _STEPS, f"{folder}/data"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    steps, before = [], 0
    for line in lines.splitlines():
        if line.count("\t") != 2:
            continue  # the log's
        total, modules, name = line.split("\t")
        steps.append((name, int(total) - before, int(modules)))
        before = int(total)
    return steps


def visit(port: int, codes: list[str], done: int, clicks: int, agents: int, referrers: int) -> None:
    """So many clicks, over all links alike, by random agents and from random referrers; `done` were
    made before."""
    chance = random.Random(done)
    browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{}.0.0.0 Safari/537.36"
    tails = [
        f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: {browser.format(60 + agent)}\r\n"
        f"Referer: https://site{referrer}.example/page\r\nAccept-Language: de,en;q=0.8\r\n\r\n"
        for agent in range(agents)
        for referrer in range(referrers)
    ]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for start in range(0, clicks, AT_ONCE):
            number = min(AT_ONCE, clicks - start)
            connection.sendall(
                "".join(
                    f"GET /{codes[(done + start + at) % len(codes)]}{chance.choice(tails)}"
                    for at in range(number)
                ).encode()
            )
            answers = b""
            while answers.count(b"\r\n\r\n") < number:
                piece = connection.recv(1 << 16)
                assert piece, "the server hung up"
                answers += piece
            assert answers.count(b"HTTP/1.1 302") == number, answers[:300]


class Watched:
    """A server with a thread that tells what holds its memory."""

    def __init__(self, folder: Path) -> None:
        self._asked, self._told = folder / "asked", folder / "told.json"
        watch = _WATCH.format(asked=str(self._asked), told=str(self._told))
        self.server = ServerProcess(folder / "data", UNLIMITED, prelude=watch)
        self.server.start()
        self._table = Table("of a server", "MB", "clicks that wait")

    def note(self, when: str) -> None:
        """Notes what it takes now."""
        clicks = httpx.get(f"{self.server.url}/-/health").json()["clicks"]["backlog"]
        size = anonymous_bytes(self.server.pid)
        self._table.add_row(when, f"{size / 1e6:.1f}", f"{clicks:,}")

    def note_holders(self) -> None:
        """Notes what of it is held by what."""
        self._asked.touch()
        while not self._told.exists() or not self._told.stat().st_size:
            time.sleep(0.2)
        for what, held in json.loads(self._told.read_text()).items():
            self._table.add_row(f"  {what}", f"{held / 1e6:.1f}", "")
        self._told.unlink()

    def show(self) -> None:
        """Prints what was noted."""
        Console().print(self._table)


def after_clicks(
    links: int, clicks: int, agents: int, referrers: int, pace: int, folder: Path
) -> None:
    """Clicks on all links alike, so many a second at most; 0 is as fast as they are answered."""
    watched = Watched(folder)
    server = watched.server
    try:
        watched.note("at rest")
        _, codes = fill(server, links)
        watched.note(f"{links:,} links made")
        random.Random(5).shuffle(codes)
        start = time.monotonic()
        for done in range(0, clicks, PORTION):
            visit(server.port, codes, done, min(PORTION, clicks - done), agents, referrers)
            made = min(done + PORTION, clicks)
            if made in (clicks // 10, clicks // 2, clicks):
                watched.note(f"{made:,} clicks made")
            if pace:
                time.sleep(max(0.0, start + made / pace - time.monotonic()))
        rate = clicks / (time.monotonic() - start)
        settle(server)
        watched.note("all drained")
        time.sleep(QUIET_SECONDS)
        watched.note(f"{QUIET_SECONDS} s later")
        watched.note_holders()
    finally:
        server.stop()
    watched.show()
    click.echo(f"{rate:,.0f} clicks/s")


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--clicks", default=1_000_000, show_default=True)
@click.option("--agents", default=50, show_default=True)
@click.option("--referrers", default=200, show_default=True)
@click.option(
    "--pace", multiple=True, default=(0, 8000), show_default=True, help="Clicks/s; 0 has no bound."
)
def main(links: int, clicks: int, agents: int, referrers: int, pace: tuple[int, ...]) -> None:
    """Measures the memory of a server at rest, and what clicks add to it."""
    table = Table("at rest", "MB", "modules")
    steps = at_rest()
    for name, size, modules in steps:
        table.add_row(name, f"{size / 1e6:.1f}", str(modules))
    table.add_row("together", f"{sum(size for _, size, _ in steps) / 1e6:.1f}", "")
    Console().print(table)
    for one in pace:
        with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
            after_clicks(links, clicks, agents, referrers, one, Path(name))


if __name__ == "__main__":
    main()
