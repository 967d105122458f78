"""Sending a file in parts, two at a time, such that an interrupted send goes on where it was.

The ledger holds the upload's key, the parts that the server acknowledged, and the signature of
an encrypted file, which the server shows to anyone: it tells whether the password of a later
run is the same, and holds no other secret. Parts under two passwords must never be mixed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import TypeAlias

import msgspec

from shortd.client.api import Api, Body, Credentials
from shortd.client.crypto import new_signature, open_signature
from shortd.client.failures import ClientFailure, Refused
from shortd.client.parcel import Parcel
from shortd.client.progress import Progress
from shortd.client.state import Ledger

SIDE_BY_SIDE = 2
"""Parts on their way at once."""
LOOK_BACK = 20
"""Newest entries among which a link is looked for whose making got no answer."""


class Terms(msgspec.Struct, frozen=True, tag="terms"):
    """What the link is asked to be, noted just before it is asked for."""

    expire_seconds: int = 0
    """0 for never."""
    expiration_count: int = 0
    code: str = ""


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """An upload, as it was begun."""

    filekey: str
    part_bytes: int
    signature: str = ""


class Acknowledged(msgspec.Struct, frozen=True, tag="part"):
    """A part that the server has."""

    number: int


_rows: msgspec.json.Decoder[Begun | Acknowledged | Terms] = msgspec.json.Decoder(
    Begun | Acknowledged | Terms
)
Number: TypeAlias = int


class Filekey(msgspec.Struct):
    filekey: str


class Received(msgspec.Struct):
    """What a server got; ours says its SHA-256."""

    sha256: str = ""


class Entry(msgspec.Struct):
    shorturl: str
    filekey: str = ""


class Made(msgspec.Struct):
    entry: Entry


class Entries(msgspec.Struct):
    entries: list[Entry]


class Sender:
    """One file on its way to one link."""

    def __init__(
        self,
        api: Api,
        credentials: Credentials,
        parcel: Parcel,
        terms: Terms,
        ledger: Ledger,
        progress: Progress,
    ) -> None:
        self._api = api
        self._credentials = credentials.inputs()
        self._parcel = parcel
        self._terms = terms
        self._ledger = ledger
        self._progress = progress

    async def send(self) -> str:
        """The short URL of the file. `ClientFailure`; then the ledger tells how far it came."""
        resumed = self._begun() is not None
        try:
            short_url = await self._send()
        except Refused as refused:
            if refused.code != "upload_not_found" or not resumed:
                raise
            # Its time was up.
            self._ledger.clear()
            short_url = await self._send()
        self._ledger.forget()
        if not re.fullmatch(r"https?://[!-~]+", short_url):
            raise ClientFailure("The server gave a short URL that cannot be one.")
        return short_url

    async def _send(self) -> str:
        begun = self._begun() or await self._begin()
        parcel, rows = self._parcel, self._ledger.rows(_rows)
        sizes = {
            number: parcel.stored_bytes(number, begun.part_bytes)
            for number in range(parcel.part_count(begun.part_bytes))
        }
        done = {row.number for row in rows if isinstance(row, Acknowledged)}
        there = sum(size for number, size in sizes.items() if number in done)
        self._progress.start(parcel.name, sum(sizes.values()), there)
        await self._send_parts(begun, [number for number in sizes if number not in done])
        return await self._finish(begun)

    def _begun(self) -> Begun | None:
        """The upload to go on with, unless it was under another password."""
        for row in self._ledger.rows(_rows):
            if isinstance(row, Begun):
                key = self._parcel.key
                if key is None or open_signature(key, row.signature) is not None:
                    return row
                self._progress.note("This is not the password of last time: beginning anew.")
                self._ledger.clear()
        return None

    async def _begin(self) -> Begun:
        parcel = self._parcel
        output = await self._api.call(
            "file_part_initialize",
            Filekey,
            filename=parcel.name,
            filesize=parcel.size,
            filetype=parcel.filetype,
            **self._credentials,
        )
        signature = "" if parcel.key is None else new_signature(parcel.key)
        begun = Begun(output.filekey, parcel.part_bytes(), signature)
        self._ledger.append(begun)
        return begun

    async def _send_parts(self, begun: Begun, numbers: list[Number]) -> None:
        waiting = iter(numbers)

        async def work() -> None:
            for number in waiting:
                await self._send_part(begun, number)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(SIDE_BY_SIDE):
                    group.create_task(work())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _send_part(self, begun: Begun, number: Number) -> None:
        data = await asyncio.to_thread(self._parcel.part, number, begun.part_bytes)
        received = await self._api.upload(
            "file_part_upload",
            Received,
            Body(data, self._progress.advance),
            filekey=begun.filekey,
            partnumber=number,
            partsize=len(data),
            **self._credentials,
        )
        if received.sha256 not in ("", hashlib.sha256(data).hexdigest()):
            raise ClientFailure(f"Part {number} did not arrive as it was sent.")
        self._ledger.append(Acknowledged(number))

    async def _finish(self, begun: Begun) -> str:
        asked = [row for row in self._ledger.rows(_rows) if isinstance(row, Terms)]
        inputs: dict[str, object] = {"expiration_count": self._terms.expiration_count}
        if self._terms.expire_seconds:
            inputs["expiration_utime"] = (int(time.time()) + self._terms.expire_seconds) * 1_000_000
        if self._terms.code:
            inputs["code"] = self._terms.code
        key = self._parcel.key
        if key is not None:
            challenge = open_signature(key, begun.signature)
            inputs |= {"encryption": 1, "challenge": challenge, "signature": begun.signature}
        self._ledger.append(self._terms)
        try:
            made = await self._api.call(
                "file_part_finalize", Made, filekey=begun.filekey, **inputs, **self._credentials
            )
        except Refused as refused:
            if refused.code == "bad_file":
                # What the server has is of no use, and would be of none next time.
                self._ledger.clear()
            # It may have been made already, by a call whose answer was lost.
            entry = None
            if refused.code == "upload_not_found" and set(asked) <= {self._terms}:
                entry = await self._look_back(begun.filekey)
            if entry is None:
                raise
            return entry.shorturl
        return made.entry.shorturl

    async def _look_back(self, filekey: str) -> Entry | None:
        output = await self._api.call("get_entries", Entries, count=LOOK_BACK, **self._credentials)
        return next((entry for entry in output.entries if entry.filekey == filekey), None)
