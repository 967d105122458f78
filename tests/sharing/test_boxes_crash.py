"""kill -9 while strangers send to a box: what they were told has come is there, nothing else is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from shortd.files.blobs import stored_blobs
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess
from tests.sharing.sharing import faults_in, on_disk, wait_for

ROUNDS, WORKERS = 3, 3
ACKNOWLEDGED = 12
"""Files of a round before the server is killed."""


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[tuple[ServerProcess, dict[str, Any]]]:
    """A server, and the credentials of somebody with a box there."""
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": "http://127.0.0.1:8080"}
    process = ServerProcess(tmp_path / "data", environ)
    process.start()
    who = process.call("signup", email="a@b.example", username="ann", password="ab" * 32)
    yield process, {"userid": who["userid"], "token": who["token"]}
    process.kill()


def box_of(process: ServerProcess, owner: dict[str, Any], **limits: Any) -> tuple[str, str]:
    """A new box: its short URL, and where files for it are sent."""
    entry = process.call("create_box", name="Invoices", **limits, **owner)["entry"]
    return str(entry["shorturl"]), "/-/box/" + entry["shorturl"].rpartition("/")[2]


class Sender:
    """Sends files until the server is gone."""

    def __init__(self, url: str, path: str, number: int, chance: Random) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        self._path = path
        self._number = number
        self._chance = chance
        self.came: dict[str, int] = {}
        """Sizes of those that were acknowledged, by name."""

    def run(self, steps: threading.Semaphore) -> None:
        with self._http:
            count = 0
            try:
                while True:
                    name = f"{self._number}-{count}"
                    data = self._chance.randbytes(self._chance.randint(0, 300_000))
                    self._chance.choice([self._whole, self._in_parts])(name, data)
                    self.came[name] = len(data)
                    count += 1
                    steps.release()
            except httpx.TransportError:
                return

    def _whole(self, name: str, data: bytes) -> None:
        self._ask("", files={"file": (name, data)})

    def _in_parts(self, name: str, data: bytes) -> None:
        begun = self._http.post(self._path + "/begin", data={"name": name, "size": len(data)})
        if begun.status_code == 503:
            # What was cut off in earlier rounds has not made way yet.
            self._whole(name, data)
            return
        filekey = begun.json()["filekey"]
        if data:
            self._ask(f"/part?filekey={filekey}&number=0", content=data)
        self._ask("/finish", data={"filekey": filekey})

    def _ask(self, act: str, **body: Any) -> Any:
        answer = self._http.post(self._path + act, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_what_was_acknowledged_is_there(
    owned: tuple[ServerProcess, dict[str, Any]],
) -> None:
    process, owner = owned
    short_url, path = box_of(process, owner, most_files=500)
    came: dict[str, int] = {}
    for round_ in range(ROUNDS):
        steps = threading.Semaphore(0)
        senders = [
            Sender(process.url, path, 10 * round_ + n, Random(10 * round_ + n))
            for n in range(WORKERS)
        ]
        with ThreadPoolExecutor(WORKERS) as threads:
            running = [threads.submit(sender.run, steps) for sender in senders]
            for _ in range(ACKNOWLEDGED):
                assert steps.acquire(timeout=60)
            process.kill()
            for one in running:
                one.result()
        for sender in senders:
            came |= sender.came
        assert faults_in(process.data_dir) == []
        process.start()
        answer = process.call("list_box", shorturl=short_url, count=500, **owner)
        found = {file["filename"]: file["filesize"] for file in answer["files"]}
        assert found.items() >= came.items()
        assert answer["box"]["files"] == len(found)
        # At most one of each sender was on its way and came whole, too.
        assert len(found) <= len(came) + ROUNDS * WORKERS
        came = found


def test_half_a_file_leaves_nothing(owned: tuple[ServerProcess, dict[str, Any]]) -> None:
    process, owner = owned
    short_url, path = box_of(process, owner)
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 9000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        connection.sendall(head.encode() + bytes(4 << 20))
        wait_for(lambda: bool(on_disk(process.data_dir)))
        process.kill()
    assert faults_in(process.data_dir) == []
    process.start()
    answer = process.call("list_box", shorturl=short_url, **owner)
    assert (answer["files"], answer["box"]["bytes"]) == ([], 0)
    assert on_disk(process.data_dir) == []
    assert list(stored_blobs(process.data_dir / "files")) == []
