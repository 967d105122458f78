"""Signed addresses of files: who holds one may begin a download for a minute, and go on for longer.

An address names the link that it was given for, and is worth nothing once that link gives nothing.
What was given for a HEAD, which costs nobody anything, is good for HEAD alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shortd import errors
from shortd.clock import SECOND
from shortd.models.files import File
from shortd.models.links import Link
from shortd.security.signing import Signer
from shortd.store import Store
from shortd.store.schema import FILES, LINKS_BY_ID
from shortd.visits import Visits
from shortd.visits.decisions import Outcome, Visitor

ADDRESS_SECONDS = 60
"""A download must begin within this time of getting its address."""
RESUMED_SECONDS = 6 * 3600
"""For so long after that, a download that began may go on, and a player seek in what it plays. What
holds several files may be looked through for as long, and each of them be fetched."""

_DIGITS = 19
"""Of a number in an address; more of them would not fit 64 bits."""


class FileAddress(msgspec.Struct, frozen=True):
    """Where a file may be fetched."""

    link: Link | None
    """None for one from before addresses named links, which is good for its minute."""
    file: File
    expires: int
    """Unix time in µs until which a download may begin."""
    signature: str
    """Proves the rest."""
    is_for_head: bool = False
    filekey: str = ""
    """Of a file that came into the box of the link; empty for the one that the link shares."""

    @property
    def path(self) -> str:
        """The address, below any host of this server."""
        link = self.link
        assert link is not None, "it was made by `FileAddresses.of`"
        if self.filekey:
            return f"/-/files/{self.filekey}?{self.query}"
        room = "bundles" if self.file.entries else "files"
        return f"/-/{room}/{link.filekey}?{self.query}"

    @property
    def query(self) -> str:
        """What stands behind the path, and behind those of a bundle's files."""
        assert self.link is not None, "it was made by `FileAddresses.of`"
        name = "box" if self.filekey else "link"
        return f"{name}={self.link.id}&expires={self.expires}&signature={self.signature}"

    def is_over(self, now: int) -> bool:
        """Whether it is too late to begin a download."""
        if self.file.entries and self.link is not None and self.link.expiration_utime <= now:
            # It would be for hours.
            return True
        return self.expires <= now

    def may_resume(self, now: int) -> bool:
        """Whether a download that began may go on."""
        return (
            self.link is not None
            and not self.is_for_head
            and now < self.expires + RESUMED_SECONDS * SECOND
        )


class FileAddresses:
    """Signs addresses and reads them. Times are Unix µs."""

    def __init__(self, store: Store, visits: Visits, signer: Signer) -> None:
        self._store = store
        self._visits = visits
        self._signer = signer

    def of(self, link: Link, file: File, now: int, *, for_head: bool = False) -> FileAddress:
        """An address for the file of a link, which may be fetched."""
        expires = now + (RESUMED_SECONDS if file.entries else ADDRESS_SECONDS) * SECOND
        signature = self._signer.sign(_name(link.filekey, link.id, for_head), expires)
        return FileAddress(link, file, expires, signature, for_head)

    def of_received(self, link: Link, filekey: str, file: File, now: int) -> FileAddress:
        """An address for a file in the box of a link, for the box's owner."""
        expires = now + ADDRESS_SECONDS * SECOND
        signature = self._signer.sign(_name_in_box(filekey, link.id), expires)
        return FileAddress(link, file, expires, signature, filekey=filekey)

    def read(self, filekey: str, query: Mapping[str, str], now: int) -> FileAddress:
        """An address of ours, over or not. ADDRESS_EXPIRED for any other; NOT_FOUND if its link is
        not what it was, or gives nobody anything.
        """
        expires, signature = _number(query.get("expires", "")), query.get("signature", "")
        if "box" in query:
            return self._in_box(filekey, _number(query["box"]), expires, signature)
        if "link" not in query:
            return self._from_before(filekey, expires, signature)
        link_id = _number(query["link"])
        for for_head in (False, True):
            if self._signer.verify(_name(filekey, link_id, for_head), expires, signature):
                break
        else:
            raise errors.ADDRESS_EXPIRED()
        with self._store.read() as txn:
            link = LINKS_BY_ID.get(txn, (link_id,))
        if link is None or link.filekey != filekey:
            raise errors.NOT_FOUND()
        decision = self._visits.look(link.host, link.code, Visitor(now))
        if decision.outcome is Outcome.NOT_FOUND or decision.file is None:
            raise errors.NOT_FOUND()
        return FileAddress(link, decision.file, expires, signature, for_head)

    def _in_box(self, filekey: str, link_id: int, expires: int, signature: str) -> FileAddress:
        """The address of a file in a box, which has to be in it still."""
        if not self._signer.verify(_name_in_box(filekey, link_id), expires, signature):
            raise errors.ADDRESS_EXPIRED()
        with self._store.read() as txn:
            link, file = LINKS_BY_ID.get(txn, (link_id,)), FILES.get(txn, (filekey,))
        if link is None or file is None or not link.box or file.box != link.box:
            raise errors.NOT_FOUND()
        return FileAddress(link, file, expires, signature, filekey=filekey)

    def _from_before(self, filekey: str, expires: int, signature: str) -> FileAddress:
        """An address that was given out before an upgrade made them name links."""
        if not self._signer.verify(filekey, expires, signature):
            raise errors.ADDRESS_EXPIRED()
        file = self._store.get(FILES, (filekey,))
        if file is None:
            raise errors.NOT_FOUND()
        return FileAddress(None, file, expires, signature)


def _name(filekey: str, link_id: int, for_head: bool) -> str:
    """What is signed beside the time."""
    return f"{filekey}:{link_id}:HEAD" if for_head else f"{filekey}:{link_id}"


def _name_in_box(filekey: str, link_id: int) -> str:
    return f"{filekey}:box:{link_id}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1
