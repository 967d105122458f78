"""Following a short link to its file: where it can be fetched, and with which key.

The link is visited once, as any visitor's browser would; the redirect is read, never followed
blindly. A link that leads anywhere but to a file of the same server is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import msgspec

from shortd.client.api import Api
from shortd.client.connection import Connection, origin
from shortd.client.crypto import double_sha256, open_signature, pbkdf2
from shortd.client.failures import ClientFailure, Refused
from shortd.client.names import name_from_header, safe_name

FILES = "/-/files/"
UNLOCK = "/-/unlock"
IDENTITY = {"accept-encoding": "identity"}
"""Header of downloads: lengths and ranges are those of the file."""
MOVES = 3
"""Times that a link may move to another scheme or host before it is taken for none."""


class Passwords:
    """Whoever knows a file's password. `more` gives one after the other, to be tried."""

    def more(self) -> Iterator[str]:
        """ClientFailure if nobody can be asked."""
        raise NotImplementedError


class Offer(msgspec.Struct):
    """A file that may be fetched now."""

    name: str
    """Safe to create."""
    size: int | None
    """Plain bytes, if the server says so."""
    address: str
    """Begins to answer for a minute; `renewed` gives another."""
    identity: str
    """Alike only for the same bytes; "" if that cannot be known."""
    key: bytes | None = None
    """What it is encrypted with; None for a plain file."""


class Locked(msgspec.Struct, frozen=True):
    """What is known of an encrypted file before its password is."""

    server: str
    short_url: str
    signature: str


class FileInfo(msgspec.Struct):
    """Output of get_protected_file_info."""

    filename: str
    filesize: int
    url: str


class Visitor:
    """Someone with a short URL."""

    def __init__(self, connection: Connection, short_url: str, passwords: Passwords) -> None:
        self._connection = connection
        self._short_url = short_url if "://" in short_url else f"https://{short_url}"
        self._passwords = passwords
        self._locked: Locked | None = None
        self._challenge = ""

    async def offer(self) -> Offer:
        """The file behind the link. This is a click. `ClientFailure` if there is none."""
        found = await self._visit()
        if isinstance(found, str):
            return await self._plain(found)
        self._locked = found
        key = self._key(found.signature)
        info = await self._unlock()
        return Offer(
            name=safe_name(info.filename),
            size=info.filesize,
            address=info.url,
            identity=found.signature,
            key=key,
        )

    async def renewed(self) -> str:
        """A new address for the file. For a plain one this is a click."""
        if self._locked is not None:
            return (await self._unlock()).url
        found = await self._visit()
        if not isinstance(found, str):
            raise ClientFailure("Another file has taken the place of this one.")
        return found

    async def _visit(self) -> str | Locked:
        url = self._short_url
        for _ in range(MOVES):
            location = await self._location(url)
            here, there = urlsplit(url), urlsplit(location)
            if origin(location) == origin(url):
                if there.path.startswith(FILES):
                    return location
                if there.path == UNLOCK:
                    query = parse_qs(there.query)
                    [short_url], [signature] = query["shorturl"], query["signature"]
                    return Locked(origin(url), short_url, signature)
            if (there.hostname, there.path) != (here.hostname, here.path):
                raise ClientFailure(f"{self._short_url} leads to {location}, and to no file.")
            # From http to https, say.
            url = location
        raise ClientFailure(f"{self._short_url} leads in a circle.")

    async def _location(self, url: str) -> str:
        """Where an address redirects to, as a whole address."""
        answer = await self._connection.patiently(lambda: self._connection.send("GET", url))
        if not answer.has_redirect_location:
            raise ClientFailure(f"{self._short_url} is no short URL.")
        return urljoin(url, answer.headers["location"])

    async def _plain(self, address: str) -> Offer:
        head = await self._connection.patiently(
            lambda: self._connection.send("HEAD", address, headers=IDENTITY)
        )
        etag = head.headers.get("etag", "")
        return Offer(
            name=name_from_header(head.headers.get("content-disposition", "")),
            size=_size(head),
            address=address,
            identity=f"{origin(address)} {etag}" if etag.startswith('"') else "",
        )

    def _key(self, signature: str) -> bytes:
        """The key that opens the signature; notes what it holds."""
        for password in self._passwords.more():
            for derive in (double_sha256, pbkdf2):
                key = derive(password)
                challenge = open_signature(key, signature)
                if challenge is not None:
                    self._challenge = challenge
                    return key
        raise ClientFailure("This is not the file's password.")

    async def _unlock(self) -> FileInfo:
        locked = self._locked
        assert locked is not None, "plain files are not unlocked"
        return await Api(self._connection, locked.server).call(
            "get_protected_file_info",
            FileInfo,
            shorturl=locked.short_url,
            challenge=self._challenge,
        )


def _size(head: httpx.Response) -> int | None:
    length = head.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None
