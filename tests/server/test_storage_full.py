"""No room left: writes are refused clearly, redirects go on, and nothing acknowledged is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import Launch
from tests.server.small_disk import Disk, small_disk
from tests.server.test_crash import stored_counts
from tests.server.wire import Response, Wire, call, follow
from tests.server_process import ServerProcess

MIB = 1 << 20
DISK_BYTES = 8 * MIB


class Owner:
    """A temporary account that calls over one connection."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.userid = server.call("temporary_account")["userid"]
        self._wire = Wire(server.port)

    def close(self) -> None:
        self._wire.close()

    def reconnect(self) -> None:
        self.close()
        self._wire = Wire(self._server.port)

    def ask(self, name: str, **inputs: Any) -> Response:
        return self._wire.ask(call(name, userid=self.userid, **inputs))

    def make(self, *urls: str) -> dict[str, str]:
        """New links, all or none: their destinations by short URL; none if there is no room."""
        response = self.ask("urls", urls=urls)
        if response.status != 200:
            assert_full(response)
            return {}
        return {entry["shorturl"]: entry["url"] for entry in response.json["output"]["entries"]}

    def fill(self) -> dict[str, str]:
        """Makes links until not even one more finds room."""
        links: dict[str, str] = {}
        batch = 100
        while batch:
            first = len(links)
            made = self.make(*(f"https://example.com/{first + n}" for n in range(batch)))
            links.update(made)
            batch = len(made) or batch // 10
            assert len(links) < 100_000, "the storage never fills"
        return links

    def count(self, shorturl: str) -> int:
        response = self.ask("get_entry", shorturl=shorturl)
        count: int = response.json["output"]["entry"]["count"]
        return count


def assert_full(response: Response) -> None:
    assert response.status == 507
    envelope = response.json
    assert envelope["status"] == "error"
    assert envelope["output"] == {}
    assert envelope["error"]["code"] == "storage_full"


def health(server: ServerProcess) -> dict[str, Any]:
    response = httpx.get(f"{server.url}/-/health")
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def test_a_full_database(launch: Launch) -> None:
    server = launch({"SHORTD_STORAGE__MAP_BYTES": str(MIB)})
    with closing(Owner(server)) as owner:
        links = owner.fill()
        assert len(links) > 100
        some = list(links)[::100]
        for shorturl in some:
            assert follow(shorturl, 3) == [302] * 3
        assert owner.make(*["https://example.com/"] * 1000) == {}
        assert health(server)["journal"]["fault"] is None
        # Reading needs no room, and a click counts before it is drained.
        assert [owner.count(shorturl) for shorturl in some] == [3] * len(some)
        assert server.stop() == 0
        server.environ["SHORTD_STORAGE__MAP_BYTES"] = str(64 * MIB)
        server.start()
        owner.reconnect()
        for shorturl in some:
            assert follow(shorturl) == [302]
        assert owner.make("https://example.com/again")
    assert server.stop() == 0
    expected = {url: 4 if shorturl in some else 0 for shorturl, url in links.items()}
    assert stored_counts(server.data_dir) == {**expected, "https://example.com/again": 0}


def test_a_full_disk(launch: Launch, disk: Disk, tmp_path: Path) -> None:
    # A disk so small never has what is left free for others.
    environ = {"SHORTD_FILES__MIN_FREE_BYTES": "0"}
    server = launch(environ, data_dir=disk.folder / "data", log_file=tmp_path / "log")
    with closing(Owner(server)) as owner:
        links = owner.make(*(f"https://example.com/first/{number}" for number in range(20)))
        disk.fill()
        for shorturl in links:
            assert follow(shorturl, 50) == [302] * 50
        report = health(server)
        assert report["status"] == "degraded"
        assert "No space left on device" in report["journal"]["fault"]
        assert [owner.count(shorturl) for shorturl in links] == [50] * 20
        # LMDB may still have pages of its own to write on.
        late = owner.fill()
        disk.free()
        deadline = time.monotonic() + 60
        while health(server)["status"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for shorturl in links:
            assert follow(shorturl) == [302]
        # From here on kill -9 loses nothing again.
        server.kill()
        server.start()
        owner.reconnect()
        assert [owner.count(shorturl) for shorturl in links] == [51] * 20
        assert owner.make("https://example.com/again")
    assert server.stop() == 0
    expected = {**dict.fromkeys(links.values(), 51), **dict.fromkeys(late.values(), 0)}
    assert stored_counts(server.data_dir) == {**expected, "https://example.com/again": 0}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        yield disk
