"""What the pages of links show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from shortd.links.sheets import MOST_ROWS, RowResult
from shortd.links.tagging import ShownTag
from shortd.models.common import NEVER
from shortd.models.teams import TeamTracker
from shortd.plugin_runtime.panels import Column
from shortd.upkeep.importing.sent import Phase, SentImport
from shortd.web.forms import Form
from shortd.web.links.head import LinkHead
from shortd.web.links.plugin_forms import Node
from shortd.web.links.rule_forms import RulesForm
from shortd.web.teams.working import Working


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A link in the list."""

    id: int
    short_url: str
    title: str
    destination: str
    """Where it leads; for a file its name."""
    filesize: int = -1
    """Bytes of the file it shares; -1 for none."""
    sealed: bool = False
    """The file is encrypted."""
    enabled: bool = True
    held: bool = False
    """Visitors are kept from it until an operator has looked at it."""
    hidden: bool = False
    locked: bool = False
    """Visitors have to name a password."""
    ended: bool = False
    ends: int = 0
    """When it ends, in µs, where that is soon; else 0."""
    plugins: Sequence[str] = ()
    """Names of plugins that it has data for."""
    tags: Sequence[ShownTag] = ()
    count: int = 0
    utime: int = 0
    days: Sequence[int] = ()
    """Clicks of the last days, the oldest first."""
    maker: str = ""
    """Who made it, where that is somebody else."""
    may_change: bool = True
    columns: Sequence[Column] = ()
    """What plugins show beside it."""

    @property
    def shown(self) -> str:
        """The short URL as people say it."""
        return self.short_url.partition("://")[2]

    @property
    def curve(self) -> str:
        """The days as points of an SVG line, 3 apart and at most `CURVE_HEIGHT` high."""
        return _curve(self.days) if any(self.days) else _flat(len(self.days))


CURVE_HEIGHT = 26


def _curve(days: Sequence[int]) -> str:
    most = max((*days, 1))
    return " ".join(
        f"{3 * place},{CURVE_HEIGHT - round((CURVE_HEIGHT - 2) * clicks / most)}"
        for place, clicks in enumerate(days)
    )


@cache
def _flat(days: int) -> str:
    """Of most links of a large account: nobody has clicked them of late."""
    return _curve([0] * days)


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """A filter: the address that sets it, or takes it off where it is on."""

    words: str
    address: str
    on: bool = False
    symbol: str = ""


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """dashboard/page.html."""

    rows: Sequence[Row]
    q: str = ""
    sort: str = "new"
    hidden: Sequence[tuple[str, str]] = ()
    """Filters of the address beside the search and the order: names and values."""
    chips: Sequence[Chip] = ()
    campaigns: Sequence[Chip] = ()
    places: Sequence[tuple[str, str]] = ()
    """Where the selected can go: values and words, of teams and of campaigns."""
    drops: Sequence[Chip] = ()
    """Filters that are on, each with the list without it."""
    active: Sequence[Chip] = ()
    """Everything that is asked for, each with the list without it."""
    start: int = 0
    total: int | None = None
    as_of: int | None = None
    is_cut: bool = False
    older: str = ""
    """Address of the next page."""
    first: str = ""
    """Address of the first one, on others."""
    query: str = ""
    """All filters as a query, for what is done to all that fit."""
    is_filtered: bool = False
    clicks: int | None = None
    """Clicks of the last 30 days on all that fit, where that is this page."""
    working: Working = Working()
    offers: int = 0
    """Invitations to teams that wait for an answer."""


class RowPage(msgspec.Struct, frozen=True, kw_only=True):
    """dashboard/row.html: rows that have changed."""

    rows: Sequence[Row]


class PluginForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin keeps of a link, to be changed."""

    name: str
    summary: str
    has_data: bool
    unreadable: bool
    """It has data that the plugin no longer takes."""
    root: Node


class Share(msgspec.Struct, frozen=True):
    """Where some of the visitors go."""

    url: str
    percent: int


class EditPage(msgspec.Struct, frozen=True, kw_only=True):
    """link/edit.html."""

    head: LinkHead
    ended: bool
    count: int
    unique: int
    """Clicks that were no repeats."""
    forms: Mapping[str, Form[Any]]
    """By group."""
    group: str
    """The group that was refused; empty if none was."""
    wrong: Form[Any]
    """What was wrong with a plugin's form."""
    has_password: bool
    final: str
    """The address that visitors come to, where that is not the destination itself."""
    hosts: Sequence[tuple[str, str]]
    host: str
    places: Sequence[tuple[str, str]]
    place: str
    tags: Sequence[ShownTag]
    rules: RulesForm | None
    """None where the plugin does not run."""
    ways: Sequence[PluginForm]
    told: Sequence[PluginForm]
    shares: Sequence[Share]
    kept: Sequence[TeamTracker]
    """Trackers of the link's team."""
    never: int = NEVER


class TagsPage(msgspec.Struct, frozen=True, kw_only=True):
    """tags/page.html."""

    tags: Sequence[ShownTag]
    campaigns: Sequence[tuple[str, str, str, int]]
    """Id, name, team and number of links of each."""
    as_of: int
    form: Form[Any]
    """What was refused."""
    colors: Sequence[int]


class FileForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a file of another shortener."""

    form: Form[Any]
    formats: Sequence[tuple[str, str]]
    most: int
    """Bytes."""
    is_operator: bool
    sent: SentImport | None
    """What was sent before, and is still there."""


class SentPage(msgspec.Struct, frozen=True, kw_only=True):
    """import/run.html."""

    sent: SentImport
    phase: Phase
    """It may be another one by the end of the page."""
    title: str
    """Of the format."""
    account: str
    """What the account is called, if it is somebody else's."""
    words: Mapping[str, str]
    """By the codes of reasons."""


class ImportPage(msgspec.Struct, frozen=True, kw_only=True):
    """import/page.html."""

    form: Form[Any]
    file: FileForm | None = None
    """None where no file can be sent."""
    most: int = MOST_ROWS
    job: str = ""
    """Key of the table that waits; empty where none does."""
    head: Sequence[tuple[str, str]] = ()
    """The table's columns, and what each is taken for."""
    is_cut: bool = False
    applied: bool = False
    rows: Sequence[RowResult] = ()
    counts: Mapping[str, int] = {}
    """Rows by result."""
