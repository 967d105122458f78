"""What came into a box, as its owner fetches it: all of it, opened by the private key of his link.

What strangers sent may be named anything and be damaged: none of it keeps the rest from its owner.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import msgspec

from shortd.client.api import Credentials
from shortd.client.box_keys import BoxKey
from shortd.client.connection import Connection, origin
from shortd.client.failures import ClientFailure
from shortd.client.metering import Endless
from shortd.client.names import safe_name
from shortd.client.offer import FILE_PATH, Lock, Offer
from shortd.client.several import Piece, Told
from shortd.client.visited import BASE, Visited, joined, origin_of

MOST_AT_ONCE = 50
"""Files that are asked for at once; fewer where the answer gets too long."""
MOST_FILES = 10_000
"""In a box, so that a server comes to an end: ours has 500."""
WRONG_KEY = "The key behind the # of this link is not its box's."
_PAGE = re.compile(BASE + r"/-/boxes/(?P<id>[0-9]{1,18})", re.ASCII)


def box_number(address: str) -> int | None:
    """The number of the box whose owner's page this is; None for any other address."""
    found = _PAGE.fullmatch(urlsplit(address).path)
    return int(found["id"]) if found else None


class BoxFile(msgspec.Struct):
    """One of the files, as a server tells it."""

    id: int
    filesize: int
    url: str
    filename: str = ""
    utime: int = 0
    note: str = ""
    sender_key: str = ""
    label: str = ""


class BoxShown(msgspec.Struct):
    name: str
    public_key: str = ""


class BoxFiles(msgspec.Struct):
    """Some of the files, the newest first."""

    box: BoxShown
    files: list[BoxFile]


class OwnBox:
    """A box of somebody who has signed in."""

    address = ""
    """It is told of to whoever asks."""

    def __init__(
        self, connection: Connection, server: str, number: int, credentials: Credentials, key: str
    ) -> None:
        self._base = httpx.URL(server)
        self._visited = Visited(connection, server, self._base.path.rstrip("/"))
        self._id = number
        self._credentials = credentials
        self._key = key
        self._opener: BoxKey | None = None
        self.elsewhere = ""
        """Where the server says that the files are, if that is not where it was asked."""
        self.unreadable = 0
        """Files whose names could not be opened."""

    async def told(self) -> Told:
        """All that came, the oldest first. ClientFailure, also for an encrypted box without its
        key.
        """
        found: dict[int, BoxFile] = {}
        count = MOST_AT_ONCE
        while True:
            listing = await self._some(len(found), count)
            if listing is None:
                count = max(1, count // 4)
                continue
            before = len(found)
            found |= {file.id: file for file in listing.files}
            if len(found) == before or len(listing.files) < count:
                break
            if len(found) > MOST_FILES:
                raise ClientFailure("The server does not come to an end with the list of files.")
        self._unlock(listing.box.public_key)
        pieces = [self._piece(file) for _, file in sorted(found.items())]
        self.unreadable = pieces.count(None)
        return Told(listing.box.name, [piece for piece in pieces if piece is not None])

    async def renewed(self) -> Told:
        """The same from new addresses."""
        return await self.told()

    async def _some(self, start: int, count: int) -> BoxFiles | None:
        """Files from the `start`-th on; None if so many make too long an answer."""
        try:
            return await self._visited.call(
                "list_box",
                BoxFiles,
                id=self._id,
                start=start,
                count=count,
                **self._credentials.inputs(),
            )
        except Endless:
            if count == 1:
                raise
            return None

    def _unlock(self, public_key: str) -> None:
        if not public_key or self._opener is not None:
            return
        if not self._key:
            raise ClientFailure(
                "This box is encrypted: its key stands behind the # of the link that you kept."
            )
        opener = BoxKey(self._key)
        if not opener.is_of(public_key):
            raise ClientFailure(WRONG_KEY)
        self._opener = opener

    def _piece(self, file: BoxFile) -> Piece | None:
        address = joined(self._base, file.url)
        if address is None or not FILE_PATH.fullmatch(address.path) or file.filesize < 0:
            raise ClientFailure("The server names an address that is no file of its own.")
        if origin_of(address) != origin_of(self._base):
            self.elsewhere = origin(address)
        own = str(self._visited.own(address))
        if self._opener is None:
            # A file of a box never changes; its address does.
            offer = Offer(safe_name(file.filename), file.filesize, own, f'"{address.path}"')
            return Piece(file.id, offer.name, file.utime, offer, note=file.note)
        opened = self._opener.opened(file.sender_key, file.label)
        if opened is None:
            return None
        key, label = opened
        lock = Lock("", file.sender_key)
        offer = Offer(safe_name(label.name), file.filesize, own, "", lock)
        return Piece(file.id, offer.name, file.utime, offer, key, label.note)
