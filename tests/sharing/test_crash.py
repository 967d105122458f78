"""kill -9 in the middle of parts, finalizing and deleting: all of a step happened, or nothing.

What was acknowledged is there, with the same bytes; what was not may be there or not, but
wholly; the tables agree with themselves and with the disk. Blobs that no row names are all that a
crash may leave, and the undertaker's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from shortd.files.blobs import stored_blobs
from shortd.store import Store
from shortd.store.schema import FILE_PARTS
from tests.api.v2.people import path_of
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess
from tests.sharing.sharing import (
    FORM_TYPE,
    cut,
    error,
    faults_in,
    file_form,
    on_disk,
    output,
    wait_for,
)

ENVIRON = {**GENEROUS, "SHORTD_PUBLIC_URL": "http://127.0.0.1:8080"}
ROUNDS = 5
WORKERS = 4


class Half(NamedTuple):
    """An upload that was not seen to end."""

    filekey: str
    data: bytes
    whole: bool
    """All parts were acknowledged."""


class Ledger:
    """What the clients know."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        """Acknowledged and not deleted, by path."""
        self.perhaps: dict[str, bytes] = {}
        """Their deletion was sent, and not answered."""
        self.gone: list[str] = []
        self.halves: list[Half] = []
        self.steps = threading.Semaphore(0)
        """Released by every acknowledgement."""


class Client:
    """Makes, finishes and deletes files until the server is gone."""

    def __init__(self, server: ServerProcess, userid: str, ledger: Ledger, chance: Random) -> None:
        self._http = httpx.Client(base_url=server.url, timeout=30)
        self._userid = userid
        self._ledger = ledger
        self._chance = chance
        self._mine: dict[str, bytes] = {}

    def run(self) -> None:
        with self._http:
            try:
                while True:
                    self._chance.choice([self._in_parts, self._at_once, self._delete])()
            except httpx.TransportError:
                return

    def _in_parts(self) -> None:
        data = self._chance.randbytes(self._chance.randint(0, 600_000))
        parts = cut(data, [self._chance.randint(0, 300_000) for _ in range(3)])
        filekey = self._call("file_part_initialize", filename="f", filesize=len(data))["filekey"]
        whole = False
        try:
            for number, part in enumerate(parts):
                query = {"filekey": filekey, "partnumber": number, "partsize": len(part)}
                self._form("file_part_upload", query, part)
            whole = True
            entry = self._call("file_part_finalize", filekey=filekey)["entry"]
        except httpx.TransportError:
            self._ledger.halves.append(Half(filekey, data, whole))
            raise
        self._keep(entry, data)

    def _at_once(self) -> None:
        data = self._chance.randbytes(self._chance.randint(0, 300_000))
        query = {"filename": "f", "filesize": len(data)}
        self._keep(self._form("file", query, data)["entry"], data)

    def _delete(self) -> None:
        if not self._mine:
            return
        path = self._chance.choice(list(self._mine))
        data = self._mine.pop(path)
        del self._ledger.files[path]
        try:
            self._call("delete", shorturl=f"127.0.0.1:8080{path}")
        except httpx.TransportError:
            self._ledger.perhaps[path] = data
            raise
        self._ledger.gone.append(path)

    def _keep(self, entry: Any, data: bytes) -> None:
        self._ledger.files[path_of(entry)] = self._mine[path_of(entry)] = data

    def _call(self, name: str, **inputs: Any) -> Any:
        response = self._http.post(f"/v2/{name}", json={"userid": self._userid, **inputs})
        self._ledger.steps.release()
        return output(response)

    def _form(self, name: str, query: Any, data: bytes) -> Any:
        response = self._http.post(
            f"/v2/{name}",
            content=file_form({"userid": self._userid, **query}, data),
            headers={"content-type": FORM_TYPE},
        )
        self._ledger.steps.release()
        return output(response)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path / "data", ENVIRON)
    process.start()
    yield process
    process.stop()


def test_nothing_is_ever_half_done(server: ServerProcess) -> None:
    ledger = Ledger()
    userid = server.call("temporary_account")["userid"]
    chance = Random(5)
    for _ in range(ROUNDS):
        with ThreadPoolExecutor(WORKERS) as threads:
            clients = [
                Client(server, userid, ledger, Random(chance.random())) for _ in range(WORKERS)
            ]
            running = [threads.submit(client.run) for client in clients]
            for _ in range(chance.randint(20, 100)):
                assert ledger.steps.acquire(timeout=60)
            server.kill()
            for client in running:
                client.result()
        assert faults_in(server.data_dir) == []
        server.start()
        check(server, userid, ledger)
    assert len(ledger.files) > 10
    assert len(ledger.gone) > 5
    wait_for(lambda: not list((server.data_dir / "files" / "unfinished").iterdir()))
    assert server.stop() == 0
    assert "Traceback" not in server.log
    assert faults_in(server.data_dir) == []
    # A crash between the disk and the database may come to one blob for each request.
    assert len(orphans(server.data_dir)) <= ROUNDS * WORKERS


def check(server: ServerProcess, userid: str, ledger: Ledger) -> None:
    """Holds what there is against what was acknowledged, and settles what was not."""

    def call(name: str, **inputs: Any) -> httpx.Response:
        return http.post(f"/v2/{name}", json={"userid": userid, **inputs})

    with httpx.Client(base_url=server.url, timeout=30) as http:

        def fetch(path: str) -> bytes | None:
            response = http.get(path, follow_redirects=True)
            return None if response.status_code == 404 else response.content

        for path, data in ledger.files.items():
            assert fetch(path) == data
        for path in ledger.gone:
            assert fetch(path) is None
        for path, data in ledger.perhaps.items():
            found = fetch(path)
            assert found in (None, data)
            if found is not None:
                ledger.files[path] = data
        ledger.perhaps.clear()
        for half in ledger.halves:
            response = call("file_part_finalize", filekey=half.filekey)
            if response.status_code == 200:
                entry = output(response)["entry"]
            elif not half.whole:
                # The last part may have come and not been answered, so either may be.
                assert error(response)[1] == "bad_file"
                continue
            else:
                assert error(response)[1] == "upload_not_found"
                entries = output(call("get_entries", count=1000))["entries"]
                [entry] = [one for one in entries if one["filekey"] == half.filekey]
            assert fetch(path_of(entry)) == half.data
            ledger.files[path_of(entry)] = half.data
        ledger.halves.clear()


def orphans(data_dir: Path) -> set[str]:
    store = Store(data_dir)
    try:
        with store.read() as txn:
            named = {part.blob for _, part in FILE_PARTS.scan(txn)}
    finally:
        store.close()
    assert len(on_disk(data_dir)) >= len(named)
    return {name for name, _ in stored_blobs(data_dir / "files")} - named


class Stage(NamedTuple):
    """A place to die at: around a function, and what the action was that led there."""

    action: str
    module: str
    name: str
    before: bool
    """Before the function does anything, or when it has."""
    happened: bool
    """Whether the action is to be found done afterwards."""


STAGES = {
    "a part written, not renamed": Stage(
        "part", "shortd.files.blobs", "BlobWriter._publish", True, False
    ),
    "a part renamed, without a row": Stage(
        "part", "shortd.files.blobs", "BlobWriter._publish", False, False
    ),
    "a part's row not committed": Stage("part", "shortd.sharing.files", "put_part", False, False),
    "a part not answered": Stage("part", "shortd.sharing.files", "Files.put_part", False, True),
    "a file not committed": Stage("finish", "shortd.links.links", "Links.insert", False, False),
    "a file not answered": Stage("finish", "shortd.sharing.files", "Files.finalize", False, True),
    "a deletion not committed": Stage("delete", "shortd.links.links", "delete_link", False, False),
    "a deletion not answered": Stage("delete", "shortd.links.links", "Links.delete", False, True),
    "a blob deleted, still listed": Stage(
        "delete", "shortd.upkeep.undertaker", "_forget", True, True
    ),
}

PRELUDE = """
import functools, inspect, os, signal
from pathlib import Path
import {module} as module
from shortd.upkeep import undertaker

undertaker.DEAD_SECONDS = 0.1

def die():
    if Path({armed!r}).exists():
        os.kill(os.getpid(), signal.SIGKILL)

*owner, name = {name!r}.split(".")
owner = getattr(module, owner[0]) if owner else module
real = getattr(owner, name)

@functools.wraps(real)
async def later(*arguments, **options):
    {before} and die()
    result = await real(*arguments, **options)
    die()
    return result

@functools.wraps(real)
def now(*arguments, **options):
    {before} and die()
    result = real(*arguments, **options)
    die()
    return result

setattr(owner, name, later if inspect.iscoroutinefunction(real) else now)
"""


@pytest.fixture
def mortal(tmp_path: Path, stage: Stage) -> Iterator[ServerProcess]:
    """A server that dies at that stage, while there is a file `armed`."""
    prelude = PRELUDE.format(**{**stage._asdict(), "armed": str(tmp_path / "armed")})
    process = ServerProcess(tmp_path / "data", ENVIRON, prelude=prelude, is_late=True)
    process.start()
    yield process
    process.stop()


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_the_worst_moment(mortal: ServerProcess, tmp_path: Path, stage: Stage) -> None:
    server, armed = mortal, tmp_path / "armed"
    owner = Patient(server)
    act = {"part": owner.send_part, "finish": owner.finish, "delete": owner.delete}
    for action in ("part", "finish", "delete"):
        if action == stage.action:
            armed.touch()
            with suppress(httpx.TransportError):
                act[action]()
            server.wait()
            assert faults_in(server.data_dir) == []
            armed.unlink()
            server.start()
            assert owner.is_done(action) == stage.happened
            if stage.happened:
                continue
        act[action]()
        assert owner.is_done(action)
    orphaned = stage.name == "BlobWriter._publish" and not stage.before
    orphaned = orphaned or stage.name == "put_part"
    wait_for(lambda: len(on_disk(server.data_dir)) == orphaned)
    assert server.stop() == 0
    assert faults_in(server.data_dir) == []
    assert len(orphans(server.data_dir)) == orphaned


class Patient:
    """Sends a part, finishes the upload and deletes the file, as often as it takes."""

    DATA = b"data" * 1000
    SHORTURL = "127.0.0.1:8080/MyNotes"

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._userid = server.call("temporary_account")["userid"]
        self._filekey = server.call(
            "file_part_initialize", userid=self._userid, filename="f", filesize=len(self.DATA)
        )["filekey"]

    def send_part(self) -> None:
        query = {"filekey": self._filekey, "partnumber": 0, "partsize": len(self.DATA)}
        output(
            httpx.post(
                f"{self._server.url}/v2/file_part_upload",
                content=file_form({"userid": self._userid, **query}, self.DATA),
                headers={"content-type": FORM_TYPE},
            )
        )

    def finish(self) -> None:
        self._call("file_part_finalize", filekey=self._filekey, code="MyNotes")

    def delete(self) -> None:
        self._call("delete", shorturl=self.SHORTURL)

    def is_done(self, action: str) -> bool:
        """Whether an action happened; if not, nothing of it did."""
        response = httpx.get(f"{self._server.url}/MyNotes", follow_redirects=True)
        assert response.status_code in (200, 404)
        if action == "finish":
            assert response.status_code == 404 or response.content == self.DATA
            return response.status_code == 200
        if action == "delete":
            return response.status_code == 404
        # As an encrypted file it is wrong either way: with its part the bytes are no frames,
        # without it there are too few of them.
        wrong = {"encryption": 1, "challenge": "00" * 16, "signature": "00" * 44}
        inputs = {"userid": self._userid, "filekey": self._filekey, **wrong}
        response = httpx.post(f"{self._server.url}/v2/file_part_finalize", json=inputs)
        status, code, field = error(response)
        assert (status, code) == (400, "bad_file")
        return field is None

    def _call(self, name: str, **inputs: Any) -> None:
        self._server.call(name, userid=self._userid, **inputs)
