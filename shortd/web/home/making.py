"""From what somebody types into the composer to links: addresses as people write them, one a line,
and terms in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.clock import DAY, HOUR, SECOND
from shortd.hosts import ShortHost
from shortd.hosts.destinations import Destination, parse_destination
from shortd.languages import Language
from shortd.links import NewLink
from shortd.links.tag_lists import LIST_CHARACTERS, split_tags
from shortd.links.terms import TermChanges
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.services import Services
from shortd.web.forms import Form

MOST = 1000
"""Lines of one form, as many as `urls` takes."""
MOST_CHARACTERS = 2_000_000
MOST_TITLE = 512
ENDS = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "1y": 365 * DAY}
"""µs by the values of the field for when a link ends."""

# What comes before a colon is a scheme, unless a port comes behind.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)")
_PLACE = re.compile(r"[.:/\[]")


ENDING_CHARACTERS = 1200
"""Of an own ending as it is typed."""


class NewLinks(msgspec.Struct, frozen=True, kw_only=True):
    """The composer."""

    url: Annotated[str, Meta(min_length=1, max_length=MOST_CHARACTERS)]
    """Addresses, one a line."""
    ending: Annotated[str, Meta(max_length=ENDING_CHARACTERS)] | None = None
    host: int | None = None
    """Number of the short host."""
    ends: Annotated[str, Meta(max_length=10)] | None = None
    on: Annotated[str, Meta(max_length=10)] | None = None
    """Its last day."""
    clicks: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    password: Annotated[str, Meta(max_length=256)] | None = None
    title: Annotated[str, Meta(max_length=MOST_TITLE)] | None = None
    tags: Annotated[str, Meta(max_length=LIST_CHARACTERS)] | None = None
    team: Annotated[str, Meta(max_length=64)] = ""
    """Id of the team whose the links are; empty for the own one."""

    @property
    def lines(self) -> list[str]:
        return [line for line in map(str.strip, self.url.splitlines()) if line]


class Draft(msgspec.Struct, frozen=True):
    """Links that may be made: all that can be told without an account is in order."""

    destinations: list[Destination]
    host: ShortHost
    ending: str | None
    changes: TermChanges
    team: str


def read(
    services: Services,
    account: Account | None,
    form: Form[NewLinks],
    language: Language,
    now: int,
) -> tuple[Form[NewLinks], Draft | None]:
    """The form with what is wrong, or what is to be made of it."""
    given, words = form.value, language.gettext
    if given is None:
        return form, None
    lines = given.lines
    if not lines:
        return form.wrong("url", words("Paste an address here.")), None
    if len(lines) > MOST:
        said = words("At most %(most)s addresses at once.") % {"most": language.number(MOST)}
        return form.wrong("url", said), None
    destinations: list[Destination] = []
    for number, line in enumerate(lines, 1):
        try:
            destinations.append(_destination(services, line))
        except errors.ShortdError as refusal:
            form = form.wrong("url", _about_address(refusal, line, number, len(lines), language))
            break
    hosts: Sequence[ShortHost] = ()
    try:
        hosts = hosts_of(services, account, given.team)
    except errors.ShortdError as refusal:
        form = form.wrong("team", refusal.said(words), refusal)
    host = _host(hosts, given.host)
    if host is None and hosts:
        form = form.wrong("host", words("Choose one of these."))
    ending = given.ending.strip() if given.ending else None
    if ending and len(lines) > 1:
        form = form.wrong("ending", words("An own ending is for one address alone."))
    elif ending and host is not None:
        ending, said = read_ending(services, host, ending, words)
        if said:
            form = form.wrong("ending", said)
    changes: dict[str, Any] = {}
    if given.ends or given.on:
        utime = _end(given, now)
        if utime is None or utime <= now:
            form = form.wrong("on", words("Choose a day that is still to come."))
        changes["expiration_utime"] = utime
    optional = {
        "expiration_count": given.clicks,
        "password": given.password,
        "title": given.title,
        "tags": None if given.tags is None else split_tags(given.tags),
    }
    changes |= {name: value for name, value in optional.items() if value is not None}
    if form.errors or host is None:
        return form, None
    return form, Draft(destinations, host, ending or None, TermChanges(**changes), given.team)


def hosts_of(services: Services, account: Account | None, team: str) -> Sequence[ShortHost]:
    """The hosts on which links for a team can be made, the default one first; for none those of
    the settings. TEAM_NOT_FOUND."""
    if not team:
        return services.hosts.configured
    if account is None:
        raise errors.TEAM_NOT_FOUND(field="team")
    return services.teams.domains.hosts(account, team)


async def make(services: Services, account: Account, draft: Draft, now: int) -> list[Link]:
    """The links. CODE_TAKEN, INVALID_FIELD and whatever the calls of the APIs refuse."""
    terms, password = await services.links.terms.of_new(draft.changes)
    new = [
        NewLink(
            destination,
            draft.host,
            draft.ending,
            terms,
            password,
            draft.team,
            replaces=False,
            field=f"url[{position}]",
        )
        for position, destination in enumerate(draft.destinations)
    ]
    return await services.links.links.create(account, new, now)


def told_of_line(
    form: Form[NewLinks], draft: Draft, refusal: errors.ShortdError, language: Language
) -> Form[NewLinks]:
    """The form where a check refuses the address of one of its lines."""
    total = len(draft.destinations)
    for position, destination in enumerate(draft.destinations):
        if refusal.field == f"url[{position}]":
            said = _about_address(refusal, destination.url, position + 1, total, language)
            return form.wrong("url", said, refusal)
    return form.refuse(refusal, language.gettext)


def full(address: str) -> str:
    """An address as people write it, with the scheme that it goes by."""
    return address if _SCHEME.match(address) else f"https://{address}"


def read_ending(
    services: Services, host: ShortHost, ending: str, words: Callable[[str], str]
) -> tuple[str, str]:
    """An own ending as it is kept, and what is wrong with it; empty if nothing is."""
    usual = errors.INVALID_CODE(
        "Endings are made of the letters A to Z, digits, - and _, at most 64 of them, and do"
        " not begin with -."
    )
    try:
        return services.links.codes.check(ending, host, refusal=usual), ""
    except errors.ShortdError as refusal:
        return ending, refusal.said(words)


def _destination(services: Services, line: str) -> Destination:
    if not _SCHEME.match(line) and not _PLACE.search(line):
        # One word is no address, though browsers would try it as one.
        raise errors.INVALID_URL()
    return parse_destination(full(line), services.hosts.names)


def _about_address(
    refusal: errors.ShortdError, line: str, number: int, lines: int, language: Language
) -> str:
    words = language.gettext
    if refusal.kind is errors.URL_LOOPS:
        said = words("This is an address of this server already. Short links cannot lead here.")
    elif refusal.kind in (errors.DESTINATION_BLOCKED, errors.DESTINATION_REFUSED):
        said = refusal.said(words)
    elif refusal.kind is errors.INVALID_URL:
        said = words("This is no web address. One looks like https://example.org/page.")
    else:
        raise refusal
    if lines == 1:
        return said
    place = words("Line %(number)s, “%(line)s”:") % {"number": number, "line": line[:60]}
    return f"{place} {said}"


def _host(choices: Sequence[ShortHost], number: int | None) -> ShortHost | None:
    """The short host that was chosen; the first one where none was."""
    if number is None:
        return next(iter(choices), None)
    return next((host for host in choices if host.number == number), None)


def _end(given: NewLinks, now: int) -> int | None:
    """When the links end, in µs: at the end of a day in UTC, or so long from now."""
    if not given.on:
        return now + ENDS[given.ends] if given.ends in ENDS else None
    try:
        day = date.fromisoformat(given.on) + timedelta(days=1)
        return round(datetime.combine(day, time(), UTC).timestamp()) * SECOND
    except (ValueError, OverflowError):
        return None
