"""A disk without room: uploads are refused, everything else goes on, and they can go on later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import GENEROUS
from tests.server.small_disk import Disk
from tests.server.test_storage_full import disk  # noqa: F401 - a fixture
from tests.server.wire import follow
from tests.server_process import ServerProcess
from tests.sharing.sharing import FORM_TYPE, Json, error, faults_in, file_form, on_disk, output

MIB = 1 << 20
FULL = (507, "storage_full", None)


class Site:
    """A server on a small disk of its own, with an account on it."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.userid = server.call("temporary_account")["userid"]

    @property
    def on_disk(self) -> list[str]:
        return on_disk(self.server.data_dir)

    def ask(self, name: str, **inputs: Any) -> httpx.Response:
        return httpx.post(
            f"{self.server.url}/v2/{name}", json={"userid": self.userid, **inputs}, timeout=30
        )

    def form(self, name: str, query: Json, data: bytes, **options: Any) -> httpx.Response:
        return httpx.post(
            f"{self.server.url}/v2/{name}",
            content=file_form({"userid": self.userid, **query}, data, **options),
            headers={"content-type": FORM_TYPE},
            timeout=30,
        )

    def send(self, data: bytes, **options: Any) -> httpx.Response:
        return self.form("file", {"filename": "f", "filesize": len(data)}, data, **options)

    def send_part(self, filekey: str, number: int, data: bytes) -> httpx.Response:
        query = {"filekey": filekey, "partnumber": number, "partsize": len(data)}
        return self.form("file_part_upload", query, data)

    def begin(self, filesize: int) -> str:
        answer = self.ask("file_part_initialize", filename="f", filesize=filesize)
        filekey: str = output(answer)["filekey"]
        return filekey

    def fetch(self, entry: Json) -> bytes:
        url = self.server.url + urlsplit(entry["shorturl"]).path
        return httpx.get(url, follow_redirects=True, timeout=30).content


def serve(disk: Disk, tmp_path: Path, reserve: int) -> Iterator[Site]:  # noqa: F811
    environ = {**GENEROUS, "SHORTD_FILES__MIN_FREE_BYTES": str(reserve)}
    log = tmp_path / "log"
    server = ServerProcess(disk.folder / "data", environ, log_file=log)
    server.start()
    site = Site(server)
    yield site
    assert server.stop() == 0
    assert "Traceback" not in server.log
    assert faults_in(server.data_dir) == []


@pytest.fixture
def site(disk: Disk, tmp_path: Path) -> Iterator[Site]:  # noqa: F811
    """One that takes the last byte."""
    yield from serve(disk, tmp_path, 0)


@pytest.fixture
def careful(disk: Disk, tmp_path: Path) -> Iterator[Site]:  # noqa: F811
    """One that leaves some."""
    yield from serve(disk, tmp_path, 3 * MIB)


def test_an_upload_goes_on_when_there_is_room_again(site: Site, disk: Disk) -> None:  # noqa: F811
    link = output(site.ask("url", url="https://example.com/"))["entry"]["shorturl"]
    shared = output(site.send(b"shared" * 1000))["entry"]
    first, second = b"a" * MIB, b"b" * (2 * MIB)
    filekey = site.begin(len(first + second))
    output(site.send_part(filekey, 0, first))
    before = site.on_disk
    disk.fill()
    assert error(site.send_part(filekey, 1, second)) == FULL
    assert error(site.send_part(filekey, 0, second)) == FULL
    for query_first in (True, False):
        assert error(site.send(second, query_first=query_first)) == FULL
    assert site.on_disk == before
    assert follow(link, 20) == [302] * 20
    assert site.fetch(shared) == b"shared" * 1000
    disk.free()
    output(site.send_part(filekey, 1, second))
    entry = output(site.ask("file_part_finalize", filekey=filekey))["entry"]
    assert site.fetch(entry) == first + second


def test_an_upload_that_fills_the_disk_itself(site: Site) -> None:
    """Nothing of it stays, and so there is room again."""
    for _ in range(2):
        assert error(site.send(bytes(12 * MIB))) == FULL
        assert site.on_disk == []
    small = b"x" * MIB
    assert site.fetch(output(site.send(small))["entry"]) == small


def test_links_have_a_reserve(careful: Site, disk: Disk) -> None:  # noqa: F811
    """Files stop before the database has to."""
    kept = [careful.send(bytes(MIB // 2)) for _ in range(16)]
    refused = [response for response in kept if response.status_code != 200]
    assert 0 < len(refused) < 16
    assert {error(response) for response in refused} == {FULL}
    assert error(careful.ask("file_part_initialize", filename="f", filesize=MIB)) == FULL
    urls = [f"https://example.com/{number}" for number in range(1000)]
    assert len(output(careful.ask("urls", urls=urls))["entries"]) == 1000
