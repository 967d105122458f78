"""Following a short link to its file: where it can be fetched, and with which key.

The link is visited once, as any visitor's browser would; the redirect is read, never followed
blindly. A link that leads anywhere but to a file of the same server is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import msgspec

from shortd.client.api import Api
from shortd.client.connection import Connection, origin
from shortd.client.crypto import double_sha256, open_signature, pbkdf2
from shortd.client.failures import ClientFailure
from shortd.client.names import name_from_header, safe_name

FILES = "/-/files/"
UNLOCK = "/-/unlock"
AS_STORED = {"accept-encoding": "identity"}
"""Header of downloads: lengths and ranges are those of the file."""
MOVES = 3
"""Times that a link may move to another scheme or port before it is taken for none."""


class Offer(msgspec.Struct):
    """A file that may be fetched now."""

    name: str
    """Safe to create."""
    size: int | None
    """Plain bytes, if the server says so."""
    address: str
    """Begins to answer for a minute; `Visitor.renewed` gives another."""
    identity: str
    """Alike only for the same bytes; "" if that cannot be known."""
    key: bytes | None = None
    """What it is encrypted with; None for a plain file."""


class FileInfo(msgspec.Struct):
    """Output of get_protected_file_info."""

    filename: str
    filesize: int
    url: str


class Lock(msgspec.Struct, frozen=True):
    """What is known of an encrypted file before its password is."""

    server: str
    short_url: str
    signature: str


class Opened(msgspec.Struct, frozen=True):
    """What the right password gives."""

    key: bytes
    challenge: str


class Visitor:
    """Someone with a short URL: `visit`, `unlock` if the file is locked, `offer`."""

    def __init__(self, connection: Connection, short_url: str) -> None:
        self._connection = connection
        self._short_url = short_url
        self._found: str | Lock = ""
        self._opened: Opened | None = None

    @property
    def is_locked(self) -> bool:
        """Whether the file is encrypted, and the password not yet known."""
        return isinstance(self._found, Lock) and self._opened is None

    async def visit(self) -> None:
        """Follows the link. This is a click. `ClientFailure` if it leads to no file."""
        self._found = await self._follow()

    def unlock(self, passwords: Iterable[str]) -> None:
        """Tries passwords until one is the file's. ClientFailure if none is."""
        assert isinstance(self._found, Lock), "plain files have no password"
        signature = self._found.signature
        for password in passwords:
            for derive in (double_sha256, pbkdf2):
                key = derive(password)
                challenge = open_signature(key, signature)
                if challenge is not None:
                    self._opened = Opened(key, challenge)
                    return
        raise ClientFailure("This is not the file's password.")

    async def offer(self) -> Offer:
        """The file behind the link. `ClientFailure`."""
        if isinstance(self._found, str):
            return await self._plain(self._found)
        lock, opened = self._found, self._opened
        assert opened is not None, "the password is known first"
        info = await self._info(lock, opened)
        return Offer(safe_name(info.filename), info.filesize, info.url, lock.signature, opened.key)

    async def renewed(self) -> str:
        """A new address for the file. For a plain one this is another click."""
        if isinstance(self._found, Lock) and self._opened is not None:
            return (await self._info(self._found, self._opened)).url
        found = await self._follow()
        if isinstance(found, Lock):
            raise ClientFailure("Another file has taken the place of this one.")
        return found

    async def _follow(self) -> str | Lock:
        """The address of a plain file, or the lock of an encrypted one."""
        url = self._short_url
        for _ in range(MOVES):
            answer = await self._get(url)
            if not answer.has_redirect_location:
                raise ClientFailure(f"{self._short_url} is no short URL.")
            location = urljoin(url, answer.headers["location"])
            here, there = urlsplit(url), urlsplit(location)
            if origin(location) == origin(url) and there.path.startswith(FILES):
                return location
            if origin(location) == origin(url) and there.path == UNLOCK:
                query = dict(parse_qsl(there.query))
                return Lock(origin(url), query.get("shorturl", ""), query.get("signature", ""))
            if (there.hostname, there.path) != (here.hostname, here.path):
                raise ClientFailure(f"{self._short_url} leads to {location}, and to no file.")
            # From http to https, say.
            url = location
        raise ClientFailure(f"{self._short_url} leads in a circle.")

    async def _get(self, url: str) -> httpx.Response:
        return await self._connection.patiently(lambda: self._connection.send("GET", url))

    async def _plain(self, address: str) -> Offer:
        head = await self._connection.patiently(
            lambda: self._connection.send("HEAD", address, headers=AS_STORED)
        )
        etag = head.headers.get("etag", "")
        length = head.headers.get("content-length", "")
        return Offer(
            name=name_from_header(head.headers.get("content-disposition", "")),
            size=int(length) if length.isascii() and length.isdigit() else None,
            address=address,
            identity=f"{origin(address)} {etag}" if etag.startswith('"') else "",
        )

    async def _info(self, lock: Lock, opened: Opened) -> FileInfo:
        return await Api(self._connection, lock.server).call(
            "get_protected_file_info",
            FileInfo,
            shorturl=lock.short_url,
            challenge=opened.challenge,
        )
