"""What somebody looks for among links: words as they are typed, and what they come to.

A search is one line of text. `tag:print`, `is:file`, `host:s.example.org`, `campaign:spring` and
`ends:7d` in it are filters; all else is looked for in endings, titles and destinations. Nothing
typed is wrong: what is no filter is text.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from shortd.clock import DAY, HOUR
from shortd.links.searching import folded_text, title_of
from shortd.models.links import NO_RARE_TERMS, Link

LONGEST = 512
"""Characters of a search that are read."""
SOON = 7 * DAY
"""µs within which a link ends soon."""

_FILTER = re.compile(
    r'(?<!\S)(?P<name>tag|bit|is|host|campaign|ends):(?P<value>"[^"]*"|\S+)', re.IGNORECASE
)
_AGE = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[hdw])", re.ASCII | re.IGNORECASE)
_UNITS = {"h": HOUR, "d": DAY, "w": 7 * DAY}


class State(StrEnum):
    """What `is:` asks for."""

    URL = "url"
    FILE = "file"
    ON = "on"
    OFF = "off"
    ENDED = "ended"
    PASSWORD = "password"
    HIDDEN = "hidden"
    """Those that lists leave out otherwise, alone."""


class Sort(StrEnum):
    """In which order links are listed."""

    NEW = "new"
    CLICKS = "clicks"
    """Most first."""
    LATEST = "latest"
    """Latest click first; those without any last."""
    ENDING = "ending"
    """Next to end first; those that never do last."""


class LinkQuery(msgspec.Struct, frozen=True):
    """What is looked for; the parts must all fit, several states and tags as well."""

    text: str = ""
    tags: tuple[str, ...] = ()
    bits: tuple[int, ...] = ()
    """Numbers of bits of v2's tag, from 0."""
    states: tuple[State, ...] = ()
    host: str = ""
    """Name of one."""
    campaign: str = ""
    """Id or code of one."""
    team: str = ""
    """Id of one; empty for all that the account is in."""
    made: bool = False
    """Those alone that the account made itself, for whatever team."""
    also_hidden: bool = False
    """Those that lists leave out otherwise as well."""
    ends: int = 0
    """µs from now within which links end; 0 for any."""
    sort: Sort = Sort.NEW

    @property
    def is_filtered(self) -> bool:
        """Whether anything is asked for but a team's links in some order."""
        plain = LinkQuery(team=self.team, made=self.made, sort=self.sort)
        return self != plain

    def matches(self, link: Link, now: int) -> bool:
        """Whether a link fits, but for its host, its campaign, and whether its clicks are used
        up, which its row does not tell."""
        rare = link.rare or NO_RARE_TERMS
        wants_hidden = State.HIDDEN in self.states
        if rare.hidden != wants_hidden and (wants_hidden or not self.also_hidden):
            return False
        for state in self.states:
            if not _fits(state, link, now):
                return False
        if self.ends and not now < link.expiration_utime <= now + self.ends:
            return False
        if self.tags and not set(self.tags).issubset(rare.tag_names):
            return False
        if any(not link.tag >> bit & 1 for bit in self.bits):
            return False
        return not self.text or self._mentions(link)

    def _mentions(self, link: Link) -> bool:
        words = folded_text(self.text).split()
        texts = folded_text(f"{link.code}\n{title_of(link)}\n{link.url}")
        return all(word in texts for word in words)


EVERYTHING = LinkQuery()
_STATES = {state.value: state for state in State}


def parse(text: str, query: LinkQuery = EVERYTHING) -> LinkQuery:
    """A search as it was typed, on top of filters that were chosen otherwise."""
    tags, bits, states = list(query.tags), list(query.bits), list(query.states)
    host, campaign, ends = query.host, query.campaign, query.ends
    rest = []
    position = 0
    text = text[:LONGEST]
    for found in _FILTER.finditer(text):
        name, value = found["name"].lower(), found["value"].strip('"').strip()
        known = True
        if name == "tag":
            tags.append(value)
        elif name == "bit" and value.isascii() and value.isdigit() and 0 <= int(value) < 64:
            bits.append(int(value))
        elif name == "is" and value.lower() in _STATES:
            states.append(_STATES[value.lower()])
        elif name == "host":
            host = value
        elif name == "campaign":
            campaign = value
        elif name == "ends" and (age := _AGE.fullmatch(value)):
            ends = int(age["number"]) * _UNITS[age["unit"].lower()]
        else:
            known = False
        if known:
            rest.append(text[position : found.start()])
            position = found.end()
    rest.append(text[position:])
    return msgspec.structs.replace(
        query,
        text=" ".join(" ".join(rest).split()),
        tags=tuple(dict.fromkeys(tags)),
        bits=tuple(dict.fromkeys(bits)),
        states=tuple(dict.fromkeys(states)),
        host=host,
        campaign=campaign,
        ends=ends,
    )


def _fits(state: State, link: Link, now: int) -> bool:
    if state is State.URL:
        return not link.filekey
    if state is State.FILE:
        return bool(link.filekey)
    if state is State.ON:
        return link.enabled
    if state is State.OFF:
        return not link.enabled
    if state is State.PASSWORD:
        return link.rare is not None and link.rare.password is not None
    if state is State.ENDED:
        return link.expiration_utime <= now or link.expiration_count > 0
    return True
