"""What a PUT says of its file: its name in the path, who sends it, and its link's terms, each in
the query or in a header of its own. Nothing is guessed: what nobody knows is refused, as a file
that was to end would never end otherwise.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import msgspec
from litestar.types import HTTPScope

from shortd import errors
from shortd.api.pairs import pairs_of
from shortd.clock import DAY
from shortd.links.terms import TermChanges

FOLDER = b"/-/up/"
HEADERS = {name: b"shortd-" + name.encode() for name in ("days", "clicks", "password", "code")}
"""The header of each parameter."""
MOST_DAYS = 36_500
MOST_CLICKS = 2**62
_MOST_FIELDS = 100
_SHOWN = 64
_DAYS = re.compile(r"[0-9]{1,5}(\.[0-9]{1,9})?", re.ASCII)
_CLICKS = re.compile(r"[0-9]{1,19}", re.ASCII)


class Wishes(msgspec.Struct, frozen=True):
    """The parameters as they are written; None for those that are not given."""

    days: str | None = None
    clicks: str | None = None
    password: str | None = None
    code: str | None = None

    def changes(self, now: int) -> TermChanges:
        """The terms of the link, made at a time in µs. INVALID_FIELD."""
        ends = clicks = None
        if self.days is not None:
            days = float(self.days) if _DAYS.fullmatch(self.days) else 0.0
            if not 0 < days <= MOST_DAYS:
                raise errors.INVALID_FIELD(
                    "Expected a number of days above 0, %(most)s at most.",
                    field="days",
                    most=MOST_DAYS,
                )
            ends = now + max(1, round(days * DAY))
        if self.clicks is not None:
            clicks = int(self.clicks) if _CLICKS.fullmatch(self.clicks) else 0
            if not 0 < clicks <= MOST_CLICKS:
                raise errors.INVALID_FIELD("Expected a whole number above 0.", field="clicks")
        return TermChanges(expiration_utime=ends, expiration_count=clicks, password=self.password)


def name_in(scope: HTTPScope) -> str | None:
    """The name of the file that a PUT sends, empty where it has none; None if the path is none of
    those that take files."""
    path = path_of(scope)
    name = path.removeprefix(FOLDER if path.startswith(FOLDER) else b"/")
    return None if b"/" in name else unquote_to_bytes(name).decode(errors="replace")


def path_of(scope: HTTPScope) -> bytes:
    """The path of a request as it came, below that of its host."""
    return scope.get("raw_path") or scope["path"].encode(errors="replace")


def read_wishes(query: bytes, headers: Mapping[bytes, bytes]) -> Wishes:
    """What a query and headers wish for. INVALID_FIELD, BAD_REQUEST."""
    given: dict[str, str] = {}
    for name, value in pairs_of(query, _MOST_FIELDS):
        if name not in HEADERS:
            shown = "".join(filter(str.isprintable, name))[:_SHOWN]
            raise errors.INVALID_FIELD("There is no parameter of this name.", field=shown)
        _take(given, name, value)
    for name, header in HEADERS.items():
        if header in headers:
            try:
                _take(given, name, headers[header].decode())
            except UnicodeDecodeError:
                raise errors.INVALID_FIELD("Expected UTF-8.", field=name) from None
    return Wishes(**given)


def key_in(authorization: bytes) -> str:
    """The API key of a header: a bearer token (RFC 6750), or the password of basic authentication
    (RFC 7617). BAD_CREDENTIALS where it has none."""
    scheme, _, rest = authorization.decode("latin-1").partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic":
        try:
            rest = base64.b64decode(rest, validate=True).decode("latin-1").partition(":")[2]
        except binascii.Error:
            rest = ""
    elif scheme.lower() != "bearer":
        rest = ""
    if not rest:
        raise errors.BAD_CREDENTIALS(
            "Send an API key as a bearer token, or as the password of basic authentication."
        )
    return rest


def _take(given: dict[str, str], name: str, value: str) -> None:
    if name in given:
        raise errors.INVALID_FIELD("This parameter comes twice.", field=name)
    if not value:
        raise errors.INVALID_FIELD("This parameter is empty.", field=name)
    given[name] = value
