"""kill -9 under visits: the statistics hold every click that is counted, once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from click.testing import CliRunner

from shortd.commands.cli import main
from tests.server.conftest import Launch
from tests.server.wire import AsyncWire, request
from tests.server_process import ServerProcess

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{}.0.0.0 Safari/537.36"
)


async def visit(wire: AsyncWire, path: str, answered: Counter[str]) -> None:
    """Visits with one browser after the other, until the server is gone."""
    while True:
        version = str(100 + answered.total() % 30)
        await wire.ask(request(path, f"User-Agent: {CHROME.format(version)}"))
        answered[version] += 1


async def load(server: ServerProcess, path: str, answered: Counter[str], answers: int) -> None:
    """Runs visitors until so many answers have come, then kills the server."""
    wires = [await AsyncWire.open(server.port) for _ in range(4)]
    tasks = [asyncio.ensure_future(visit(wire, path, answered)) for wire in wires]
    goal = answered.total() + answers
    while answered.total() < goal:
        await asyncio.sleep(0.001)
    server.kill()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, ConnectionError), outcome
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("answers", [700, 3000])
def test_statistics_are_of_the_clicks_that_are_counted(launch: Launch, answers: int) -> None:
    server = launch({"SHORTD_CLICKS__SYNC_MS": "5"})
    which = {"userid": server.call("temporary_account")["userid"]}
    entry = server.call("url", **which, url="https://example.com/")["entry"]
    which["shorturl"] = entry["shorturl"]
    path = "/" + entry["shorturl"].rpartition("/")[2]
    answered: Counter[str] = Counter()
    for _ in range(2):
        asyncio.run(load(server, path, answered, answers))
        server.start()
        stats = server.call("get_stats", **which)
        assert stats["total"] == server.call("get_entry", **which)["entry"]["count"]
        (browser,) = stats["dimensions"]["browser"]
        counted = {part["value"]: part["count"] for part in browser["parts"]}
        assert sum(counted.values()) == browser["count"] == stats["total"]
        assert all(counted[version] >= clicks for version, clicks in answered.items())
    assert server.stop() == 0
    outcome = CliRunner().invoke(main, ["stats", "verify", "--data", str(server.data_dir)])
    assert outcome.exit_code == 0, outcome.output
