"""A link of a source as it can be kept here: what of it has to change is noted, never hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from shortd import errors
from shortd.hosts import Hosts, ShortHost
from shortd.hosts.destinations import parse_destination
from shortd.links.checking import Said as CheckSaid
from shortd.links.checking import places_of
from shortd.links.codes import Codes
from shortd.links.links import NewLink, as_row, heeding
from shortd.links.plugin_data import Check
from shortd.links.sheets import Result
from shortd.links.tag_lists import TAG_CHARACTERS, TAGS, without_doubles
from shortd.links.terms import NOTE_CHARACTERS, LinkTerms
from shortd.models.accounts import Account, PasswordHash
from shortd.models.common import NEVER
from shortd.models.links import Link, Terms
from shortd.moving import Note, Reason, SourceLink
from shortd.security.bcrypt_hashes import read_bcrypt
from shortd.upkeep.importing.offers import LinkOffer, Said
from shortd.upkeep.importing.words import in_words

QUOTED_CHARACTERS = 512
"""Of tags that are told, at most."""

_ENTRY = re.compile(r"data\.(?P<name>[a-z_]+)\[(?P<place>[0-9]+)\]", re.ASCII)
_PLAIN = Terms()
_MAY_BE_LEFT_OUT: Mapping[str, tuple[Reason, Any]] = {
    "title": (Reason.TITLE_CHANGED, ""),
    "tags": (Reason.TAGS_CHANGED, ()),
    "note": (Reason.NOTE_CHANGED, ""),
    "date_fallback": (Reason.FALLBACK, ""),
    "count_fallback": (Reason.FALLBACK, ""),
    "expiration_count": (Reason.NUMBER_CHANGED, 0),
    "unique_minutes": (Reason.NUMBER_CHANGED, 0),
    "tag": (Reason.NUMBER_CHANGED, 0),
    "valid_since": (Reason.TIME_UNREADABLE, 0),
    "expiration_utime": (Reason.TIME_UNREADABLE, NEVER),
    **dict.fromkeys(
        ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
        (Reason.NO_PLACE, ""),
    ),
}
"""By the name of a term, what is said where it cannot be kept, and what takes its place."""


class Readable(msgspec.Struct, frozen=True, gc=False):
    """An offer that can be tried."""

    offer: LinkOffer
    new: NewLink
    notes: tuple[Note, ...]
    refusal: errors.ShortdError | None = None
    """Why it is not made if it is not here."""


class LinkReader:
    """Reads offered links for an account. `domains` are hosts by those of the source."""

    def __init__(self, hosts: Hosts, codes: Codes, terms: LinkTerms, check: Check) -> None:
        self._hosts = hosts
        self._codes = codes
        self._terms = terms
        self._check = check

    def read(
        self, account: Account, offer: LinkOffer, domains: Mapping[str, str], *, wide: bool
    ) -> Readable | Said:
        """What can be made of it, or why nothing can; `wide` is as in `Codes.check`. Its password
        in the clear is left to the caller."""
        link = offer.link
        host = self._host(link, domains)
        try:
            if host is None:
                raise errors.UNKNOWN_HOST(
                    f"There is no host {link.host} here; --map-domain names one for it."
                )
            code = None if link.code is None else self._codes.check(link.code, host, wide=wide)
            destination = parse_destination(link.url, self._hosts.names)
        except errors.ShortdError as refusal:
            shown = link.host or "" if host is None else host.name
            return refused(link, shown, refusal)
        notes = list(link.notes)
        enabled, password = _password(link, notes)
        terms = self._kept(_terms(link, notes, enabled=enabled), notes)
        new = NewLink(destination, host, code, terms, password, replaces=False)
        plugins = self._plugins(account, new, link, notes)
        if plugins:
            new = msgspec.structs.replace(new, plugins=plugins)
        return Readable(offer, new, tuple(notes))

    def _host(self, link: SourceLink, domains: Mapping[str, str]) -> ShortHost | None:
        name = domains.get(link.host or "", link.host)
        return self._hosts.named(name) if name else self._hosts.default

    def _kept(self, terms: Terms, notes: list[Note]) -> Terms:
        """The terms without those that cannot be kept, each of which is noted."""
        while True:
            try:
                return self._terms.check(terms)
            except errors.ShortdError as refusal:
                name = refusal.field or ""
                if name not in _MAY_BE_LEFT_OUT:
                    raise
                reason, instead = _MAY_BE_LEFT_OUT[name]
                notes.append(Note(reason, f"{name}: {refusal.message}"))
                terms = _with(terms, name, instead)

    def _plugins(
        self, account: Account, new: NewLink, link: SourceLink, notes: list[Note]
    ) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}
        for name, data in link.plugins.items():
            shown = Link(0, account.userid, new.host.number, new.code or "", new.destination.url, 0)
            given: dict[str, Any] | None = data
            while given is not None:
                try:
                    kept[name] = self._check(shown, name, given)
                    break
                except errors.ShortdError as refusal:
                    notes.append(Note(Reason.NO_PLACE, f"data of plugin {name}: {refusal.message}"))
                    given = _without(given, refusal.field or "")
        return kept


def heeded(said: CheckSaid, one: Readable) -> Readable:
    """An offer as plugins let it be made: without what else it leads to, where that is refused."""
    new, notes = one.new, list(one.notes)
    for place in places_of(as_row(new)):
        refusal = said.refusal(place)
        if refusal is None:
            continue
        if place.plugin:
            if new.plugins is None or place.plugin not in new.plugins:
                continue
            kept = {name: raw for name, raw in new.plugins.items() if name != place.plugin}
            new = msgspec.structs.replace(new, plugins=kept or None)
            notes.append(Note(Reason.NO_PLACE, f"data of plugin {place.plugin}: {refusal.message}"))
        elif place.field in _MAY_BE_LEFT_OUT:
            reason, instead = _MAY_BE_LEFT_OUT[place.field]
            new = msgspec.structs.replace(new, terms=_with(new.terms, place.field, instead))
            notes.append(Note(reason, f"{place.field}: {refusal.message}"))
    try:
        new = heeding(said, new)
    except errors.ShortdError as refusal:
        return msgspec.structs.replace(one, refusal=refusal)
    if new.held is not None:
        why = "; ".join(dict.fromkeys(held.reason for held in new.held.destinations if held.reason))
        notes.append(Note(Reason.HELD, why))
    return msgspec.structs.replace(one, new=new, notes=tuple(notes))


def _without(data: dict[str, Any], field: str) -> dict[str, Any] | None:
    """Data without the entry of a list that a refusal means; None if nothing is left of them."""
    match = _ENTRY.match(field)
    entries = None if match is None else data.get(match["name"])
    if match is None or not isinstance(entries, list) or int(match["place"]) >= len(entries):
        return None
    rest = [entry for place, entry in enumerate(entries) if place != int(match["place"])]
    return {**data, match["name"]: rest} if rest else None


def refused(link: SourceLink, host: str, refusal: errors.ShortdError) -> Said:
    """What is said of a link that cannot be made."""
    return Said(
        Result.SKIPPED, link.code or "", host, reasons=(refusal.code,), note=refusal.message
    )


def said(
    readable: Readable,
    result: Result,
    code: str,
    short_url: str,
    link_id: int = 0,
    place: str = "",
) -> Said:
    """What is said of one that is or can be made."""
    notes = readable.notes
    reasons = tuple(dict.fromkeys(note.reason.value for note in notes))
    words = "; ".join(dict.fromkeys(in_words(note.reason, note.text) for note in notes))
    if notes and result is Result.MADE:
        result = Result.MADE_WITH_NOTES
    host = readable.new.host.name
    return Said(result, code, host, short_url, reasons, words, place, link_id)


def _password(link: SourceLink, notes: list[Note]) -> tuple[bool, PasswordHash | None]:
    """Whether the link may be on, and the hash that it brings along."""
    if not link.password_hash:
        return link.terms.enabled, None
    kept = read_bcrypt(link.password_hash)
    if kept is None:
        notes.append(Note(Reason.PASSWORD_UNUSABLE))
        return False, None
    return link.terms.enabled, kept


def _terms(link: SourceLink, notes: list[Note], *, enabled: bool) -> Terms:
    note = link.terms.note
    if link.folder:
        folder = f"Folder: {link.folder}"
        note = f"{note}\n{folder}" if note else folder
    if len(note) > NOTE_CHARACTERS:
        note = note[:NOTE_CHARACTERS]
        notes.append(Note(Reason.NOTE_CHANGED))
    return msgspec.structs.replace(
        link.terms, enabled=enabled, note=note, tags=_tags(link.tags, notes)
    )


def _tags(names: tuple[str, ...], notes: list[Note]) -> tuple[str, ...]:
    """As many of the names as have a place, none of them too long."""
    kept = tuple(without_doubles(name[:TAG_CHARACTERS] for name in names)[:TAGS])
    if kept != names:
        notes.append(Note(Reason.TAGS_CHANGED, f"they were {_quoted(names)}"))
    return kept


def _quoted(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"“{name}”" for name in names)
    return shown if len(shown) <= QUOTED_CHARACTERS else shown[:QUOTED_CHARACTERS] + "…"


def _with(terms: Terms, name: str, value: Any) -> Terms:
    if name.startswith("utm_"):
        return msgspec.structs.replace(terms, utm=None)
    return msgspec.structs.replace(terms, **{name: value})
