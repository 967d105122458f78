"""What comes into boxes: whole files, and files in parts, from whoever has a box's link.

Nobody who sends has an account, so what one client and all clients together may do to a box is
bounded: uploads begun, requests at work, bytes. A box never holds more than its owner lets it, and
he never more than his quota; parts have exactly the sizes that the announced file gives them.
Bytes come first, rows second, as with files. Who asks must have found the link alive before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.accounts.notices import notify
from shortd.blocks import BlockHashes, block
from shortd.clock import MINUTE, SECOND
from shortd.files.blobs import Blob, Blobs
from shortd.files.frames import BOUND_FRAME_BYTES, bound_size, check_frames
from shortd.files.manifests import count_in_box, drop_file, parts_of, put_part, stored_bytes
from shortd.files.sizes import too_large
from shortd.ids import random_text
from shortd.limits.holdings import Holdings
from shortd.models.accounts import Account
from shortd.models.files import Box, BoxItem, Encryption, File, FilePart, Upload
from shortd.models.links import Link
from shortd.settings import Settings
from shortd.sharing.boxes import check_note, check_point, takes
from shortd.sharing.descriptions import Description
from shortd.sharing.files import FILEKEY_LENGTH, SHORTEST_SECONDS, SLOWEST_BYTES_A_SECOND
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    BOX_ITEMS,
    BOXES,
    FILE_PARTS,
    FILES,
    LINKS,
    UPLOADS,
    UPLOADS_BY_BOX,
)
from shortd.store.txn import Txn, WriteTxn

PART_BYTES = 8 << 20
"""Plain bytes of a part, but of very large files."""
MOST_PARTS = 1000
OPEN_UPLOADS = 20
"""Files that may be coming into one box in parts."""
OPEN_OF_CLIENT = 5
IDLE = 2 * MINUTE
"""µs after which an upload of which nothing more came makes way for another."""
AT_ONCE = 12
"""Requests that may be at work on one box."""
AT_ONCE_OF_CLIENT = 4
BUSY_SECONDS = 5.0
LABEL_BYTES = (28, 8192)
"""Of what names an encrypted file: IV and tag at least."""


class Parcel(NamedTuple):
    """What comes along with a file."""

    note: str = ""
    sender_key: bytes = b""
    """Of an encrypted file: the point of P-256 that it was encrypted with."""
    label: bytes = b""


class Incoming:
    """The rules of senders over the store and the blobs. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        settings: Settings,
        holdings: Holdings,
        hashes: BlockHashes,
        random: Random,
    ) -> None:
        self.blobs = blobs
        self._store = store
        self._settings = settings
        self._limits = settings.limits
        self._holdings = holdings
        self._hashes = hashes
        self._random = random
        self._coming: Counter[str] = Counter()
        """Bytes on their way, by box."""
        self._working: Counter[tuple[str, str]] = Counter()
        """Requests at work, by box and client; "" is all clients."""

    def room(self, link: Link) -> int:
        """Bytes that a box still takes; 0 where it takes nothing. BOX_CLOSED."""
        with self._store.read() as txn:
            box, owner = self._open(txn, link)
            return self._room(txn, link.box, box, owner) if box.files < box.most_files else 0

    @contextmanager
    def receiving(self, link: Link, size: int, client: str, replaced: int = 0) -> Iterator[None]:
        """While so many bytes come from a client's address, in the place of others.

        BOX_CLOSED, BOX_FULL, STORAGE_FULL, BUSY where too many come at once.
        """
        with self._store.read() as txn:
            box, owner = self._open(txn, link)
            if size - replaced > self._room(txn, link.box, box, owner):
                raise errors.BOX_FULL()
        self.blobs.need_room(size)
        whose = ((link.box, ""), (link.box, block(client)))
        for key, most in zip(whose, (AT_ONCE, AT_ONCE_OF_CLIENT), strict=True):
            if self._working[key] >= most:
                raise errors.BUSY(retry_after=BUSY_SECONDS)
        self._working.update(whose)
        self._coming[link.box] += size
        try:
            with self._holdings.receiving(owner, size):
                yield
        finally:
            self._coming[link.box] -= size
            self._working.subtract(whose)
            for key in whose:
                if not self._working[key]:
                    del self._working[key]
            if not self._coming[link.box]:
                del self._coming[link.box]

    async def store(
        self, link: Link, files: Sequence[tuple[Description, Blob]], note: str, now: int
    ) -> None:
        """Puts whole files into a box that is not encrypted, all or none; then the blobs are
        deleted.

        BOX_CLOSED, BOX_FULL, FILE_TOO_LARGE, BAD_FILE for a type that it does not take.
        """
        try:
            note = check_note(note)
            uploads = [self._upload(link, "", one, b.size, now) for one, b in files]

            def put(txn: WriteTxn) -> None:
                box, owner = self._open(txn, link)
                for upload, (description, blob) in zip(uploads, files, strict=True):
                    self._check(box, description)
                    self._add_part(txn, upload, 0, blob, owner)
                    parts = [_part(blob)]
                    self._receive(txn, link, upload, parts, Encryption.NONE, Parcel(note), now)

            await self._store.write(put)
        except Exception:
            for _, blob in files:
                await self.blobs.delete(blob.name)
            raise

    async def begin(
        self, link: Link, description: Description, client: str, now: int
    ) -> tuple[str, int]:
        """Begins a file that comes in parts: its filekey, and plain bytes of each part but the
        last. Of an encrypted one only its size is told. Where too many have begun, one of which
        nothing has come for a while makes way.

        BOX_CLOSED, BOX_FULL, FILE_TOO_LARGE, BAD_FILE, BUSY where none can.
        """
        whose = self._hashes.of(block(client)).hex()
        upload = self._upload(link, whose, description, description.filesize, now)

        def put(txn: WriteTxn) -> None:
            box, owner = self._open(txn, link)
            self._check(box, description)
            size = bound_size(description.filesize) if box.is_sealed else description.filesize
            if box.files >= box.most_files or size > self._room(txn, link.box, box, owner):
                raise errors.BOX_FULL()
            begun = [row for _, row in UPLOADS_BY_BOX.rows(txn, (link.box,))]
            mine = [row for row in begun if row.client == whose]
            for rows, most in ((mine, OPEN_OF_CLIENT), (begun, OPEN_UPLOADS)):
                if len(rows) >= most:
                    _make_way(txn, rows, now)
            UPLOADS.put(txn, (upload.filekey,), upload)

        await self._store.write(put)
        return upload.filekey, part_bytes(upload.filesize)

    def expected(self, link: Link, filekey: str, number: int, now: int) -> tuple[int, int]:
        """Bytes that a part of an upload has as it comes, and those of an earlier one in its
        place. UPLOAD_NOT_FOUND, BOX_CLOSED, BAD_FILE for a part that it does not have.
        """
        with self._store.read() as txn:
            box, _ = self._open(txn, link)
            old = FILE_PARTS.get(txn, (filekey, number))
            size = _expected(_of_box(txn, link, filekey, now), box, number)
        return size, old.size if old else 0

    async def put_part(self, link: Link, filekey: str, number: int, blob: Blob, now: int) -> None:
        """Adds a part, in place of an earlier one of that number; if it is refused it goes.

        BAD_FILE for one that is not as long as it has to be; UPLOAD_NOT_FOUND, BOX_CLOSED,
        BOX_FULL.
        """

        def put(txn: WriteTxn) -> None:
            box, owner = self._open(txn, link)
            upload = _of_box(txn, link, filekey, now)
            if blob.size != _expected(upload, box, number):
                raise errors.BAD_FILE("The part is not as long as it has to be.")
            self._add_part(txn, upload, number, blob, owner)
            UPLOADS.put(txn, (filekey,), msgspec.structs.replace(upload, part_utime=now))

        try:
            await self._store.write(put)
        except Exception:
            await self.blobs.delete(blob.name)
            raise

    async def finish(self, link: Link, filekey: str, parcel: Parcel, now: int) -> None:
        """Puts a file into the box when all its parts are there; if anything is off, they stay.

        BAD_FILE, INVALID_FIELD, UPLOAD_NOT_FOUND, BOX_CLOSED, BOX_FULL.
        """
        with self._store.read() as txn:
            box, _ = self._open(txn, link)
            upload, parts = _of_box(txn, link, filekey, now), parts_of(txn, filekey)
        if [number for number, _ in parts] != list(range(_count(upload, box))):
            raise errors.BAD_FILE("Parts of the file are missing.")
        encryption = Encryption.AES_GCM if box.is_sealed else Encryption.NONE
        parcel = _checked(parcel, box)
        if box.is_sealed:
            paths = [self.blobs.path(part.blob) for _, part in parts]
            try:
                await self.blobs.run(lambda: check_frames(paths, upload.filesize))
            except FileNotFoundError:
                raise errors.UPLOAD_NOT_FOUND(field="filekey") from None

        def put(txn: WriteTxn) -> None:
            self._open(txn, link)
            # Checking took a while.
            if _of_box(txn, link, filekey, now) != upload or parts_of(txn, filekey) != parts:
                raise errors.BAD_FILE("The upload changed while it was being finished.")
            UPLOADS.delete(txn, (filekey,))
            blobs = [part for _, part in parts]
            self._receive(txn, link, upload, blobs, encryption, parcel, now)

        await self._store.write(put)

    async def cancel(self, link: Link, filekey: str, now: int) -> None:
        """Removes an upload with its parts. UPLOAD_NOT_FOUND."""

        def drop(txn: WriteTxn) -> None:
            _of_box(txn, link, filekey, now)
            drop_file(txn, filekey)

        await self._store.write(drop, Reserve.ALL)

    def _open(self, txn: Txn, link: Link) -> tuple[Box, Account]:
        """The box and its owner, if it takes anything. BOX_CLOSED, LINK_NOT_FOUND."""
        now = LINKS.get(txn, (link.host, link.code))
        box = BOXES.get(txn, (link.box,))
        owner = ACCOUNTS.get(txn, (box.owner,)) if box else None
        if now is None or now.box != link.box or box is None or owner is None:
            raise errors.LINK_NOT_FOUND()
        if box.closed or not self._settings.web.boxes:
            raise errors.BOX_CLOSED()
        return box, owner

    def _room(self, txn: Txn, key: str, box: Box, owner: Account) -> int:
        """Bytes that still find room in the box and with its owner, beside what is coming."""
        quota = self._limits.of(owner.type).storage_bytes
        stored = stored_bytes(txn, owner.userid) + self._holdings.coming(owner.userid)
        return max(0, min(box.most_bytes - box.held - self._coming[key], quota - stored))

    def _check(self, box: Box, description: Description) -> None:
        if description.filesize > box.file_bytes:
            raise too_large(box.file_bytes, "file")
        if not box.is_sealed and not takes(box, description.filename, description.filetype):
            raise errors.BAD_FILE(
                "This box takes other files: %(types)s.", field="file", types=", ".join(box.types)
            )

    def _upload(
        self, link: Link, client: str, description: Description, size: int, now: int
    ) -> Upload:
        seconds = max(SHORTEST_SECONDS, size // SLOWEST_BYTES_A_SECOND)
        return Upload(
            filekey=random_text(self._random, FILEKEY_LENGTH),
            owner=link.owner,
            filename=description.filename,
            filesize=size,
            filetype=description.filetype,
            create_utime=now,
            expiration_utime=now + seconds * SECOND,
            box=link.box,
            client=client,
        )

    def _add_part(
        self, txn: WriteTxn, upload: Upload, number: int, blob: Blob, owner: Account
    ) -> None:
        old = FILE_PARTS.get(txn, (upload.filekey, number))
        grown = blob.size - (old.size if old else 0)
        box = BOXES.get(txn, (upload.box,))
        quota = self._limits.of(owner.type).storage_bytes
        is_too_much = box is None or box.held + grown > box.most_bytes
        if is_too_much or stored_bytes(txn, owner.userid) + grown > quota:
            raise errors.BOX_FULL()
        put_part(txn, owner.userid, upload.filekey, number, _part(blob), quota)
        count_in_box(txn, upload.box, 0, grown)

    def _receive(
        self,
        txn: WriteTxn,
        link: Link,
        upload: Upload,
        parts: Sequence[FilePart],
        encryption: Encryption,
        parcel: Parcel,
        now: int,
    ) -> None:
        box, owner = self._open(txn, link)
        if box.files >= box.most_files:
            raise errors.BOX_FULL()
        file = File(
            owner=owner.userid,
            filename=upload.filename,
            filesize=upload.filesize,
            filetype=upload.filetype,
            stored_size=sum(part.size for part in parts),
            encryption=encryption,
            box=link.box,
        )
        FILES.put(txn, (upload.filekey,), file)
        BOX_ITEMS.put(txn, (link.box, box.serial), BoxItem(upload.filekey, now, *parcel))
        counted = msgspec.structs.replace(box, files=box.files + 1, serial=box.serial + 1)
        BOXES.put(txn, (link.box,), counted)
        notify(txn, owner, link.id, self._random, self._settings.mail.per_day, now)


def _make_way(txn: WriteTxn, begun: Sequence[Upload], now: int) -> None:
    """Removes the upload that has been idle for longest. BUSY if none has been for a while."""
    oldest = min(begun, key=_last_utime)
    if _last_utime(oldest) + IDLE > now:
        raise errors.BUSY(retry_after=(_last_utime(oldest) + IDLE - now) / SECOND)
    drop_file(txn, oldest.filekey)


def _last_utime(upload: Upload) -> int:
    """When something of an upload came last."""
    return max(upload.create_utime, upload.part_utime)


def part_bytes(filesize: int) -> int:
    """Plain bytes of each part of a file, but the last."""
    return PART_BYTES * max(1, -(-filesize // (PART_BYTES * MOST_PARTS)))


def _count(upload: Upload, box: Box) -> int:
    """Parts of an upload; an encrypted file has a frame even if it is empty."""
    return max(-(-upload.filesize // part_bytes(upload.filesize)), int(box.is_sealed))


def _expected(upload: Upload, box: Box, number: int) -> int:
    """Bytes of a part as it comes. BAD_FILE."""
    if not 0 <= number < _count(upload, box):
        raise errors.BAD_FILE("The file has no such part.")
    size = part_bytes(upload.filesize)
    plain = min(size, upload.filesize - number * size)
    return bound_size(plain) if box.is_sealed else plain


assert PART_BYTES % BOUND_FRAME_BYTES == 0, "parts are whole frames"


def _checked(parcel: Parcel, box: Box) -> Parcel:
    """What comes along, as it may be kept. INVALID_FIELD."""
    if not box.is_sealed:
        return Parcel(check_note(parcel.note))
    check_point(parcel.sender_key, "sender_key")
    least, most = LABEL_BYTES
    if not least <= len(parcel.label) <= most:
        raise errors.INVALID_FIELD("This is not the label of a file.", field="label")
    return Parcel("", parcel.sender_key, parcel.label)


def _of_box(txn: Txn, link: Link, filekey: str, now: int) -> Upload:
    """An upload into the box of a link. UPLOAD_NOT_FOUND."""
    upload = UPLOADS.get(txn, (filekey,))
    if upload is None or upload.box != link.box or upload.expiration_utime <= now:
        raise errors.UPLOAD_NOT_FOUND(field="filekey")
    return upload


def _part(blob: Blob) -> FilePart:
    return FilePart(blob.name, blob.size, blob.sha256)
