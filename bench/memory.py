"""What is in the memory of a server, at rest and after clicks: `python -m bench.memory`.

Memory is RssAnon: what the process cannot get again from a file, and so without the pages of the
database and the code of libraries. What is there at rest is told by the steps of a start, in a
process of its own; what clicks leave, by the objects that hold it.
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
from rich.console import Console
from rich.table import Table

from bench.redirect import settle
from bench.servers import UNLIMITED, fill
from tests.server_process import ServerProcess

PORTION = 20_000
AT_ONCE = 32
"""Requests of one connection under way."""

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
    import gc, json, pathlib, sys, time, types
    from collections import Counter
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
        from shortd.limits.owner_cache import OwnerCache
        from shortd.visits.resolver import Resolver
        from shortd.visits.request_heads import RequestHeads
        from shortd.server.lane import Lane
        gc.unfreeze()
        seen, found = set(), Counter()
        for one in gc.get_objects():
            if type(one) is Resolver:
                found["redirects that are remembered"] += size(one._settled.__dict__, seen)
                found["which links were asked for once"] += size(one._door.__dict__, seen)
            elif type(one) in (Lane, RequestHeads):
                found["heads of requests"] += size(one._known.__dict__, seen)
            elif type(one) is OwnerCache:
                found["owners"] += size(one._owners, seen)
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


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--clicks", default=1_000_000, show_default=True)
@click.option("--agents", default=50, show_default=True)
@click.option("--referrers", default=200, show_default=True)
def main(links: int, clicks: int, agents: int, referrers: int) -> None:
    """Measures the memory of a server at rest, and what clicks add to it."""
    table = Table("at rest", "MB", "modules")
    steps = at_rest()
    for name, size, modules in steps:
        table.add_row(name, f"{size / 1e6:.1f}", str(modules))
    table.add_row("together", f"{sum(size for _, size, _ in steps) / 1e6:.1f}", "")
    Console().print(table)
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        folder = Path(name)
        asked, told = folder / "asked", folder / "told.json"
        watch = _WATCH.format(asked=str(asked), told=str(told))
        server = ServerProcess(folder / "data", UNLIMITED, prelude=watch)
        server.start()
        table = Table("of a server", "MB")
        try:
            table.add_row("at rest", f"{anonymous_bytes(server.pid) / 1e6:.1f}")
            _, codes = fill(server, links)
            table.add_row(f"{links:,} links made", f"{anonymous_bytes(server.pid) / 1e6:.1f}")
            random.Random(5).shuffle(codes)
            # As fast as they are drained: behind a backlog each click that waits is in memory.
            for done in range(0, clicks, PORTION):
                visit(server.port, codes, done, min(PORTION, clicks - done), agents, referrers)
                settle(server)
            size = anonymous_bytes(server.pid)
            table.add_row(f"{clicks:,} clicks made", f"{size / 1e6:.1f}")
            time.sleep(15)
            size = anonymous_bytes(server.pid)
            table.add_row("15 s later", f"{size / 1e6:.1f}")
            asked.touch()
            while not told.exists():
                time.sleep(0.2)
            for what, held in json.loads(told.read_text()).items():
                table.add_row(f"  of it {what}", f"{held / 1e6:.1f}")
        finally:
            server.stop()
    Console().print(table)


if __name__ == "__main__":
    main()
