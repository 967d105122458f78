"""A click limit is exact: n redirects in all, then 410, however they come."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.wire import AsyncWire, follow, request
from tests.server_process import ServerProcess


@pytest.fixture(scope="module", params=["true", "false"], ids=["lane", "pages"])
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("limits")
    # Clicks are drained all the time.
    environ = {"SHORTD_SERVER__FAST_LANE": request.param, "SHORTD_CLICKS__SYNC_MS": "1"}
    with running(ServerProcess(folder / "data", {**GENEROUS, **environ})) as server:
        yield server


class LimitedLink:
    """A link of a new account."""

    def __init__(self, server: ServerProcess, limit: int) -> None:
        self._server = server
        self._userid = server.call("temporary_account")["userid"]
        entry = server.call(
            "url", userid=self._userid, url="https://example.com/", expiration_count=limit
        )["entry"]
        self.shorturl = entry["shorturl"]
        self.code = self.shorturl.rpartition("/")[2]

    @property
    def count(self) -> int:
        entry = self._server.call("get_entry", userid=self._userid, shorturl=self.shorturl)
        count: int = entry["entry"]["count"]
        return count

    def allow(self, limit: int) -> None:
        self._server.call(
            "set_expiration_count",
            userid=self._userid,
            shorturl=self.shorturl,
            expiration_count=limit,
        )


def follow_at_once(server: ServerProcess, codes: list[str]) -> Counter[tuple[str, int]]:
    """Visits each code over a connection of its own, all at the same time, by both lanes."""

    async def visit() -> Counter[tuple[str, int]]:
        wires = [await AsyncWire.open(server.port) for _ in codes]
        # A length keeps a request out of the redirect lane.
        for wire, code, headers in zip(wires, codes, cycle([[], ["Content-Length: 0"]])):
            wire.send(request(f"/{code}", *headers))
        answers = await asyncio.gather(*(wire.response() for wire in wires))
        for wire in wires:
            wire.close()
        return Counter((code, answer.status) for code, answer in zip(codes, answers, strict=True))

    return asyncio.run(visit())


def test_two_hundred_at_once(server: ServerProcess) -> None:
    link = LimitedLink(server, 10)
    answers = follow_at_once(server, [link.code] * 200)
    assert answers == {(link.code, 302): 10, (link.code, 410): 190}
    assert link.count == 10


def test_a_crash_half_way(server: ServerProcess) -> None:
    link = LimitedLink(server, 10)
    assert follow(link.shorturl, 5) == [302] * 5
    server.kill()
    server.start()
    answers = follow_at_once(server, [link.code] * 200)
    assert answers == {(link.code, 302): 5, (link.code, 410): 195}
    server.kill()
    server.start()
    assert follow(link.shorturl, 2) == [410] * 2
    assert link.count == 10


def test_drains_between_waves(server: ServerProcess) -> None:
    links = [LimitedLink(server, 50) for _ in range(10)]
    codes = [link.code for link in links]
    # Not one too early, while clicks move from memory to disk, and not one too late.
    for _ in range(10):
        assert follow_at_once(server, codes * 5) == {(code, 302): 5 for code in codes}
    assert follow_at_once(server, codes * 5) == {(code, 410): 5 for code in codes}
    assert [link.count for link in links] == [50] * 10


def test_a_raised_limit_allows_the_difference(server: ServerProcess) -> None:
    link = LimitedLink(server, 10)
    follow_at_once(server, [link.code] * 30)
    link.allow(25)
    answers = follow_at_once(server, [link.code] * 100)
    assert answers == {(link.code, 302): 15, (link.code, 410): 85}
    link.allow(3)
    assert follow(link.shorturl) == [410]
    assert link.count == 25
