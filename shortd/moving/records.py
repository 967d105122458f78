"""What a reader yields of a source: links, clicks, what stays behind, and what else to know.

A reader (`sources.Source`) is asked twice: `links()` yields `SourceLink`, `Problem`, `Remark` and
`HostSetting` in any mixture, links oldest first and no (host, code) twice; then `clicks()` yields
`SourceClick` and `ClickSum`, in the source's order, of links and of what was none. Both are
streams: who keeps what they yield answers for the memory.

Nothing here is checked against a server's rules: a code may be too long for ours and a host
unknown. What is checked: URLs are http or https with a host, texts have no control characters,
numbers fit 63 bits, times are Unix µs in UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from shortd.models.links import Terms

MOST = 2**63 - 1
"""The largest number and time that a row can keep."""


class Reason(StrEnum):
    """Why a row was left out, or what of it is not as it was: the codes of the report, beside those
    of the catalogue of errors that a server has for it."""

    # A row with one of these is skipped.
    SCHEME = "scheme"
    USERINFO = "userinfo"
    TOO_LONG = "too_long"
    URL = "url"
    CODE_TAKEN = "code_taken"
    DOMAIN_ROOT = "domain_root"
    UNREADABLE = "unreadable"
    """A row that is torn, has too few values, or is larger than any row of a link."""

    # A link with one of these came over, but not all of it or not as it was.
    URL_CHANGED = "url_changed"
    TITLE_CHANGED = "title_changed"
    TAGS_CHANGED = "tags_changed"
    NOTE_CHANGED = "note_changed"
    NUMBER_CHANGED = "number_changed"
    """It was negative, no number, or beyond 63 bits."""
    TIME_UNREADABLE = "time_unreadable"
    TIME_UNKNOWN = "time_unknown"
    """The source does not say when the link was made: its first click, or the import."""
    CODE_DRAWN = "code_drawn"
    RULES = "rules"
    """Destinations by conditions that have no place here: the main one is kept."""
    PASSWORD_UNKNOWN = "password_unknown"
    """It had a password that the source does not tell: it comes disabled."""
    PASSWORD_UNUSABLE = "password_unusable"
    """A hash that cannot be verified here: it comes disabled."""
    NO_VISITS_ALLOWED = "no_visits_allowed"
    """Its limit was 0: it comes disabled."""
    FALLBACK = "fallback"
    """Where it led once it had ended is no web address."""
    ALIAS = "alias"
    """Another short URL of one link; the first has the clicks."""
    SECRET = "secret"
    """The code holds the key of a secret link."""
    HELD = "held"
    """Visitors do not get through before the operator has looked at where it leads."""
    NO_PLACE = "no_place"
    """Something else that has no place here: the note's text says what."""


class Note(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What of a link is not as it was in the source."""

    reason: Reason
    text: str = ""
    """English, for the report; may quote the source, without control characters, cut short."""


class Condition(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One of a rule's conditions, with the types of Shlink's API ("device", "language", …)."""

    type: str
    key: str = ""
    value: str = ""


class Rule(msgspec.Struct, frozen=True, gc=False):
    """Where visits go that meet all conditions; the first rule that matches wins."""

    url: str
    conditions: tuple[Condition, ...] = ()


class SourceLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A link of the source, importable as far as its own row tells."""

    key: str
    """How clicks name it; no two links of a source share one."""
    row: str
    """Where it stands, for the report: a line or the id that the source gave it."""
    code: str | None
    """Unescaped, as Unicode text, in its own case; None: one has to be drawn."""
    host: str | None = None
    """"host" or "host:port", in lower case; None: the source's default domain, or it tells none."""
    url: str
    created: int | None = None
    """Unix µs; None: neither its row nor a click tells."""
    clicks: int = 0
    """In all: the larger of the source's counter and what `clicks()` yields of it."""
    singles: int = 0
    """How many of these `clicks()` yields, dated or not."""
    terms: Terms = Terms()
    """Everything that has a place among a link's terms; `tags` is empty, see below."""
    tags: tuple[str, ...] = ()
    """Names as in the source, each once; commas may stand in them."""
    password: str | None = None
    """In the clear, of at least one character."""
    password_hash: str = ""
    """bcrypt's text ("$2y$10$…") where the source keeps no more; never together with `password`."""
    plugins: dict[str, dict[str, Any]] = {}
    """Data by the name of the plugin: "mobile", "rules" and "ab", in the shape of their own
    Structs."""
    rules: tuple[Rule, ...] = ()
    """In the source's order, those as well that have become data of a plugin."""
    owner: str = ""
    """Who made it, as the source names people; empty: not told."""
    folder: str = ""
    """Names of the folders of a bookmark, from the outermost, with "/" between them."""
    bots: int | None = None
    """How many of the clicks the source took for robots'; for the report alone."""
    url_in_source: str = ""
    """Set where it is not `url`."""
    notes: tuple[Note, ...] = ()


class SourceClick(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One visit to a link. Of texts as much as the source has: nothing is anonymised yet."""

    link: str
    """The `key` of its link; of a link that is none any more, too."""
    time: int | None = None
    """Unix µs; None: unreadable or unknown, it counts in the total alone."""
    address: str = ""
    user_agent: str = ""
    referrer: str = ""
    """A URL or a host; empty: direct."""
    country: str = ""
    """Two capitals as in ISO 3166, or what the source has in their place ("A1"); empty: unknown."""
    is_bot: bool = False


class ClickSum(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Visits to a link that the source kept as sums, of at most one UTC day."""

    link: str
    first: int | None
    """Unix µs of the first of them, or of the beginning of the hour or day; None: unreadable, they
    count in the total alone."""
    last: int | None
    total: int
    """At least 1. The sums of a dimension can be less, never more."""
    countries: dict[str, int] = {}
    """By two capitals; "" is unknown."""
    referrers: dict[str, int] = {}
    """By host; "" is direct."""
    browsers: dict[str, int] = {}
    """By the names that user agents get here: "Chrome", "Firefox", …; "" is another."""
    systems: dict[str, int] = {}
    """Likewise: "Windows", "Android", …"""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """A row that does not come over."""

    row: str
    reason: Reason
    code: str | None = None
    host: str | None = None
    url: str = ""
    """As in the source, cut where it is too long to be told."""
    text: str = ""
    """English, for the report."""


class Remark(msgspec.Struct, frozen=True, gc=False):
    """Something to know of the source as a whole; `name` is stable, for programs."""

    name: str
    """One of "default_domain", "orphan_visits", "ignores_case", "missing_wal", "incomplete",
    "time_zone", "site"."""
    text: str
    """English, one sentence."""
    value: str | int = ""
    """What it is about: a domain, how many."""


class HostSetting(msgspec.Struct, frozen=True, gc=False):
    """Where a domain of the source sends visits that no link answers; empty: nowhere.

    An operator puts it into `[host."…"]`: an importer has no settings to write.
    """

    host: str | None
    """None: the default domain."""
    root: str = ""
    unknown: str = ""
    ended: str = ""
