"""Sending files into somebody's box: each by itself, in parts, two at a time.

Of an encrypted box nothing leaves but what its owner alone can read. The ledger tells which files
are in the box, and of a plain one which parts are there; keys of files are never kept, so that an
encrypted one that was interrupted begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeVar

import httpx
import msgspec

from shortd.client.api import Nothing
from shortd.client.box_keys import Label, Seal, seal_to
from shortd.client.connection import Answer, shown
from shortd.client.crypto import FRAME_BYTES
from shortd.client.failures import ClientFailure, Refused
from shortd.client.parcel import Parcel
from shortd.client.progress import Progress
from shortd.client.send import Received, side_by_side
from shortd.client.state import Ledger
from shortd.client.visited import BASE, Visited

LARGEST_PART_BYTES = 1 << 28
"""What a server may ask for: two of these are in memory at once."""
PIECE_BYTES = 64 << 10
"""Of a part, handed on at a time."""
NO_BOX = "{} is no box: nothing can be sent to it."
_OPENING = "/-/open"
_ACTION = re.compile(BASE + r"/-/box/[A-Za-z0-9._~%-]{1,4096}", re.ASCII)

Output = TypeVar("Output")
Body = Callable[[], dict[str, Any]]
"""What one attempt sends, as httpx has it."""


class Box(msgspec.Struct):
    """What a server tells of a box to who sends."""

    action: str
    most_file_bytes: int
    files: int
    """That may still come."""
    name: str = ""
    types: list[str] = []
    public_key: str = ""
    closed: bool = False


class _Told(msgspec.Struct):
    box: Box


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """A file that is on its way."""

    number: int
    filekey: str
    part_bytes: int


class Acknowledged(msgspec.Struct, frozen=True, tag="part"):
    """A part of it that the server has."""

    filekey: str
    part: int


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A file that is in the box, by its number."""

    number: int


_rows: msgspec.json.Decoder[Begun | Acknowledged | Sent] = msgspec.json.Decoder(
    Begun | Acknowledged | Sent
)


class _Upload(msgspec.Struct):
    filekey: str
    part_bytes: int


class BoxVisitor(Visited):
    """Someone with a box's link: `look`, `open` if it asks for a password, `ask` and `put`."""

    _password: str | None = None
    is_protected = False
    """Whether it asks for a password."""
    _opening: str | None = None
    """The path where that is named, if the server says it."""
    box: Box
    """Once it is open."""

    async def look(self) -> None:
        """Opens the box, or learns that it asks for a password. `ClientFailure`."""
        try:
            await self.open()
        except Refused as refused:
            if refused.code != "link_protected":
                raise
            self.is_protected = True
            self._opening = _opening(refused.location)

    async def open(self, password: str | None = None) -> bool:
        """Whether the box is open to who names this password. `ClientFailure` if there is none, or
        none to be sent to.
        """
        if password is None:
            answer = await self.get()
        else:
            # If the server does not say it, a code is the last of its address.
            page = self._opening or f"{self._url.path.rstrip('/').rpartition('/')[0]}{_OPENING}"
            code = self._url.path.removeprefix(page.removesuffix(_OPENING)).strip("/")
            form = {"code": code, "password": password}
            try:
                answer = await self._post(self.own(httpx.URL(page)), lambda: {"data": form})
            except Refused as refused:
                if refused.code != "wrong_password":
                    raise
                return False
            there = httpx.URL(answer.location or "")
            if there.path != page:
                raise ClientFailure(NO_BOX.format(shown(self._url)))
            send, there = self._connection.send, self.own(there)
            answer = await self._connection.patiently(lambda: send("GET", there))
        try:
            self.box = msgspec.json.decode(answer.body, type=_Told).box
        except (msgspec.DecodeError, RecursionError):
            raise ClientFailure(NO_BOX.format(shown(self._url))) from None
        if not _ACTION.fullmatch(_path(httpx.URL(self.box.action))):
            raise ClientFailure("The server names an address that is no box of its own.")
        self._password = password
        return True

    def check(self, parcels: Iterable[tuple[str, int]]) -> None:
        """ClientFailure if the box would not take files of these names and sizes."""
        box, names = self.box, []
        if box.closed:
            raise ClientFailure("This box takes nothing any more.")
        for name, size in parcels:
            names.append(name)
            if size > box.most_file_bytes:
                raise ClientFailure(
                    f"{name} has {size} bytes, and this box takes {box.most_file_bytes} at most."
                )
        if len(names) > box.files:
            count = len(names)
            raise ClientFailure(f"These are {count} files, and this box takes {box.files} more.")

    async def ask(self, act: str, kind: type[Output], **given: str | int) -> Output:
        """What an act of the box answers. `ClientFailure`."""
        return await self._asked(act, {}, kind, lambda: {"data": given})

    async def put(self, filekey: str, part: int, data: bytes, progress: Progress) -> None:
        """Sends one part. `ClientFailure`, also for one that did not arrive as it was sent."""
        unsent = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal unsent
            progress.advance(-unsent)
            unsent = 0
            for at in range(0, len(data), PIECE_BYTES):
                piece = data[at : at + PIECE_BYTES]
                unsent += len(piece)
                progress.advance(len(piece))
                yield piece

        def body() -> dict[str, Any]:
            return {"content": pieces(), "headers": {"content-length": str(len(data))}}

        query: dict[str, str | int] = {"filekey": filekey, "number": part}
        received = await self._asked("part", query, Received, body)
        if received.sha256 not in ("", hashlib.sha256(data).hexdigest()):
            raise ClientFailure(f"Part {part} did not arrive as it was sent.")

    async def _asked(
        self, act: str, query: Mapping[str, str | int], kind: type[Output], body: Body
    ) -> Output:
        try:
            answer = await self._post(self._address(act, query), body)
        except Refused as refused:
            if refused.code != "link_protected" or self._password is None:
                raise
            # The time of the password that was named is over.
            key = self.box.public_key
            if not await self.open(self._password) or self.box.public_key != key:
                raise ClientFailure("Another box has taken the place of this one.") from None
            answer = await self._post(self._address(act, query), body)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, RecursionError):
            raise ClientFailure(f"{shown(answer.url)} does not answer like a box.") from None

    def _address(self, act: str, query: Mapping[str, str | int]) -> httpx.URL:
        action = self.own(httpx.URL(self.box.action))
        _, _, proof = action.raw_path.decode("ascii").partition("?")
        path = f"{_path(action)}/{act}?{proof}"
        return action.copy_with(raw_path=path.encode("ascii")).copy_merge_params(query)

    async def _post(self, url: httpx.URL, body: Body) -> Answer:
        send = self._connection.send
        return await self._connection.patiently(lambda: send("POST", url, **body()))


def _path(address: httpx.URL) -> str:
    """Its path as it is sent: in codes, escapes are escaped."""
    return address.raw_path.decode("ascii").partition("?")[0]


def _opening(location: str | None) -> str | None:
    """A path where passwords are named; None for what is none."""
    is_one = location is not None and re.fullmatch(BASE + _OPENING, location, re.ASCII)
    return location if is_one else None


class BoxSender:
    """Files on their way into one box."""

    def __init__(self, visitor: BoxVisitor, note: str, ledger: Ledger, progress: Progress) -> None:
        self._visitor = visitor
        self._note = note
        self._ledger = ledger
        self._progress = progress

    def is_sent(self, number: int) -> bool:
        """Whether an earlier run has sent the file of this number."""
        return Sent(number) in self._ledger.rows(_rows)

    async def send(self, number: int, parcel: Parcel) -> None:
        """Sends one file. `ClientFailure`; then the ledger tells how far it came."""
        begun = self._begun(number)
        try:
            try:
                await self._send(number, parcel, begun)
            except Refused as refused:
                if refused.code != "upload_not_found" or begun is None:
                    raise
                # Its time was up.
                await self._send(number, parcel, None)
        except Refused as refused:
            raise ClientFailure(f"{parcel.name}: {refused}") from None
        self._ledger.append(Sent(number))

    def _begun(self, number: int) -> Begun | None:
        rows = self._ledger.rows(_rows)
        found = [row for row in rows if isinstance(row, Begun) and row.number == number]
        return found[-1] if found else None

    async def _send(self, number: int, parcel: Parcel, begun: Begun | None) -> None:
        key = self._visitor.box.public_key
        seal = seal_to(key) if key else None
        begun = begun or await self._begin(number, parcel)
        rows = self._ledger.rows(_rows)
        parts = [
            Acknowledged(begun.filekey, at) for at in range(parcel.part_count(begun.part_bytes))
        ]
        sizes = {row: parcel.stored_bytes(row.part, begun.part_bytes) for row in parts}
        waiting = iter([row for row in parts if row not in rows])
        there = sum(size for row, size in sizes.items() if row in rows)
        self._progress.start(parcel.name, sum(sizes.values()), there)

        async def work() -> None:
            file_key = seal.file_key if seal else None
            for row in waiting:
                data = await asyncio.to_thread(parcel.part, row.part, begun.part_bytes, file_key)
                await self._visitor.put(row.filekey, row.part, data, self._progress)
                if seal is None:
                    self._ledger.append(row)

        await side_by_side(work)
        await self._finish(parcel, begun, seal)

    async def _begin(self, number: int, parcel: Parcel) -> Begun:
        said = {} if parcel.is_sealed else {"name": parcel.name, "type": parcel.filetype}
        upload = await self._visitor.ask("begin", _Upload, size=parcel.size, **said)
        if not 0 < upload.part_bytes <= LARGEST_PART_BYTES or upload.part_bytes % FRAME_BYTES:
            raise ClientFailure("The server wants parts of a size that they cannot have.")
        begun = Begun(number, upload.filekey, upload.part_bytes)
        if not parcel.is_sealed:
            self._ledger.append(begun)
        return begun

    async def _finish(self, parcel: Parcel, begun: Begun, seal: Seal | None) -> None:
        said = {"note": self._note}
        if seal is not None:
            label = seal.label(Label(parcel.name, parcel.filetype, self._note))
            said = {"sender_key": seal.sender_key, "label": label}
        await self._visitor.ask("finish", Nothing, filekey=begun.filekey, **said)
