"""What a link does when it is visited, and how its owner tells it from others, changed later.

Shorten World v1 has a call for each handful of these terms, sqwish sets some of them when a link
is made. A change is checked as a whole and happens as a whole. None leaves a term as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from shortd import errors
from shortd.destinations import UTM_NAMES, Destination, parse_destination
from shortd.hosts import Hosts
from shortd.link_passwords import LinkPasswords
from shortd.links import CODE_PATTERN, Links, Which
from shortd.models import Account, Link, LinkExtras

TEXT_CHARACTERS = 512
"""Most characters of a title, and of tags."""
UTM_BYTES = 256
"""Most bytes of one campaign parameter, in UTF-8."""
WINDOW_MINUTES = 525_600
"""The longest unique window: a year."""

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Control characters, those that turn the direction of text, and what is no character."""
_INT64 = 2**63 - 1
_NO_UTM = ("",) * len(UTM_NAMES)
_NO_EXTRAS = LinkExtras()


class TermChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a link. Empty texts remove what is there."""

    title: str | None = None
    tags: str | None = None
    hidden: bool | None = None
    code: str | None = None
    """Moves the link on its host; id, counts and statistics stay."""
    destination: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    unique_minutes: int | None = None
    """0: all clicks count."""
    expiration_utime: int | None = None
    """`models.NEVER` removes it."""
    date_fallback: str | None = None
    expiration_count: int | None = None
    """0 removes it."""
    counts_unique: bool | None = None
    """`expiration_count` counts unique clicks, within a day where the link has no window."""
    count_fallback: str | None = None
    password: str | None = None


class LinkTerms:
    """Checks and makes changes."""

    def __init__(self, links: Links, hosts: Hosts, passwords: LinkPasswords) -> None:
        self._links = links
        self._hosts = hosts
        self._passwords = passwords

    async def change(self, account: Account, which: Which, changes: TermChanges) -> Link:
        """Changes a link that the account may change: the link as it is then.

        INVALID_FIELD, INVALID_CODE, INVALID_URL, URL_LOOPS, CODE_TAKEN, ENTRY_NOT_FOUND, BUSY;
        `field` is the name above.
        """
        row, extras = self._checked(changes)
        # Nobody is to make us hash a password for somebody else's link.
        self._links.changeable(account, which)
        await self._hash(changes, extras)

        def change(link: Link) -> Link:
            if changes.destination is not None and link.filekey:
                raise errors.INVALID_FIELD("A file's link leads to the file.", field="destination")
            merged = _merged(link.extras, changes, extras)
            return msgspec.structs.replace(link, **row, extras=merged)

        return await self._links.edit(account, which, change)

    async def of_new(self, changes: TermChanges) -> LinkExtras | None:
        """What a link that is still to be made keeps of these terms, for `NewLink.extras`: so it
        has its password from the first moment on. INVALID_FIELD, INVALID_URL, URL_LOOPS, BUSY.

        Code, destination and expiry are fields of `NewLink` itself.
        """
        _, extras = self._checked(changes)
        await self._hash(changes, extras)
        return _merged(None, changes, extras)

    async def _hash(self, changes: TermChanges, extras: dict[str, Any]) -> None:
        if changes.password is not None:
            extras["password"] = await self._passwords.hash(changes.password)

    def _checked(self, changes: TermChanges) -> tuple[dict[str, Any], dict[str, Any]]:
        """New fields of the row, and of its extras, as far as they can be told by now."""
        row: dict[str, Any] = {}
        if changes.code is not None:
            if not CODE_PATTERN.fullmatch(changes.code):
                raise errors.INVALID_CODE(field="code")
            row["code"] = changes.code
        if changes.destination is not None:
            destination = self._parsed(changes.destination, "destination")
            row |= {"url": destination.url, "ascii_url": destination.ascii_url}
        for name in ("expiration_utime", "expiration_count"):
            row |= _number(changes, name, _INT64)
        extras: dict[str, Any] = {
            **_text(changes, "title"),
            **_text(changes, "tags"),
            **_number(changes, "unique_minutes", WINDOW_MINUTES),
            **_given(changes, "hidden", "counts_unique"),
        }
        for name in ("date_fallback", "count_fallback"):
            url = getattr(changes, name)
            if url is not None:
                extras[name] = self._parsed(url, name).url if url.strip() else ""
        check_characters(changes.password or "", "password")
        for name in UTM_NAMES:
            _check_utm(getattr(changes, name) or "", name)
        return row, extras

    def _parsed(self, url: str, field: str) -> Destination:
        return parse_destination(url, self._hosts.names, field=field)


def _merged(
    old: LinkExtras | None, changes: TermChanges, extras: Mapping[str, Any]
) -> LinkExtras | None:
    """The old extras with the new ones in their place; None if that comes to nothing."""
    old = old or _NO_EXTRAS
    given = (getattr(changes, name) for name in UTM_NAMES)
    utm = tuple(
        before if after is None else after
        for before, after in zip(old.utm or _NO_UTM, given, strict=True)
    )
    changed = msgspec.structs.replace(old, **extras, utm=utm if any(utm) else None)
    # Most links have none, and their rows are read for every visit.
    return None if changed == _NO_EXTRAS else changed


def _given(changes: TermChanges, *names: str) -> Mapping[str, Any]:
    values = {name: getattr(changes, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _number(changes: TermChanges, name: str, most: int) -> Mapping[str, int]:
    value: int | None = getattr(changes, name)
    if value is None:
        return {}
    if not 0 <= value <= most:
        raise errors.INVALID_FIELD(f"Must be from 0 to {most}.", field=name)
    return {name: value}


def _text(changes: TermChanges, name: str) -> Mapping[str, str]:
    """A text on one line, each run of white space as one space."""
    value: str | None = getattr(changes, name)
    if value is None:
        return {}
    value = " ".join(value.split())
    if len(value) > TEXT_CHARACTERS:
        raise errors.INVALID_FIELD(f"At most {TEXT_CHARACTERS} characters.", field=name)
    check_characters(value, name)
    return {name: value}


def _check_utm(value: str, name: str) -> None:
    check_characters(value, name)
    if len(value.encode()) > UTM_BYTES:
        raise errors.INVALID_FIELD(f"At most {UTM_BYTES} bytes.", field=name)


def check_characters(value: str, name: str) -> None:
    """INVALID_FIELD for a text with characters that nobody can see or type."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise errors.INVALID_FIELD("Contains half a surrogate pair.", field=name) from None
    if _UNSHOWN.search(value):
        raise errors.INVALID_FIELD("Contains control characters.", field=name)
