"""Sending a file in parts, two at a time, such that an interrupted send goes on where it was.

The ledger holds the upload's key, the parts that the server acknowledged, and the signature of
an encrypted file, which the server shows to anyone: it tells whether the password of a later
run is the same, and holds no other secret. Parts under two secrets must never be mixed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from mimetypes import guess_type
from typing import Any, TypeAlias

import msgspec

from shortd.client.api import Api, Body, Credentials, Nothing
from shortd.client.crypto import FileKey
from shortd.client.failures import ClientFailure, Refused
from shortd.client.parcel import Parcel
from shortd.client.progress import Progress
from shortd.client.state import Ledger

SIDE_BY_SIDE = 2
"""Parts on their way at once."""
LOOK_BACK = 20
"""Newest entries among which a link is looked for whose making got no answer."""
PAGE = 5
"""Entries that are asked for at once, so that the answer stays small whatever they hold."""
DAY = 86_400_000_000
"""In µs."""


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


class AccountInfo(msgspec.Struct):
    expiration_utime: int
    """When the account ends (Unix µs)."""


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
        self._credentials = credentials
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
        if not re.fullmatch(r"https?://[!-~]{1,2048}", short_url):
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
        challenge, key = self._unlocked(begun)
        await self._send_parts(begun, key, [number for number in sizes if number not in done])
        return await self._finish(begun, challenge)

    def _unlocked(self, begun: Begun) -> tuple[bytes, FileKey | None]:
        """The challenge of an encrypted upload, and the key of its frames."""
        if self._parcel.lock is None:
            return b"", None
        secret = self._parcel.lock.secret
        challenge = secret.open_signature(begun.signature)
        assert challenge is not None, "it was made with this secret, or tried with it"
        return challenge, secret.file_key(challenge)

    def _begun(self) -> Begun | None:
        """The upload to go on with, unless it was under another password."""
        for row in self._ledger.rows(_rows):
            if isinstance(row, Begun):
                lock = self._parcel.lock
                if lock is None or lock.secret.open_signature(row.signature) is not None:
                    return row
                self._progress.note("This is not the password of last time: beginning anew.")
                self._ledger.clear()
        return None

    async def _begin(self) -> Begun:
        parcel = self._parcel
        if parcel.members:
            await self._check_server()
        output = await self._api.call(
            "file_part_initialize",
            Filekey,
            filename=parcel.name,
            filesize=parcel.size,
            filetype=parcel.filetype,
            **self._credentials.inputs(),
        )
        signature = ""
        if parcel.lock is not None:
            signature = parcel.lock.secret.new_signature(is_bound=parcel.lock.is_bound)
        begun = Begun(output.filekey, parcel.part_bytes(), signature)
        self._ledger.append(begun)
        return begun

    async def _check_server(self) -> None:
        """ClientFailure for a server that has links for one file alone: before it is sent any."""
        try:
            await self._api.call("bundle", Nothing, **self._credentials.inputs())
        except Refused as refused:
            if refused.code == "unknown_call":
                raise ClientFailure(
                    "This server has links for one file alone: make an archive of these, or encrypt"
                    " them, which makes one."
                ) from None
            if refused.status == 401:
                raise

    async def _send_parts(self, begun: Begun, key: FileKey | None, numbers: list[Number]) -> None:
        waiting = iter(numbers)

        async def work() -> None:
            for number in waiting:
                await self._send_part(begun, key, number)

        await side_by_side(work)

    async def _send_part(self, begun: Begun, key: FileKey | None, number: Number) -> None:
        data = await asyncio.to_thread(self._parcel.part, number, begun.part_bytes, key)
        received = await self._api.upload(
            "file_part_upload",
            Received,
            Body(data, self._progress.advance),
            filekey=begun.filekey,
            partnumber=number,
            partsize=len(data),
            **self._credentials.inputs(),
        )
        if received.sha256 not in ("", hashlib.sha256(data).hexdigest()):
            raise ClientFailure(f"Part {number} did not arrive as it was sent.")
        self._ledger.append(Acknowledged(number))

    async def _finish(self, begun: Begun, challenge: bytes) -> str:
        asked = [row for row in self._ledger.rows(_rows) if isinstance(row, Terms)]
        inputs: dict[str, object] = {"expiration_count": self._terms.expiration_count}
        if self._terms.expire_seconds:
            inputs["expiration_utime"] = await self._end()
        if self._terms.code:
            inputs["code"] = self._terms.code
        if challenge:
            inputs |= {
                "encryption": 1,
                "challenge": challenge.hex(),
                "signature": begun.signature,
            }
        if self._parcel.members:
            inputs["entries"] = [
                {
                    "path": member.path,
                    "filesize": member.size,
                    "filetype": guess_type(member.path)[0] or "",
                    "utime": member.utime,
                }
                for member in self._parcel.members
            ]
        self._ledger.append(self._terms)
        try:
            made = await self._api.call(
                "bundle" if self._parcel.members else "file_part_finalize",
                Made,
                filekey=begun.filekey,
                **inputs,
                **self._credentials.inputs(),
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

    async def _end(self) -> int:
        """When the link is to end, by the server's clock (Unix µs)."""
        now = await self._api.now(self._credentials)
        end = now + self._terms.expire_seconds * 1_000_000
        if not self._credentials.token:
            # A temporary account's. A server that does not say how long it lives is no obstacle.
            with suppress(ClientFailure):
                account = await self._api.call(
                    "get_account_info", AccountInfo, **self._credentials.inputs()
                )
                if account.expiration_utime < end:
                    days = max(0, account.expiration_utime - now) / DAY
                    self._progress.note(
                        f"The temporary account ends in {days:.0f} days, and this link with it;"
                        " --username shares with an account that stays."
                    )
        return end

    async def _look_back(self, filekey: str) -> Entry | None:
        """The entry of a file that was made just now."""
        for start in range(0, LOOK_BACK, PAGE):
            output = await self._api.call(
                "get_entries", Entries, start=start, count=PAGE, **self._credentials.inputs()
            )
            for entry in output.entries:
                if entry.filekey == filekey:
                    return entry
        return None


async def side_by_side(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Does the work several times at once, until each of them has nothing more to do. What fails
    first ends them all, and is raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(SIDE_BY_SIDE):
                group.create_task(work())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
