"""The server that an address names, and no other: whatever it says, it alone is asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import httpx

from shortd.client.api import Api, Output
from shortd.client.connection import Answer, Connection, Moved
from shortd.client.failures import ClientFailure, Refused

BASE = r"(?P<base>(?:/[A-Za-z0-9._~-]+)*?)"
"""The path that a whole server may be below, in an expression."""
MOST_GUESSES = 8
"""Paths that a server is looked for below."""
_OF_NO_CALL = ("", "not_found", "method_not_allowed")
"""Codes of refusals where there is no API."""


class Visited:
    """Somebody's address, and what is asked of the server that it names. ClientFailure for what is
    no address. `base` is the path that the server is below, or the first of those that it may be
    below: codes have slashes, too.
    """

    def __init__(self, connection: Connection, address: str, *bases: str) -> None:
        self._connection = connection
        self._base, *self._bases = bases or ("",)
        try:
            self._url = httpx.URL(address).copy_with(fragment=None)
        except httpx.InvalidURL as error:
            raise ClientFailure(f"{address}: not an address: {error}") from None

    async def call(self, name: str, kind: type[Output], **inputs: object) -> Output:
        """A call of ww7 v2 to the server. `ClientFailure`."""
        while True:
            server = str(self.own(httpx.URL(f"{self._base}/"))).rstrip("/")
            try:
                return await Api(self._connection, server).call(name, kind, **inputs)
            except Moved as fault:
                if not self._moves(fault.answer):
                    raise
            except Refused as refused:
                is_elsewhere = refused.status in (404, 405) and refused.code in _OF_NO_CALL
                if not self._bases or not is_elsewhere:
                    raise
                self._base = self._bases.pop(0)

    async def get(self, headers: Mapping[str, str] | None = None) -> Answer:
        """What the address answers, which may be a redirect; one to https is gone along with.
        `ClientFailure`.
        """
        answer = await self._get(headers or {})
        while answer.location is not None and self._moves(answer):
            answer = await self._get(headers or {})
        return answer

    def own(self, address: httpx.URL) -> httpx.URL:
        """The same path and query on the server that is visited, whatever host stands there: it
        may know itself by another name than the one that leads to it from here.
        """
        return self._url.copy_with(raw_path=address.raw_path)

    async def _get(self, headers: Mapping[str, str]) -> Answer:
        send = self._connection.send
        return await self._connection.patiently(lambda: send("GET", self._url, headers=headers))

    def _moves(self, answer: Answer) -> bool:
        """Whether a redirect leads from http to https and nowhere else; then so does the visit."""
        there = joined(answer.url, answer.location or "")
        if there != answer.url.copy_with(scheme="https") or self._url.scheme != "http":
            return False
        # Another port may be anybody's.
        if self._url.port is not None:
            return False
        self._url = self._url.copy_with(scheme="https")
        return True


def possible_bases(path: str) -> list[str]:
    """What a server may be below whose short URL has this path, the likeliest first."""
    parts = path.strip("/").split("/")[:-1]
    whole = ["/" + "/".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return [*whole[:1], "", *whole[1:]][:MOST_GUESSES]


def joined(base: httpx.URL, location: str) -> httpx.URL | None:
    """Where a location leads; None if it is no address."""
    with suppress(httpx.InvalidURL, ValueError):
        return base.join(location)
    return None


def origin_of(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    return url.scheme, url.host, url.port
