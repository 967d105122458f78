"""The files that stand under one link, as a server tells of them to who has visited it."""

from __future__ import annotations

import re

import msgspec

from shortd.client.connection import Connection
from shortd.client.failures import ClientFailure, Refused
from shortd.client.fetch import RENEWED_BY
from shortd.client.names import safe_name
from shortd.client.offer import Offer, Visitor
from shortd.client.several import Piece, Told

MOST_PAGES = 400
"""Answers in which a server may tell of the files: ours needs a tenth."""


class Entry(msgspec.Struct):
    """One of the files under a link, as a server tells it."""

    path: str
    filesize: int
    url: str
    etag: str = ""
    utime: int = 0


class Listing(msgspec.Struct):
    """Some of them."""

    filename: str
    entries: list[Entry]
    next: str | None = None


class Bundle:
    """The files under one link, which are told of at an address."""

    def __init__(self, connection: Connection, visitor: Visitor, address: str) -> None:
        self.address = address
        self._connection = connection
        self._visitor = visitor

    async def told(self) -> Told:
        """What the server says of the files; another visit if it says nothing any more."""
        try:
            return await self._all()
        except Refused as refused:
            if refused.status not in RENEWED_BY:
                raise
            return await self.renewed()

    async def renewed(self) -> Told:
        """The same after another visit."""
        self.address = str(await self._visitor.again())
        return await self._all()

    async def _all(self) -> Told:
        pieces: list[Piece] = []
        name, after = "", self.address
        for _ in range(MOST_PAGES):
            listing = await self._some(after)
            name = name or listing.filename
            for entry in listing.entries:
                offer = self._offer(entry)
                pieces.append(Piece(len(pieces), entry.path, entry.utime, offer))
            if not listing.next:
                return Told(name, pieces)
            after = listing.next
        raise ClientFailure("The server does not come to an end with the list of files.")

    async def _some(self, address: str) -> Listing:
        there = self._visitor.own_file(address)
        if there is None:
            raise ClientFailure("The server names an address that is not its own.")
        send = self._connection.send
        answer = await self._connection.patiently(lambda: send("GET", there))
        if answer.location is not None:
            raise Refused("These files are no longer told of.", status=answer.status)
        try:
            return msgspec.json.decode(answer.body, type=Listing)
        except (msgspec.DecodeError, RecursionError):
            raise ClientFailure("The server does not say which files these are.") from None

    def _offer(self, entry: Entry) -> Offer:
        """One of the files. `ClientFailure` if it is not the server's own."""
        address = self._visitor.own_file(entry.url)
        if address is None or entry.filesize < 0:
            raise ClientFailure("The server names an address that is not its own.")
        etag = entry.etag if re.fullmatch(r'"[!#-~]{1,200}"', entry.etag) else ""
        return Offer(safe_name(entry.path), entry.filesize, str(address), etag)
