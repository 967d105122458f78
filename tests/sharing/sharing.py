"""People who share files, forms as their clients send them, and what a server keeps of it all."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from shortd.files.blobs import stored_blobs
from shortd.store import Store
from shortd.store.check import faults
from shortd.store.schema import DEAD_BLOBS, FILE_PARTS, STORED_BYTES
from shortd.store.txn import Txn
from shortd.testing import RunningApp
from tests.api.v2.people import Person

BOUNDARY = "----a-boundary-of-usual-length"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
CHALLENGE = "284932ca2ea3595cf6d106ef51ca3826"
SIGNATURE = (
    "8d0734a61bc0cc213c062f3a95a01c751a4fe5f2f99e55285e24bcb459b10441a5d8aa012338edea2978b467"
)
SECRECY: dict[str, Any] = {"encryption": 1, "challenge": CHALLENGE, "signature": SIGNATURE}
"""What a client says of a file that it has encrypted (the document's sample)."""

Json = dict[str, Any]


def part(name: str, data: bytes, *headers: str, filename: str | None = None) -> bytes:
    """One part of a form."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = "\r\n".join([f"--{BOUNDARY}", disposition, *headers, "", ""])
    return head.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def query_part(query: Json) -> bytes:
    return part("query", json.dumps(query).encode(), "Content-Type: application/json")


def file_part(data: bytes) -> bytes:
    return part("file", data, "Content-Type: application/octet-stream", filename="any name")


def file_form(query: Json, data: bytes, *, query_first: bool = True) -> bytes:
    parts = [query_part(query), file_part(data)]
    return form(*(parts if query_first else reversed(parts)))


def frames(*sizes: int) -> bytes:
    """An encrypted body of frames with so many plain bytes each; only its shape is real."""
    return b"".join(struct.pack("<I", 28 + size) + os.urandom(28 + size) for size in sizes)


class Sharer(Person):
    """Owner of an account who shares files."""

    def post_form(self, name: str, body: bytes, content_type: str = FORM_TYPE) -> httpx.Response:
        headers = {"content-type": content_type}
        return self.app.request("POST", f"/v2/{name}", content=body, headers=headers)

    def query(self, data: bytes = b"", **inputs: Any) -> Json:
        """Of a `file` call; the size is that of the data unless it is given."""
        return {**self.credentials, "filename": "notes.txt", "filesize": len(data), **inputs}

    def send(self, data: bytes, *, query_first: bool = True, **inputs: Any) -> httpx.Response:
        """The call `file`."""
        body = file_form(self.query(data, **inputs), data, query_first=query_first)
        return self.post_form("file", body)

    def share(self, data: bytes, **inputs: Any) -> Json:
        """A file's entry."""
        entry: Json = output(self.send(data, **inputs))["entry"]
        return entry

    def share_in_parts(self, parts: Sequence[bytes], **inputs: Any) -> Json:
        """A file's entry; a plain file's size is that of its parts."""
        begun = {name: inputs.pop(name) for name in ("filename", "filetype") if name in inputs}
        filekey = self.begin(inputs.pop("filesize", sum(map(len, parts))), **begun)
        for number, data in enumerate(parts):
            output(self.send_part(filekey, number, data))
        return self.finish(filekey, **inputs)

    def begin(self, filesize: int, **inputs: Any) -> str:
        """An upload's filekey."""
        described = {"filename": "notes.txt", "filesize": filesize, **inputs}
        filekey: str = self.call("file_part_initialize", **described)["filekey"]
        return filekey

    def send_part(self, filekey: str, number: int, data: bytes, **inputs: Any) -> httpx.Response:
        query = {"filekey": filekey, "partnumber": number, "partsize": len(data), **inputs}
        return self.post_form("file_part_upload", file_form({**self.credentials, **query}, data))

    def finish(self, filekey: str, **inputs: Any) -> Json:
        entry: Json = self.call("file_part_finalize", filekey=filekey, **inputs)["entry"]
        return entry

    def follow(self, entry: Json, **options: Any) -> httpx.Response:
        """A visit to the short URL."""
        return self.app.get(entry["shorturl"], **options)

    def address(self, entry: Json) -> str:
        """The signed address that a visit leads to."""
        response = self.follow(entry)
        assert response.status_code == 302, response.text
        return response.headers["location"]

    def fetch(self, entry: Json) -> bytes:
        response = self.app.get(self.address(entry))
        assert response.status_code == 200, response.text
        return response.content


def sharer(app: RunningApp) -> Sharer:
    """Owner of a new temporary account."""
    return Sharer(app, app.call("temporary_account")["userid"])


def output(response: httpx.Response) -> Json:
    """Of a call that succeeded."""
    envelope = response.json()
    assert envelope["status"] == "success", envelope
    answer: Json = envelope["output"]
    return answer


def error(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of a call that was refused."""
    envelope = response.json()
    assert envelope["status"] == "error", envelope
    assert envelope["output"] == {}
    return response.status_code, envelope["error"]["code"], envelope["error"]["field"]


def bury(app: RunningApp) -> None:
    """What the undertaker does every other second."""
    app.run(app.services.upkeep.undertaker.bury())


def on_disk(data_dir: Path) -> list[str]:
    """Every file below `files/`, finished or not."""
    folder = data_dir / "files"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def stored(app: RunningApp, person: Person) -> int:
    """Bytes that count against an account's quota."""
    with app.services.store.read() as txn:
        return STORED_BYTES.get(txn, (person.userid,)) or 0


def assert_sound(app: RunningApp) -> None:
    """Nothing in the tables contradicts the rest, and the disk has what they name, no more."""
    bury(app)
    data_dir = app.services.settings.data_dir
    with app.services.store.read() as txn:
        assert faults_of(txn, data_dir) == []
        assert list(DEAD_BLOBS.scan(txn)) == []
        named = {part.blob for _, part in FILE_PARTS.scan(txn)}
    assert on_disk(data_dir) == sorted(f"{name[:2]}/{name}" for name in named)


def assert_nothing_kept(app: RunningApp) -> None:
    """No trace of any file or upload."""
    assert_sound(app)
    assert on_disk(app.services.settings.data_dir) == []
    with app.services.store.read() as txn:
        assert list(STORED_BYTES.scan(txn)) == []


def faults_of(txn: Txn, data_dir: Path) -> list[str]:
    sizes = {name: status.st_size for name, status in stored_blobs(data_dir / "files")}
    return list(faults(txn, sizes))


def faults_in(data_dir: Path) -> list[str]:
    """Of a server that is not running."""
    store = Store(data_dir)
    try:
        with store.read() as txn:
            return faults_of(txn, data_dir)
    finally:
        store.close()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something in another process, which has no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """The data in pieces of these sizes; the last takes what is left."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    return [*pieces, data[start:]]
