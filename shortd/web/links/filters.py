"""The filters of the list of links in its address: read, changed, written again.

The address says it all: what somebody searches can be kept, sent and gone back to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from shortd.clock import DAY
from shortd.links.queries import LinkQuery, Sort, State, parse

PATH = "/-/dashboard"
MOST = 20
"""Values of one name that are read."""

_SORTS = {sort.value: sort for sort in Sort}
_STATES = {state.value: state for state in State}
SOON = "7d"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What an address asks for, as it stands there."""

    q: str = ""
    tag: tuple[str, ...] = ()
    bit: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    """`is` in the address."""
    host: str = ""
    campaign: str = ""
    team: str = ""
    ends: str = ""
    sort: str = Sort.NEW.value

    def query(self) -> LinkQuery:
        """What is to be looked for."""
        chosen = LinkQuery(
            tags=self.tag,
            bits=tuple(int(bit) for bit in self.bit),
            states=tuple(_STATES[one] for one in self.state),
            host=self.host,
            campaign=self.campaign,
            team=self.team,
            ends=7 * DAY if self.ends == SOON else 0,
            sort=_SORTS[self.sort],
        )
        return parse(self.q, chosen)

    def pairs(self, *without: str) -> list[tuple[str, str]]:
        """Names and values of the address."""
        pairs = [("q", self.q)] if self.q else []
        pairs += [("tag", one) for one in self.tag]
        pairs += [("bit", one) for one in self.bit]
        pairs += [("is", one) for one in self.state]
        single = {"host": self.host, "campaign": self.campaign, "team": self.team}
        single |= {"ends": self.ends, "sort": "" if self.sort == Sort.NEW else self.sort}
        pairs += [(name, value) for name, value in single.items() if value]
        return [(name, value) for name, value in pairs if name not in without]

    def address(self, **more: str) -> str:
        """The list with these filters."""
        pairs = [*self.pairs(), *((name, value) for name, value in more.items() if value)]
        return f"{PATH}?{urlencode(pairs)}" if pairs else PATH

    def toggled(self, state: str) -> Filters:
        """With a state, in the place of those that exclude it, or without it."""
        kept = tuple(one for one in self.state if one != state and not _excludes(one, state))
        new = kept if state in self.state else (*kept, state)
        return msgspec.structs.replace(self, state=new)


def read(lists: Mapping[str, Sequence[str]]) -> Filters:
    """The filters of a query. What means nothing is left out."""

    def one(name: str, most: int = 512) -> str:
        values = lists.get(name) or [""]
        return values[-1][:most].replace("\0", "")

    def many(name: str) -> tuple[str, ...]:
        values = (value[:512].strip() for value in lists.get(name, ())[:MOST])
        return tuple(dict.fromkeys(value for value in values if value))

    sort = one("sort")
    return Filters(
        q=" ".join(one("q").split()),
        tag=many("tag"),
        bit=tuple(bit for bit in many("bit") if bit.isascii() and bit.isdigit() and len(bit) < 3),
        state=tuple(state for state in many("is") if state in _STATES),
        host=one("host"),
        campaign=one("campaign", 64),
        team=one("team", 64),
        ends=SOON if one("ends") == SOON else "",
        sort=sort if sort in _SORTS else Sort.NEW.value,
    )


def _excludes(one: str, other: str) -> bool:
    return any({one, other} == pair for pair in ({"url", "file"}, {"on", "off"}))
