"""Following a short link to its file: where it can be fetched, and with which key.

What can be known without a click is asked first: whether the file is encrypted, and then the
password. The link is visited once, as any visitor's browser would; the redirect is read, never
followed. Whatever a server says, the one that was visited is asked and no other, and a link that
leads anywhere but to a file of its own is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import parse_qsl

import httpx
import msgspec

from shortd.client.connection import PASSING, Connection, Moved, shown
from shortd.client.crypto import FileKey, possible_secrets
from shortd.client.failures import ClientFailure, Refused, Unreachable
from shortd.client.metering import Endless
from shortd.client.names import name_from_header, safe_name
from shortd.client.visited import BASE, Visited, joined, origin_of, possible_bases

GONE = frozenset({403, 404, 410})
"""Refusals of what was offered once: there may be something new."""
_UNLOCK_PATH = re.compile(BASE + "/-/unlock", re.ASCII)
FILE_PATH = re.compile(BASE + "/-/files/[A-Za-z0-9_-]+", re.ASCII)
_SEVERAL_PATH = re.compile(BASE + "/-/bundles/[A-Za-z0-9_-]+", re.ASCII)
_MEMBER_PATH = re.compile(BASE + "/-/bundles/[A-Za-z0-9_/-]+", re.ASCII)


class Lock(msgspec.Struct, frozen=True):
    """What is known of an encrypted file before its password is."""

    short_url: str
    """As the server calls it."""
    signature: str


class Offer(msgspec.Struct, frozen=True, tag="offer"):
    """A file that may be fetched now, or a while ago; a row of a ledger."""

    name: str
    """Safe to create."""
    size: int
    """Plain bytes."""
    address: str
    """Begins to answer for a minute; `Visitor.renewed` gives another."""
    etag: str
    """Of a plain file, alike only for the same bytes; "" if that cannot be known."""
    lock: Lock | None = None
    """Of an encrypted file."""

    def is_of_same_bytes(self, other: Offer) -> bool:
        """Whether what was fetched of one can be gone on with from the other."""
        if self.lock is not None and other.lock is not None:
            return self.lock.signature == other.lock.signature
        return self.lock is other.lock and self.etag == other.etag != ""


class FileInfo(msgspec.Struct):
    """Output of get_protected_file_info."""

    filename: str
    filesize: int
    url: str


class Signature(msgspec.Struct):
    """Output of get_signature."""

    signature: str


class Opened(msgspec.Struct, frozen=True):
    """What the right password gives."""

    password: str
    key: FileKey
    challenge: str


class Visitor(Visited):
    """Someone with a short URL: `look`, `unlock` if the file is locked, `visit`, `unlock` if it
    turns out only then, `offer`.

    `remembered` is what an earlier run was offered and did not finish. Several files under one link
    are one zip if `as_zip`; else, once it was visited, they are at `several`.
    """

    def __init__(
        self,
        connection: Connection,
        short_url: str,
        remembered: Offer | None = None,
        *,
        as_zip: bool = False,
    ) -> None:
        super().__init__(connection, short_url)
        # Until the link has said where it leads.
        self._base, *self._bases = possible_bases(self._url.path)
        self._offer = remembered
        self._lock = remembered.lock if remembered is not None else None
        self._opened: Opened | None = None
        self._address: httpx.URL | None = None
        """Of a plain file that was visited."""
        self._as_zip = as_zip
        self.several: httpx.URL | None = None
        """Where a server tells of the files that stand under the link."""

    @property
    def is_locked(self) -> bool:
        """Whether the file is encrypted, and the password not yet known."""
        return self._lock is not None and self._opened is None

    @property
    def key(self) -> FileKey | None:
        """What the file is encrypted with; None for a plain one."""
        return self._opened.key if self._opened is not None else None

    async def look(self) -> None:
        """Learns whether the file is encrypted, which is no click. A server that does not say
        shows it when it is visited. `ClientFailure` if visiting is of no use.
        """
        if self._offer is not None:
            return
        short_url = shown(self._url.copy_with(query=None))
        try:
            found = await self.call("get_signature", Signature, shorturl=short_url)
        except Refused as refused:
            if refused.code == "link_protected":
                raise ClientFailure(
                    "This link has a password of its own: open it in a browser."
                ) from None
            if refused.status in PASSING:
                raise
        except (Unreachable, Endless):
            raise
        except ClientFailure:
            return
        else:
            self._lock = Lock(short_url, found.signature)

    def unlock(self, passwords: Iterable[str], otherwise: str) -> None:
        """Tries passwords until one is the file's. ClientFailure if none is, which says
        `otherwise`.
        """
        if not any(map(self._opens, passwords)):
            raise ClientFailure(otherwise)

    async def visit(self, received: int = 0) -> None:
        """Follows the link, which is a click, unless what is remembered will do. `received` are
        the bytes that are there already. `ClientFailure` if the link leads to no file.
        """
        if self._offer is None:
            await self._follow(received)
        elif self._lock is not None:
            try:
                self._offer = await self._info()
            except Refused as refused:
                if refused.status not in GONE:
                    raise
                await self._follow(received)

    async def offer(self) -> Offer:
        """The file behind the link. `ClientFailure`."""
        if self._offer is None:
            self._offer = await (self._head() if self._lock is None else self._info())
        return self._offer

    async def renewed(self, received: int) -> Offer:
        """The file at a new address. Of a plain one this is another click, unless the server
        sees in `received` that it goes on with what it had begun. `ClientFailure`.
        """
        if self._lock is not None:
            with suppress(Refused):
                return await self._info()
        was_encrypted = self._lock is not None
        await self._follow(received)
        if self.several or self.is_locked or (self._lock is not None) != was_encrypted:
            raise ClientFailure("Another file has taken the place of this one.")
        return await self.offer()

    async def _follow(self, received: int) -> None:
        headers = {"range": f"bytes={received}-"} if received else {}
        answer = await self.get(headers)
        if answer.location is None:
            raise ClientFailure(f"{shown(self._url)} is no short URL.")
        there = joined(answer.url, answer.location)
        if there is not None and origin_of(there) == origin_of(self._url):
            if FILE_PATH.fullmatch(there.path):
                self._found(self.own(there), None)
                return
            if _SEVERAL_PATH.fullmatch(there.path):
                self._found(None, None)
                if self._as_zip:
                    path, _, rest = there.raw_path.partition(b"?")
                    self._address = self._url.copy_with(raw_path=path + b"/zip?" + rest)
                else:
                    self.several = self.own(there)
                return
            if page := _UNLOCK_PATH.fullmatch(there.path):
                self._base, self._bases = page["base"], []
                query = dict(parse_qsl(there.query.decode("ascii")))
                self._found(None, Lock(query.get("shorturl", ""), query.get("signature", "")))
                return
        if there == answer.url:
            raise ClientFailure(f"{shown(self._url)} leads in a circle.")
        if there is not None and (there.host, there.path) == (self._url.host, self._url.path):
            raise Moved(answer)
        raise ClientFailure(f"{shown(self._url)} leads to {answer.location}, and to no file.")

    def _found(self, address: httpx.URL | None, lock: Lock | None) -> None:
        """Takes in where a visit led."""
        before, opened = self._lock, self._opened
        self._offer, self._address, self._lock = None, address, lock
        self.several = None
        if lock is None or before is None or lock.signature != before.signature:
            self._opened = None
            if lock is not None and opened is not None:
                self._opens(opened.password)

    def _opens(self, password: str) -> bool:
        """Whether this is the password of the file, whose key and challenge are known then."""
        assert self._lock is not None, "plain files have no password"
        for secret in possible_secrets(password):
            challenge = secret.open_signature(self._lock.signature)
            if challenge is not None:
                self._opened = Opened(password, secret.file_key(challenge), challenge.hex())
                return True
        return False

    async def _head(self) -> Offer:
        """What the address of a plain file says of it."""
        address = self._address
        assert address is not None, "a link without a lock was visited"
        head = await self._connection.patiently(lambda: self._connection.send("HEAD", address))
        if head.location is not None:
            raise Moved(head)
        etag = head.headers.get("etag", "")
        length = head.headers.get("content-length", "")
        if not re.fullmatch(r"\d{1,18}", length, re.ASCII):
            # Whether it is whole, nobody could tell.
            raise ClientFailure("The server does not say how long the file is.")
        return Offer(
            name=name_from_header(head.headers.get("content-disposition", "")),
            size=int(length),
            address=str(address),
            etag=etag if etag.startswith('"') else "",
        )

    async def _info(self) -> Offer:
        """What the server tells who has solved the challenge."""
        lock, opened = self._lock, self._opened
        assert lock is not None and opened is not None, "the password is known first"
        info = await self.call(
            "get_protected_file_info",
            FileInfo,
            shorturl=lock.short_url,
            challenge=opened.challenge,
        )
        address = joined(self._url, info.url)
        if address is None or not FILE_PATH.fullmatch(address.path):
            raise ClientFailure(
                f"The server names an address that is no file of its own: {info.url}"
            )
        return Offer(
            name=safe_name(info.filename),
            size=info.filesize,
            address=str(self.own(address)),
            etag="",
            lock=lock,
        )

    async def again(self) -> httpx.URL:
        """Where the files under the link are told of, after another visit. `ClientFailure` if there
        are none.
        """
        await self._follow(0)
        if self.several is None:
            raise ClientFailure("Another file has taken the place of these.")
        return self.several

    def own_file(self, address: str) -> httpx.URL | None:
        """A file of several, on the server that is visited; None for any other address."""
        there = joined(self._url, address)
        if there is None or not _MEMBER_PATH.fullmatch(there.path):
            return None
        return self.own(there)
