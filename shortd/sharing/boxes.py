"""Boxes: links by which others send files to an owner, with limits that are his.

What comes is the owner's from its first byte, and charged to him; so a box has a bound of its own,
which no stranger can move. An encrypted box has a public key here, and its private key nowhere:
names and contents are such as only its owner can read. This module must never ask who sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.files.boxes import drop_item, drop_uploads, items_of
from shortd.files.manifests import parts_of
from shortd.files.zip_streams import BlobRange, ZippedFile
from shortd.hosts import ShortHost
from shortd.hosts.destinations import Destination
from shortd.ids import random_text
from shortd.links import Links, NewLink
from shortd.links.links import PLAIN_TERMS, Which
from shortd.links.terms import check_characters
from shortd.models.accounts import Account, PasswordHash
from shortd.models.files import Box, BoxItem, File
from shortd.models.links import Link, Terms
from shortd.settings import LimitSettings
from shortd.sharing.files import PLAIN_CODE_LENGTHS
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    BOX_ITEMS,
    BOXES,
    FILES,
    LINKS,
    LINKS_WITH_BOX,
)
from shortd.store.txn import Txn, WriteTxn

KEY_LENGTH = 32
MOST_BOXES = 100
"""Of one account."""
NAME_CHARACTERS = 100
NOTE_CHARACTERS = 1000
MOST_FILES = 500
"""In one box: all of them go in one transaction."""
USUAL_FILES = 100
USUAL_BYTES = 1_000_000_000
"""What all files of a box may have where its owner says nothing."""
MOST_TYPES = 20
POINT_BYTES = 65
"""Of an uncompressed point of P-256 (SEC 1, 2.3.3)."""

_TYPE = re.compile(
    r"\.[a-z0-9][a-z0-9._+-]{0,30}|[a-z]{1,20}/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,80})"
)


class BoxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner says of a box, now and later."""

    note: str = ""
    """For who sends."""
    file_bytes: int = 0
    """Most bytes of one file; 0: as many as of all."""
    most_files: int = USUAL_FILES
    most_bytes: int = USUAL_BYTES
    types: Sequence[str] = ()
    """Suffixes such as ".pdf" and media types such as "image/*"; none: all."""


class Received(NamedTuple):
    """Something that came into a box."""

    serial: int
    item: BoxItem
    file: File


class Boxes:
    """The rules of owners over the store. Times are Unix µs."""

    def __init__(
        self, store: Store, links: Links, limits: LimitSettings, random: Random, *, enabled: bool
    ) -> None:
        self.enabled = enabled
        """`[web] boxes`."""
        self._store = store
        self._links = links
        self._limits = limits
        self._random = random

    async def create(
        self,
        account: Account,
        name: str,
        limits: BoxLimits,
        public_key: bytes,
        place: tuple[ShortHost, str | None],
        now: int,
        terms: Terms = PLAIN_TERMS,
        password: PasswordHash | None = None,
    ) -> Link:
        """Makes a box and its link. `public_key` is a point of P-256; empty: nothing is encrypted.

        NOT_ALLOWED where there are no boxes, NOT_REGISTERED, INVALID_FIELD (`field` is a name from
        here or from `BoxLimits`), QUOTA_EXCEEDED for too many of them, CODE_TAKEN.
        """
        if not self.enabled:
            raise errors.NOT_ALLOWED("This server has no boxes.")
        if not account.type.is_registered:
            raise errors.NOT_REGISTERED(field="userid")
        name = _line(name, NAME_CHARACTERS, "name")
        if not name:
            raise errors.INVALID_FIELD("A box needs a name.", field="name")
        if public_key:
            check_point(public_key, "public_key")
        checked = self._checked(account, limits)
        key = random_text(self._random, KEY_LENGTH)
        box = Box(account.userid, public_key=public_key, **msgspec.structs.asdict(checked))
        host, code = place
        new = NewLink(
            Destination(name, name),
            host,
            code,
            terms,
            password,
            box=key,
            drawn_lengths=PLAIN_CODE_LENGTHS,
            replaces=False,
        )
        [checked_link] = await self._links.checked(account, [new])
        utime = self._links.next_utime(now)

        def make(txn: WriteTxn) -> Link:
            if ACCOUNTS.get(txn, (account.userid,)) is None:
                raise errors.BAD_CREDENTIALS(field="userid")
            if len(list(LINKS_WITH_BOX.keys(txn, (account.userid,)))) >= MOST_BOXES:
                raise errors.QUOTA_EXCEEDED("You have too many boxes.")
            BOXES.put(txn, (key,), box)
            return self._links.insert(txn, account.userid, checked_link, utime)

        return await self._store.write(make)

    def of_link(self, link: Link) -> Box | None:
        """The box that a link stands for."""
        return self._store.get(BOXES, (link.box,)) if link.box else None

    def of_account(self, account: Account) -> list[tuple[Link, Box]]:
        """The boxes that an account has made, the newest first."""
        found = []
        with self._store.read() as txn:
            for _, link in LINKS_WITH_BOX.rows(txn, (account.userid,), reverse=True):
                box = BOXES.get(txn, (link.box,))
                if box is not None:
                    found.append((link, box))
        return found

    def own(self, account: Account, which: Which) -> tuple[Link, Box]:
        """A box of the account's, or of a team's whose links it may change. ENTRY_NOT_FOUND,
        FORBIDDEN, BOX_NOT_FOUND for a link that is none.
        """
        link = self._links.changeable(account, which)
        box = self.of_link(link)
        if box is None:
            raise errors.BOX_NOT_FOUND(field="shorturl")
        return link, box

    def items(self, link: Link) -> list[Received]:
        """What came into the box of a link, the newest first."""
        with self._store.read() as txn:
            pairs = [(serial, item, _file(txn, item)) for serial, item in items_of(txn, link.box)]
        return [Received(*one) for one in reversed(pairs)]

    def zipped(self, link: Link) -> list[ZippedFile]:
        """What came into a box, the oldest first, for a zip of it all. An encrypted one has
        nothing that its names could be told of: NOT_FOUND, as for an empty one.
        """
        box = self.of_link(link)
        if box is None or box.is_sealed or not box.files:
            raise errors.NOT_FOUND()
        with self._store.read() as txn:
            found = []
            for _, item in items_of(txn, link.box):
                file = _file(txn, item)
                ranges = [
                    BlobRange(part.blob, 0, part.size) for _, part in parts_of(txn, item.filekey)
                ]
                found.append(ZippedFile(file.filename, file.filesize, item.utime, ranges))
        return found

    def item(self, link: Link, serial: int) -> Received:
        """One of them. NOT_FOUND."""
        with self._store.read() as txn:
            item = BOX_ITEMS.get(txn, (link.box, serial))
            if item is None:
                raise errors.NOT_FOUND()
            return Received(serial, item, _file(txn, item))

    async def rename(self, account: Account, which: Which, name: str) -> None:
        """Gives a box another name. INVALID_FIELD, and what `own` refuses."""
        link, _ = self.own(account, which)
        name = _line(name, NAME_CHARACTERS, "name")
        if not name:
            raise errors.INVALID_FIELD("A box needs a name.", field="name")
        await self._links.edit(
            account,
            link.id,
            lambda link: msgspec.structs.replace(link, url=name, ascii_url=""),
        )

    async def limit(self, account: Account, which: Which, limits: BoxLimits) -> None:
        """Sets what a box takes from now on; what came stays. INVALID_FIELD, and what `own`
        refuses.
        """
        checked = msgspec.structs.asdict(self._checked(account, limits))
        await self._change(account, which, lambda box: msgspec.structs.replace(box, **checked))

    async def close(self, account: Account, which: Which, *, closed: bool = True) -> None:
        """Has a box take nothing more, or go on; what came stays, what is still coming does not.
        What `own` refuses.
        """
        await self._change(account, which, lambda box: msgspec.structs.replace(box, closed=closed))

    async def empty(self, account: Account, which: Which, serial: int | None = None) -> int:
        """Removes one file from a box, or all that came: how many. What `own` refuses."""
        link, _ = self.own(account, which)

        def remove(txn: WriteTxn) -> int:
            self._still(txn, account, link)
            serials = [one for one, _ in items_of(txn, link.box)] if serial is None else [serial]
            return sum(drop_item(txn, link.box, one) for one in serials)

        return await self._store.write(remove, Reserve.ALL)

    async def _change(self, account: Account, which: Which, change: Callable[[Box], Box]) -> None:
        link, _ = self.own(account, which)

        def put(txn: WriteTxn) -> None:
            box = self._still(txn, account, link)
            BOXES.put(txn, (link.box,), change(box))
            if change(box).closed:
                drop_uploads(txn, link.box)

        await self._store.write(put, Reserve.ALL)

    def _still(self, txn: Txn, account: Account, link: Link) -> Box:
        """The box, if it is still the account's to change."""
        now = LINKS.get(txn, (link.host, link.code))
        box = BOXES.get(txn, (link.box,))
        if now is None or now.box != link.box or box is None or now.owner != link.owner:
            raise errors.BOX_NOT_FOUND(field="shorturl")
        return box

    def _checked(self, account: Account, limits: BoxLimits) -> BoxLimits:
        quota = self._limits.of(account.type)
        most = min(limits.most_bytes or USUAL_BYTES, quota.storage_bytes)
        of_file = min(limits.file_bytes or most, most, quota.max_file_bytes)
        if not 0 < limits.most_files <= MOST_FILES:
            raise errors.INVALID_FIELD(
                "From 1 to %(most)s files.", field="most_files", most=MOST_FILES
            )
        for field, size in (("most_bytes", most), ("file_bytes", of_file)):
            if size <= 0:
                raise errors.INVALID_FIELD("A size is more than nothing.", field=field)
        types = tuple(dict.fromkeys(one.strip().lower() for one in limits.types if one.strip()))
        if len(types) > MOST_TYPES or not all(map(_TYPE.fullmatch, types)):
            raise errors.INVALID_FIELD(
                "At most %(most)s types, such as .pdf or image/*.", field="types", most=MOST_TYPES
            )
        note = _text(limits.note, NOTE_CHARACTERS, "note")
        return BoxLimits(
            note=note,
            file_bytes=of_file,
            most_files=limits.most_files,
            most_bytes=most,
            types=types,
        )


def takes(box: Box, filename: str, filetype: str) -> bool:
    """Whether a box takes files of this name and type. Both are only what the sender says."""
    essence = filetype.partition(";")[0].strip().lower()
    name = filename.lower()
    for one in box.types:
        if one.startswith(".") and name.endswith(one):
            return True
        if one == essence or (one.endswith("/*") and essence.startswith(one[:-1])):
            return True
    return not box.types


def check_note(note: str) -> str:
    """What a sender tells, as it may be kept. INVALID_FIELD."""
    return _text(note, NOTE_CHARACTERS, "note")


def check_point(point: bytes, field: str) -> None:
    """INVALID_FIELD unless this is an uncompressed point of P-256."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

    with suppress(ValueError):
        if len(point) == POINT_BYTES:
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
            return
    raise errors.INVALID_FIELD("This is no public key for P-256.", field=field)


def _file(txn: Txn, item: BoxItem) -> File:
    file = FILES.get(txn, (item.filekey,))
    assert file is not None, "what came has a file as long as it is there"
    return file


def _line(text: str, most: int, field: str) -> str:
    return _text(" ".join(text.split()), most, field)


def _text(text: str, most: int, field: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > most:
        raise errors.INVALID_FIELD("At most %(most)s characters.", field=field, most=most)
    check_characters(text.replace("\n", " ").replace("\t", " "), field)
    return text
