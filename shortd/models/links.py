"""Rows about links."""

from __future__ import annotations

from enum import IntEnum
from operator import attrgetter

import msgspec

from shortd.clock import MINUTE
from shortd.models.accounts import PasswordHash
from shortd.models.common import NEVER

DAY_MINUTES = 1440
"""The unique window of a link that needs one and was given none."""


class LinkTracker(msgspec.Struct, array_like=True, frozen=True):
    """The v1 id of a tracker that stands in a link's data of the plugin `trackers`."""

    id: str
    link_id: int
    provider: str
    code: str
    create_utime: int


class Forwarding(IntEnum):
    """Whether a visitor's query goes on to the destination, and whose value of a name counts."""

    SERVER = 0
    """As `[links] forward_query` has it."""
    NO = 1
    """It does not."""
    VISITOR = 2
    """The visitor's takes the place of the link's own."""
    LINK = 3
    """The link's own stays."""


Utm = tuple[str, str, str, str, str]
"""utm_source, utm_medium, utm_campaign, utm_term, utm_content; empty ones are not set."""


class Terms(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a link does when it is visited, and how its owner tells it from others.

    The APIs set terms, importers bring them along, and plugins are shown them. None of them is a
    secret, and none says where a link leads or whose it is.
    """

    # A new one goes here and, last, into `RareTerms`.

    tag: int = 0
    """64 bits, each a mark of the owner's own."""
    enabled: bool = True
    """False: visits find no link."""
    valid_since: int = 0
    """Unix time in µs; before it, visits find no link."""
    expiration_utime: int = NEVER
    """Unix time in µs, from which on the link has ended. This default is never."""
    expiration_count: int = 0
    """Redirects allowed in all; 0 is no limit."""
    counts_unique: bool = False
    """`expiration_count` counts unique clicks."""
    unique_minutes: int = 0
    """A visitor's clicks within so many minutes count as one (`clickType` 1); 0: all count,
    unless `counts_unique`."""
    date_fallback: str = ""
    """Where visits go once `expiration_utime` has come; empty: nowhere."""
    count_fallback: str = ""
    """Where visits go once `expiration_count` is reached."""
    utm: Utm | None = None
    """Campaign parameters that go on its destinations."""
    title: str = ""
    """What lists call it."""
    tags: tuple[str, ...] = ()
    """Names, each once."""
    hidden: bool = False
    """Left out of lists unless they ask for it."""
    forwarding: Forwarding = Forwarding.SERVER
    """Whether a visitor's query goes on to the destination."""
    robots: bool | None = None
    """Whether search engines may list what it answers; None: as `[links] robots` has it."""
    note: str = ""
    """The owner's own, which visitors never see."""

    @property
    def terms(self) -> Terms:
        """The terms alone, of whatever has more."""
        return Terms(**{name: getattr(self, name) for name in Terms.__struct_fields__})


class HeldDestination(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A destination that a plugin wants the operator to look at."""

    url: str
    plugin: str
    """Who wants it, by name; it may be gone by now."""
    reason: str
    utime: int
    """Unix time in µs at which it was said."""


class Held(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Why visitors are kept from a link until the operator has looked at it."""

    destinations: tuple[HeldDestination, ...]
    """Those of its destinations that it is held for, in the order in which that was said; none is
    left where a link that was refused leads elsewhere by now."""
    refused: bool = False
    """The operator has looked at it, and turned it off."""
    word: str = ""
    """What the operator says of that to the link's owner."""

    @property
    def waits(self) -> bool:
        """Whether the operator is still to look at it."""
        return not self.refused and bool(self.destinations)

    @property
    def since(self) -> int:
        """Unix time in µs from which on it is held; 0 where it no longer is."""
        return self.destinations[0].utime if self.destinations else 0

    @property
    def latest(self) -> int:
        """Unix time in µs of what was said last."""
        return self.destinations[-1].utime if self.destinations else 0


class RareTerms(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What few links have, apart from what each row has, so that plain rows stay small: terms, as
    `Terms` tells them, and the link's place, password and box."""

    team: str = ""
    """Id of the team it belongs to; empty: its owner's own team."""
    campaign: str = ""
    """Id of its campaign, if any."""
    title: str = ""
    tags: tuple[str, ...] | str = ()
    """In rows of before, one text with commas between names that had none."""
    hidden: bool = False
    password: PasswordHash | None = None
    """A visitor has to name it first."""
    unique_minutes: int = 0
    utm: Utm | None = None
    date_fallback: str = ""
    count_fallback: str = ""
    counts_unique: bool = False
    valid_since: int = 0
    forwarding: Forwarding = Forwarding.SERVER
    robots: bool | None = None
    note: str = ""
    barred: bool = False
    """The operator has turned it off, and nobody else can turn it on."""
    box: str = ""
    """Key of the box that visits are shown; then the link's `url` is the box's name."""
    held: Held | None = None
    """A plugin has had it held, and the operator has not let it go."""

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of its tags, each once, whenever the row was written."""
        if not isinstance(self.tags, str):
            return self.tags
        return tuple(dict.fromkeys(filter(None, map(str.strip, self.tags.split(",")))))

    @property
    def unique_window(self) -> int:
        """µs in which a visitor's clicks count as one; 0 if each of them counts."""
        return (self.unique_minutes or self.counts_unique * DAY_MINUTES) * MINUTE


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A short link, stored under (host number, code)."""

    id: int
    owner: str
    host: int
    code: str
    url: str
    """What the client gave: the destination."""
    utime: int
    tag: int = 0
    enabled: bool = True
    expiration_utime: int = NEVER
    expiration_count: int = 0
    """Redirects allowed in all; 0 is no limit."""
    ascii_url: str = ""
    """The Location header where `url` itself cannot be one; else empty."""
    filekey: str = ""
    """The file a link shares; then `url` is the file's name."""
    plugins: dict[str, bytes] | None = None
    """Data of plugins by their names, each a msgpack map of the plugin's own Struct: a row can
    be read without the plugin. None where there is none."""
    rare: RareTerms | None = None
    """None where there are none, as with most links."""

    @property
    def location(self) -> str:
        """The Location header of its own destination."""
        return self.ascii_url or self.url

    @property
    def box(self) -> str:
        """Key of the box that it stands for; empty if it is none's."""
        return self.rare.box if self.rare is not None else ""

    @property
    def held(self) -> Held | None:
        """Why visitors are kept from it, or why the operator has refused it; None for most."""
        return self.rare.held if self.rare is not None else None

    @property
    def waits(self) -> bool:
        """Whether visitors are kept from it until the operator has looked at it."""
        return self.rare is not None and self.rare.held is not None and self.rare.held.waits

    @property
    def terms(self) -> Terms:
        """All its terms."""
        rare = self.rare or NO_RARE_TERMS
        return Terms(
            **{name: getattr(self, name) for name in _IN_EVERY_ROW},
            **{name: getattr(rare, name) for name in _RARE if name != "tags"},
            tags=rare.tag_names,
        )

    def with_terms(self, terms: Terms) -> Link:
        """The link with these terms in the place of its own."""
        rare = rare_terms(terms, self.rare or NO_RARE_TERMS)
        fields = {name: getattr(terms, name) for name in _IN_EVERY_ROW}
        return msgspec.structs.replace(self, **fields, rare=rare)


class FormerLink(msgspec.Struct, array_like=True, frozen=True):
    """A link as it was before something that can be undone."""

    userid: str
    """Who did it, and who alone may undo it."""
    act: int
    """What was done with it at once to many links has one number."""
    until: int
    """Unix time in µs, from which on it stands."""
    link: Link
    fields: tuple[str, ...] = ()
    """What was changed, of the row and of its rare terms; none: the link was deleted."""


NO_RARE_TERMS = RareTerms()
_IN_EVERY_ROW = tuple(name for name in Terms.__struct_fields__ if name in Link.__struct_fields__)
_RARE = tuple(name for name in Terms.__struct_fields__ if name not in _IN_EVERY_ROW)
_PLAIN = tuple(getattr(NO_RARE_TERMS, name) for name in _RARE)
_rare_values = attrgetter(*_RARE)


def rare_terms(terms: Terms, beside: RareTerms = NO_RARE_TERMS) -> RareTerms | None:
    """What a row keeps of terms apart, with the place, the password and the box of `beside`; None
    if that comes to nothing."""
    values = _rare_values(terms)
    if beside is NO_RARE_TERMS and values == _PLAIN:
        return None
    rare = msgspec.structs.replace(beside, **dict(zip(_RARE, values, strict=True)))
    return None if rare == NO_RARE_TERMS else rare
