"""A link's terms as somebody gives them: checked, and set on a link that is there or is to be made.

Shorten World v1 has a call for each handful of them, `set_terms` of v2 takes any, sqwish sets some
when a link is made, importers bring them along. A change is checked as a whole and happens as a
whole. None leaves a term as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from shortd import errors
from shortd.hosts import Hosts
from shortd.hosts.destinations import (
    UTM_NAMES,
    Destination,
    parse_destination,
    refuse_blocked,
)
from shortd.links.codes import Codes
from shortd.links.links import PLAIN_TERMS, Links, Which
from shortd.links.passwords import LinkPasswords
from shortd.links.tag_lists import check_length, check_number, split_tags, without_doubles
from shortd.models.accounts import Account, PasswordHash
from shortd.models.links import NO_RARE_TERMS, Forwarding, Link, Terms

TEXT_CHARACTERS = 512
"""Most characters of a title."""
NOTE_CHARACTERS = 4096
UTM_BYTES = 256
"""Most bytes of one campaign parameter, in UTF-8."""
WINDOW_MINUTES = 525_600
"""The longest unique window: a year."""

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Control characters, those that turn the direction of text, and what is no character."""
_INT64 = 2**63 - 1
_URLS = ("destination", "date_fallback", "count_fallback")
"""What of a change is a place to go."""
_NO_UTM = ("",) * len(UTM_NAMES)


class TermChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a link. Empty texts remove what is there.

    Most names are those of `Terms`; its `utm` comes in its parts.
    """

    code: str | None = None
    """Moves the link on its host; id, counts and statistics stay."""
    destination: str | None = None
    password: str | None = None
    tag: int | None = None
    enabled: bool | None = None
    valid_since: int | None = None
    """0 removes it."""
    expiration_utime: int | None = None
    """`models.common.NEVER` removes it."""
    date_fallback: str | None = None
    expiration_count: int | None = None
    """0 removes it."""
    counts_unique: bool | None = None
    """Within a day where the link has no window."""
    count_fallback: str | None = None
    unique_minutes: int | None = None
    """0: all clicks count."""
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    title: str | None = None
    tags: Sequence[str] | None = None
    """Names."""
    hidden: bool | None = None
    forwarding: Forwarding | None = None
    robots: bool | Literal["server"] | None = None
    """"server": as the settings have it."""
    note: str | None = None


class TermsOfNew(NamedTuple):
    """Terms for a link that is to be made, with its password from the first moment on."""

    terms: Terms
    password: PasswordHash | None


class LinkTerms:
    """Checks and makes changes."""

    def __init__(self, links: Links, codes: Codes, hosts: Hosts, passwords: LinkPasswords) -> None:
        self._links = links
        self._codes = codes
        self._hosts = hosts
        self._passwords = passwords
        self._checks: Mapping[str, Callable[[Any, str], Any]] = {
            "tag": _whole(-(2**63)),
            "valid_since": _whole(0),
            "expiration_utime": _whole(0),
            "expiration_count": _whole(0),
            "unique_minutes": _whole(0, WINDOW_MINUTES),
            "date_fallback": self._fallback,
            "count_fallback": self._fallback,
            "title": _line,
            "tags": _tags,
            "note": _note,
            "robots": lambda value, name: None if value == "server" else value,
            **dict.fromkeys(("enabled", "counts_unique", "hidden", "forwarding"), _as_it_is),
            **dict.fromkeys(UTM_NAMES, _parameter),
        }

    async def change(
        self, account: Account, which: Which, changes: TermChanges, *, wide: bool = False
    ) -> Link:
        """Changes a link that the account may change: the link as it is then. `wide` is the
        operator's permission for codes of any characters.

        INVALID_FIELD, INVALID_CODE, CODE_RESERVED, INVALID_URL, URL_LOOPS, DESTINATION_BLOCKED,
        CODE_TAKEN, ENTRY_NOT_FOUND, BUSY; `field` is the name above. A destination that was
        blocked since it was set may be named again, and stays.
        """
        given = self._checked(changes)
        row: dict[str, Any] = {}
        if changes.destination is not None:
            destination = self._parsed(changes.destination, "destination")
            row |= {"url": destination.url, "ascii_url": destination.ascii_url}
        # Nobody is to make us hash a password for somebody else's link.
        there = self._links.changeable(account, which)
        if changes.code is not None and changes.code != there.code:
            row["code"] = self._codes.check(
                changes.code, self._hosts.numbered(there.host), wide=wide
            )
        self._check_blocked({**given, "destination": row.get("url")}, there)
        password = await self._hash(changes)

        def change(link: Link) -> Link:
            if changes.destination is not None and link.filekey:
                raise errors.INVALID_FIELD("A file's link leads to the file.", field="destination")
            if changes.destination is not None and link.box:
                raise errors.INVALID_FIELD("A box's link leads to the box.", field="destination")
            if changes.expiration_count and link.box:
                raise errors.INVALID_FIELD(
                    "A box ends at a time, or when it is full.", field="expiration_count"
                )
            if changes.password is not None:
                rare = msgspec.structs.replace(link.rare or NO_RARE_TERMS, password=password)
                link = msgspec.structs.replace(link, rare=rare)
            return msgspec.structs.replace(link.with_terms(_merged(link.terms, given)), **row)

        return await self._links.edit(account, which, change)

    async def of_new(self, changes: TermChanges) -> TermsOfNew:
        """Terms of a link that is still to be made; its code and destination are not among them.

        INVALID_FIELD, INVALID_URL, URL_LOOPS, DESTINATION_BLOCKED, BUSY.
        """
        given = self._checked(changes)
        self._check_blocked(given)
        return TermsOfNew(_merged(PLAIN_TERMS, given), await self._hash(changes))

    def check(self, terms: Terms) -> Terms:
        """Terms from elsewhere, as they may be kept. INVALID_FIELD, INVALID_URL, URL_LOOPS,
        DESTINATION_BLOCKED."""
        given = msgspec.structs.asdict(terms)
        given |= zip(UTM_NAMES, given.pop("utm") or _NO_UTM, strict=True)
        checked = self._check_all(given)
        self._check_blocked(checked)
        return _merged(PLAIN_TERMS, checked)

    async def _hash(self, changes: TermChanges) -> PasswordHash | None:
        if changes.password is None:
            return None
        return await self._passwords.hash(changes.password)

    def _checked(self, changes: TermChanges) -> Mapping[str, Any]:
        """The terms among the changes that are given, by name."""
        check_characters(changes.password or "", "password")
        return self._check_all({name: getattr(changes, name) for name in self._checks})

    def _check_all(self, given: Mapping[str, Any]) -> dict[str, Any]:
        checks = self._checks
        return {
            name: checks[name](value, name) for name, value in given.items() if value is not None
        }

    def _fallback(self, url: str, name: str) -> str:
        return self._parsed(url, name).url if url.strip() else ""

    def _parsed(self, url: str, field: str) -> Destination:
        """Whether it is blocked is asked in `_check_blocked`, which knows what was there before."""
        return parse_destination(url, self._hosts.names, field=field, is_set=False)

    def _check_blocked(self, given: Mapping[str, Any], there: Link | None = None) -> None:
        """DESTINATION_BLOCKED for a place to go that is not the link's already."""
        own = None if there is None else {"destination": there.url, **_places(there.terms)}
        for name in _URLS:
            url = given.get(name)
            if url and (own is None or own[name] != url):
                refuse_blocked(url, self._hosts.names, field=name)


def _places(terms: Terms) -> dict[str, str]:
    return {"date_fallback": terms.date_fallback, "count_fallback": terms.count_fallback}


def _merged(old: Terms, given: Mapping[str, Any]) -> Terms:
    """The old terms with the given ones in their place."""
    parts = tuple(
        given.get(name, before) for name, before in zip(UTM_NAMES, old.utm or _NO_UTM, strict=True)
    )
    others = {name: value for name, value in given.items() if name not in UTM_NAMES}
    return msgspec.structs.replace(old, **others, utm=parts if any(parts) else None)


def _whole(least: int, most: int = _INT64) -> Callable[[int, str], int]:
    def check(value: int, name: str) -> int:
        if not least <= value <= most:
            raise errors.INVALID_FIELD(
                "Must be from %(least)s to %(most)s.", field=name, least=least, most=most
            )
        return value

    return check


def _as_it_is(value: bool | Forwarding, name: str) -> bool | Forwarding:
    return value


def _note(value: str, name: str) -> str:
    """A text of some lines."""
    value = "\n".join(value.splitlines()).strip()
    if len(value) > NOTE_CHARACTERS:
        raise errors.INVALID_FIELD("At most %(most)s characters.", field=name, most=NOTE_CHARACTERS)
    check_characters(value.replace("\n", " ").replace("\t", " "), name)
    return value


def _line(value: str, name: str) -> str:
    """A text on one line, each run of white space as one space."""
    value = " ".join(value.split())
    if len(value) > TEXT_CHARACTERS:
        raise errors.INVALID_FIELD("At most %(most)s characters.", field=name, most=TEXT_CHARACTERS)
    check_characters(value, name)
    return value


def _tags(names: Sequence[str], name: str) -> tuple[str, ...]:
    """Importers of plugins may give one text, as all did once."""
    kept = split_tags(names) if isinstance(names, str) else without_doubles(names)
    check_number(kept, name)
    for one in kept:
        check_length(one, name)
        check_characters(one, name)
    return tuple(kept)


def _parameter(value: str, name: str) -> str:
    check_characters(value, name)
    if len(value.encode()) > UTM_BYTES:
        raise errors.INVALID_FIELD("At most %(most)s bytes.", field=name, most=UTM_BYTES)
    return value


def check_characters(value: str, name: str) -> None:
    """INVALID_FIELD for a text with characters that nobody can see or type."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise errors.INVALID_FIELD("Contains half a surrogate pair.", field=name) from None
    if _UNSHOWN.search(value):
        raise errors.INVALID_FIELD("Contains control characters.", field=name)
