"""A limit of unique clicks is exact: however they come, across kill -9, and through the drain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle

import pytest

from shortd.models.clicks import Counts
from shortd.store import Store
from shortd.store.check import faults
from shortd.store.schema import COUNTS, LINKS, SIGHTINGS
from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.wire import AsyncWire, request
from tests.server_process import ServerProcess
from tests.terms import set_terms

LIMIT = 50
TARGET = "https://example.com/"


@pytest.fixture(scope="module", params=["true", "false"], ids=["lane", "pages"])
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("unique")
    # Clicks are drained all the time.
    environ = {"SHORTD_SERVER__FAST_LANE": request.param, "SHORTD_CLICKS__SYNC_MS": "1"}
    with running(ServerProcess(folder / "data", {**GENEROUS, **environ})) as server:
        yield server


def limited_link(server: ServerProcess, limit: int = LIMIT) -> str:
    """The code of a new link. The server is started anew."""
    userid = server.call("temporary_account")["userid"]
    entry = server.call("url", userid=userid, url=TARGET, expiration_count=limit)["entry"]
    code = str(entry["shorturl"].rpartition("/")[2])
    assert server.stop() == 0
    set_terms(server.data_dir, GENEROUS, userid, {code: {"counts_unique": True}})
    server.start()
    return code


def visit(server: ServerProcess, code: str, agents: list[str]) -> dict[str, list[int]]:
    """Statuses by agent. Each visit has a connection of its own, all at once, by both lanes."""

    async def visit_all() -> dict[str, list[int]]:
        wires = [await AsyncWire.open(server.port) for _ in agents]
        # A length keeps a request out of the redirect lane.
        for wire, agent, headers in zip(wires, agents, cycle([[], ["Content-Length: 0"]])):
            wire.send(request(f"/{code}", f"User-Agent: {agent}", *headers))
        statuses: dict[str, list[int]] = {}
        for wire, agent in zip(wires, agents, strict=True):
            statuses.setdefault(agent, []).append((await wire.response()).status)
            wire.close()
        return statuses

    return asyncio.run(visit_all())


def names(first: int, last: int) -> list[str]:
    return [f"agent {number}" for number in range(first, last)]


def stored(server: ServerProcess, code: str) -> tuple[int, int, int]:
    """Clicks, unique clicks and remembered visitors. The server is stopped for it."""
    assert server.stop() == 0
    store = Store(server.data_dir)
    with store.read() as txn:
        assert list(faults(txn)) == []
        link = LINKS.get(txn, (0, code))
        assert link is not None
        counts = COUNTS.get(txn, (link.id,)) or Counts()
        visitors = sum(1 for _ in SIGHTINGS.scan(txn, (link.id,)))
    store.close()
    server.start()
    return counts.count, counts.unique, visitors


def test_visitors_at_once(server: ServerProcess) -> None:
    code = limited_link(server)
    # Each of 49 comes four times, and counts once.
    assert visit(server, code, names(0, LIMIT - 1) * 4) == {
        name: [302] * 4 for name in names(0, LIMIT - 1)
    }
    # One place is left, and all who come at once are new.
    answers = [status for [status] in visit(server, code, names(100, 200)).values()]
    assert (answers.count(302), answers.count(410)) == (1, 99)
    assert visit(server, code, names(0, 3)) == {name: [410] for name in names(0, 3)}
    assert stored(server, code) == (4 * (LIMIT - 1) + 1, LIMIT, LIMIT)


def test_a_crash_forgets_nobody(server: ServerProcess) -> None:
    code = limited_link(server)
    for wave in range(4):
        agents = names(wave * 10, wave * 10 + 10)
        assert visit(server, code, agents) == {name: [302] for name in agents}
        server.kill()
        server.start()
        # Who was there before the crash does not count again after it.
        known = names(0, wave * 10 + 10)
        assert visit(server, code, known) == {name: [302] for name in known}
    last = visit(server, code, names(1000, 1020))
    assert sorted(status for [status] in last.values()) == [302] * 10 + [410] * 10
    server.kill()
    server.start()
    assert visit(server, code, ["agent 0"]) == {"agent 0": [410]}
    assert stored(server, code) == (40 + 10 + 20 + 30 + 40 + 10, LIMIT, LIMIT)
