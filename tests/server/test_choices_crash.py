"""kill -9 under visits to a split link: each variant's clicks are those that were answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

from tests.server.conftest import Launch
from tests.server.wire import AsyncWire, request
from tests.server_process import ServerProcess

VISITORS = 6
NAMES = {b"https://v1.example/": "1", b"https://v2.example/": "2", b"https://m.example/": "main"}


class Tally:
    """Visits by variant: asked for, and answered."""

    def __init__(self) -> None:
        self.sent = 0
        self.answered: Counter[str] = Counter()


async def visit(wire: AsyncWire, path: str, tally: Tally, serial: str) -> None:
    """Visits as ever new people, until the server is gone."""
    number = 0
    while True:
        number += 1
        tally.sent += 1
        response = await wire.ask(request(path, f"User-Agent: agent {serial} {number}"))
        tally.answered[NAMES[response.headers["location"].encode()]] += 1


async def load(server: ServerProcess, path: str, tally: Tally, answers: int, serial: int) -> None:
    """Runs visitors until so many more answers have come, then kills the server."""
    wires = [await AsyncWire.open(server.port) for _ in range(VISITORS)]
    tasks = [
        asyncio.ensure_future(visit(wire, path, tally, f"{serial}.{number}"))
        for number, wire in enumerate(wires)
    ]
    goal = tally.answered.total() + answers
    while tally.answered.total() < goal:
        await asyncio.sleep(0.001)
    server.kill()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for wire in wires:
        wire.close()
    for outcome in outcomes:
        if not isinstance(outcome, ConnectionError):
            raise outcome or AssertionError("a visitor left by himself")


def test_no_variant_gains_or_loses_a_click(launch: Launch) -> None:
    server = launch({"SHORTD_CLICKS__SYNC_MS": "5"})
    userid = server.call("temporary_account")["userid"]
    which = {"userid": userid}
    entry = server.call("url", **which, url="https://m.example/")["entry"]
    which["shorturl"] = entry["shorturl"]
    variants = [{"url": f"https://v{number}.example/", "weight": 30} for number in (1, 2)]
    server.call("set_plugin", **which, plugin="ab", data={"variants": variants})
    tally, chance = Tally(), Random(5)
    for serial in range(3):
        path = "/" + entry["shorturl"].rpartition("/")[2]
        asyncio.run(load(server, path, tally, chance.randint(500, 1500), serial))
        server.start()
        counted = server.call("get_plugin", **which, plugin="ab")["clicks"]
        assert all(tally.answered[name] <= counted[name] for name in NAMES.values())
        # At most one visit of each visitor was under way.
        assert sum(counted.values()) <= tally.sent
        assert sum(counted.values()) - tally.answered.total() <= VISITORS * (serial + 1)
        assert server.call("get_entry", **which)["entry"]["count"] == sum(counted.values())
    assert server.stop() == 0
