"""Memory of a server that nobody has asked for anything yet, and after each of its pages."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.pages.places import SMALL, new_place, person, titles
from tests.server_process import ServerProcess

REST_SECONDS = 2


def anonymous_bytes(pid: int) -> int:
    """Memory of a process that no file stands behind: its own."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("RssAnon:")]
    return int(line.split()[1]) << 10


def measure(directory: Path, rounds: int) -> dict[str, list[int]]:
    """Bytes, by what the server has done since it was started."""
    grown: dict[str, list[int]] = {"nothing": [], "each page once": []}
    # The first run makes the directory, and compiles what is not compiled yet.
    server = ServerProcess(directory / "idle")
    server.start()
    place = new_place(server, "idle", SMALL)
    server.stop()
    for _ in range(rounds):
        server.start()
        time.sleep(REST_SECONDS)
        grown["nothing"].append(anonymous_bytes(server.pid))
        with person(server, place.cookie) as somebody:
            for address in titles(place).values():
                somebody.look(address)
        grown["each page once"].append(anonymous_bytes(server.pid))
        server.stop()
    return grown


def show(grown: dict[str, list[int]]) -> None:
    table = Table("server that has done", "MB of its own", "least to most")
    for title, sizes in grown.items():
        most = f"{min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f}"
        table.add_row(title, f"{statistics.median(sizes) / 1e6:.1f}", most)
    Console().print(table)
