"""Files: uploads in parts, finishing them, and what a download needs to know.

Bytes first, row second: a part's blob is safe on disk before any row names it, and finishing
an upload is one transaction that makes the file and its link together. What is wrong with an
upload leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TypeVar

import msgspec

from shortd import errors
from shortd.clock import SECOND
from shortd.files.blobs import Blob, Blobs
from shortd.files.frames import check_frames
from shortd.files.manifests import drop_file, parts_of, put_bundle, put_part, stored_bytes
from shortd.files.sizes import too_large
from shortd.hosts.destinations import Destination
from shortd.ids import random_text
from shortd.limits.holdings import Holdings
from shortd.links import CheckedLink, Links, NewLink, as_checked
from shortd.models.accounts import Account
from shortd.models.files import Bundle, Encryption, File, FilePart, Upload
from shortd.models.links import Link
from shortd.settings import LimitSettings
from shortd.sharing.bundles import Content
from shortd.sharing.descriptions import Description
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    BUNDLES,
    FILE_PARTS,
    FILES,
    UPLOADS,
    UPLOADS_BY_OWNER,
)
from shortd.store.txn import Txn, WriteTxn

T = TypeVar("T")

FILEKEY_LENGTH = 32
OPEN_UPLOADS = 1000
"""Unfinished uploads an account may have; each holds rows, whatever its size."""
MAX_PARTS = 10_000
"""Parts of an upload, however small: each is a file on disk."""
SLOWEST_BYTES_A_SECOND = 16 << 10
"""The pace at which an upload still ends in time."""
SHORTEST_SECONDS = 3600
PLAIN_CODE_LENGTHS = (10, 11, 12)
"""Of drawn codes: its code alone keeps strangers from a plain file, and trying through those of six
characters finds one of a million files."""


class Secrecy(msgspec.Struct, frozen=True):
    """How a file is encrypted, and how its password can be proved."""

    encryption: Encryption = Encryption.NONE
    challenge: str = ""
    signature: str = ""


class Files:
    """The rules of files over the store and the blobs."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        links: Links,
        limits: LimitSettings,
        holdings: Holdings,
        random: Random,
    ) -> None:
        self.blobs = blobs
        self._store = store
        self._links = links
        self._limits = limits
        self._holdings = holdings
        self._random = random

    def check_file(self, account: Account, filesize: int, received: int = 0) -> None:
        """Whether a file of this plain size may come, some bytes of which are here already.

        FILE_TOO_LARGE, QUOTA_EXCEEDED, or STORAGE_FULL while the disk has no headroom.
        """
        most = self._limits.of(account.type).max_file_bytes
        if filesize > most:
            raise too_large(most, "filesize")
        with self._store.read() as txn:
            stored = stored_bytes(txn, account.userid)
        self._check_room(account, stored + filesize, filesize, filesize - received)

    @contextmanager
    def receiving_file(self, account: Account, filesize: int, received: int = 0) -> Iterator[None]:
        """While a file of this plain size comes. Raises what `check_file` does."""
        self.check_file(account, filesize, received)
        with self._holdings.receiving(account, filesize):
            yield

    @contextmanager
    def receiving_part(
        self,
        account: Account,
        filekey: str,
        number: int,
        size: int,
        now: int,
        *,
        received: int = 0,
    ) -> Iterator[None]:
        """While a part comes, in place of an earlier one of that number.

        UPLOAD_NOT_FOUND, FILE_TOO_LARGE, QUOTA_EXCEEDED, STORAGE_FULL.
        """
        with self._store.read() as txn:
            upload = _own(txn, account, filekey, now)
            old = FILE_PARTS.get(txn, (filekey, number))
            stored = stored_bytes(txn, account.userid)
        most = allowance(upload.filesize)
        if size > most:
            raise too_large(most, "partsize")
        grown = size - (old.size if old else 0)
        self._check_room(account, stored + grown, grown, size - received)
        # The old one stays until the new one is whole.
        with self._holdings.receiving(account, size):
            yield

    def stored(self, account: Account) -> int:
        """Bytes that an account's files take, and what came of those that are on their way."""
        with self._store.read() as txn:
            return stored_bytes(txn, account.userid)

    def room(self, account: Account) -> int:
        """Bytes of the largest file that an account may still send."""
        limits = self._limits.of(account.type)
        with self._store.read() as txn:
            kept = stored_bytes(txn, account.userid) + self._holdings.coming(account.userid)
        return max(0, min(limits.max_file_bytes, limits.storage_bytes - kept))

    def _check_room(self, account: Account, stored: int, grown: int, coming: int) -> None:
        """Whether an account may keep `stored` bytes, `grown` more than now, of which so many are
        still to come, beside all that is on its way.
        """
        held = stored + self._holdings.coming(account.userid)
        if held > self._limits.of(account.type).storage_bytes:
            raise errors.QUOTA_EXCEEDED()
        self._holdings.check_files(account, grown)
        self.blobs.need_room(coming)

    async def initialize(self, account: Account, description: Description, now: int) -> Upload:
        """Begins an upload in parts."""
        self.check_file(account, description.filesize)
        filekey = random_text(self._random, FILEKEY_LENGTH)
        seconds = max(SHORTEST_SECONDS, description.filesize // SLOWEST_BYTES_A_SECOND)
        upload = Upload(
            filekey=filekey,
            owner=account.userid,
            filename=description.filename,
            filesize=description.filesize,
            filetype=description.filetype,
            create_utime=now,
            expiration_utime=now + seconds * SECOND,
        )

        def begin(txn: WriteTxn) -> Upload:
            _must_exist(txn, account)
            # Those that others send into boxes have bounds of their own.
            begun = UPLOADS_BY_OWNER.rows(txn, (account.userid,))
            if sum(not row.box for _, row in begun) >= OPEN_UPLOADS:
                raise errors.QUOTA_EXCEEDED("You have too many unfinished uploads.")
            UPLOADS.put(txn, (filekey,), upload)
            return upload

        return await self._store.write(begin)

    async def put_part(
        self, account: Account, filekey: str, number: int, blob: Blob, now: int
    ) -> None:
        """Adds a finished blob to an upload, in place of an earlier part of that number.

        UPLOAD_NOT_FOUND, QUOTA_EXCEEDED, FILE_TOO_LARGE, or BAD_FILE for too many parts; then
        the blob is deleted.
        """
        quota = self._limits.of(account.type).storage_bytes

        def put(txn: WriteTxn) -> None:
            upload = _own(txn, account, filekey, now)
            others = [part.size for n, part in parts_of(txn, filekey) if n != number]
            if len(others) >= MAX_PARTS:
                raise errors.BAD_FILE("An upload has at most %(most)s parts.", most=MAX_PARTS)
            most = allowance(upload.filesize)
            if sum(others) + blob.size > most:
                raise errors.FILE_TOO_LARGE(
                    "The parts are larger than the file may be: at most %(most)s bytes.", most=most
                )
            put_part(txn, account.userid, filekey, number, _part(blob), quota)

        await self._keeping([blob], self._store.write(put))

    async def finalize(
        self,
        account: Account,
        filekey: str,
        secrecy: Secrecy,
        new: NewLink,
        now: int,
        *,
        bundle: Bundle | None = None,
    ) -> Link:
        """Turns an upload into a file with a link, or into several as a bundle has them; the parts
        stay if anything is off.

        BAD_FILE when the parts are not the file that was announced; UPLOAD_NOT_FOUND,
        CODE_TAKEN.
        """
        with self._store.read() as txn:
            upload = _own(txn, account, filekey, now)
            parts = parts_of(txn, filekey)
        numbers = [number for number, _ in parts]
        if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise errors.BAD_FILE("Part numbers have a gap.")
        if numbers and numbers[0] not in (0, 1):
            raise errors.BAD_FILE("Part numbers begin with 0 or 1.")
        await self._check(upload.filesize, [part for _, part in parts], secrecy)
        _check_bundle(bundle, upload.filesize)
        [checked] = await self._links.checked(account, [new])
        utime = self._links.next_utime(now)

        def finish(txn: WriteTxn) -> Link:
            # Checking took a while: the parts must still be those that were checked.
            if _own(txn, account, filekey, now) != upload or parts_of(txn, filekey) != parts:
                raise errors.BAD_FILE("The upload changed while it was being finished.")
            UPLOADS.delete(txn, (filekey,))
            blobs = [part for _, part in parts]
            return self._put_file(txn, upload, blobs, filekey, secrecy, checked, utime, bundle)

        return await self._store.write(finish)

    async def store(
        self,
        account: Account,
        description: Description,
        blobs: Sequence[Blob],
        secrecy: Secrecy,
        new: NewLink,
        now: int,
        *,
        bundle: Bundle | None = None,
    ) -> Link:
        """Makes a file and its link of blobs, one behind the other, or nothing; then the blobs are
        deleted. With a `bundle` it holds the files that this names.
        """
        parts = [_part(blob) for blob in blobs]
        filekey = random_text(self._random, FILEKEY_LENGTH)
        quota = self._limits.of(account.type).storage_bytes
        utime = self._links.next_utime(now)
        upload = Upload(
            filekey=filekey,
            owner=account.userid,
            filename=description.filename,
            filesize=description.filesize,
            filetype=description.filetype,
            create_utime=now,
            expiration_utime=now,
        )

        def make(txn: WriteTxn, checked: CheckedLink) -> Link:
            _must_exist(txn, account)
            for number, part in enumerate(parts):
                put_part(txn, account.userid, filekey, number, part, quota)
            return self._put_file(txn, upload, parts, filekey, secrecy, checked, utime, bundle)

        async def check_and_write() -> Link:
            await self._check(description.filesize, parts, secrecy)
            _check_bundle(bundle, description.filesize)
            [checked] = await self._links.checked(account, [new])
            return await self._store.write(partial(make, checked=checked))

        return await self._keeping(blobs, check_and_write())

    async def cancel(self, account: Account, filekey: str, now: int) -> None:
        """Removes an unfinished upload with its parts. UPLOAD_NOT_FOUND."""

        def drop(txn: WriteTxn) -> None:
            _own(txn, account, filekey, now)
            drop_file(txn, filekey)

        await self._store.write(drop)

    async def end_upload(self, filekey: str, now: int) -> None:
        """Removes an unfinished upload whose time is up; one that was finished stays."""

        def end(txn: WriteTxn) -> None:
            upload = UPLOADS.get(txn, (filekey,))
            if upload is not None and upload.expiration_utime <= now:
                drop_file(txn, filekey)

        await self._store.write(end, Reserve.ALL)

    def of_link(self, txn: Txn, link: Link) -> File | None:
        """The file that a link shares; None for a URL."""
        return FILES.get(txn, (link.filekey,)) if link.filekey else None

    def content(self, filekey: str) -> tuple[File, list[FilePart]] | None:
        """A finished file with its parts in order; None if there is none for anybody."""
        with self._store.read() as txn:
            file = FILES.get(txn, (filekey,))
            parts = [part for _, part in parts_of(txn, filekey)]
        return None if file is None or file.withheld else (file, parts)

    def several(self, filekey: str) -> Content | None:
        """What a finished file holds; None if there is none for anybody, or it is one file."""
        content, bundle = self.content(filekey), self._store.get(BUNDLES, (filekey,))
        if content is None or bundle is None:
            return None
        file, parts = content
        return Content(file, bundle, parts)

    async def _check(self, filesize: int, parts: list[FilePart], secrecy: Secrecy) -> None:
        """BAD_FILE unless the parts hold `filesize` plain bytes in the form they claim."""
        if secrecy.encryption is Encryption.NONE:
            if sum(part.size for part in parts) != filesize:
                raise errors.BAD_FILE("The file is not filesize bytes long.", field="filesize")
            return
        paths = [self.blobs.path(part.blob) for part in parts]
        try:
            await self.blobs.run(lambda: check_frames(paths, filesize))
        except FileNotFoundError:
            raise errors.BAD_FILE("The upload changed while it was being finished.") from None

    def _put_file(
        self,
        txn: WriteTxn,
        upload: Upload,
        parts: list[FilePart],
        filekey: str,
        secrecy: Secrecy,
        new: CheckedLink,
        utime: int,
        bundle: Bundle | None,
    ) -> Link:
        file = File(
            owner=upload.owner,
            filename=upload.filename,
            filesize=upload.filesize,
            filetype=upload.filetype,
            stored_size=sum(part.size for part in parts),
            encryption=secrecy.encryption,
            challenge=secrecy.challenge,
            signature=secrecy.signature,
            entries=len(bundle.entries) if bundle is not None else 0,
        )
        FILES.put(txn, (filekey,), file)
        if bundle is not None:
            put_bundle(txn, upload.owner, filekey, bundle)
        named = msgspec.structs.replace(
            new,
            destination=Destination(upload.filename, upload.filename),
            filekey=filekey,
            drawn_lengths=PLAIN_CODE_LENGTHS if secrecy.encryption is Encryption.NONE else (),
        )
        # A file's name is no destination.
        return self._links.insert(txn, upload.owner, as_checked(named), utime)

    async def _keeping(self, blobs: Sequence[Blob], work: Awaitable[T]) -> T:
        """Does what gives blobs their rows; if that is refused, the blobs go."""
        try:
            return await work
        except Exception:
            # Not when cancelled: the rows may still be written, or else the sweeper finds it.
            for blob in blobs:
                await self.blobs.delete(blob.name)
            raise


def allowance(filesize: int) -> int:
    """Most bytes that a file of this plain size may take before it is checked, frames and all."""
    return 2 * filesize + (1 << 20)


def _check_bundle(bundle: Bundle | None, filesize: int) -> None:
    """BAD_FILE unless the files of a bundle are all that was sent."""
    if bundle is not None and sum(entry.size for entry in bundle.entries) != filesize:
        raise errors.BAD_FILE(
            "The files are not as long together as what was sent.", field="entries"
        )


def _own(txn: Txn, account: Account, filekey: str, now: int) -> Upload:
    upload = UPLOADS.get(txn, (filekey,))
    is_own = upload is not None and upload.owner == account.userid and not upload.box
    if upload is None or not is_own or upload.expiration_utime <= now:
        raise errors.UPLOAD_NOT_FOUND(field="filekey")
    return upload


def _must_exist(txn: Txn, account: Account) -> None:
    """The account may have ended while its bytes came in."""
    if ACCOUNTS.get(txn, (account.userid,)) is None:
        raise errors.BAD_CREDENTIALS(field="userid")


def _part(blob: Blob) -> FilePart:
    return FilePart(blob.name, blob.size, blob.sha256)
