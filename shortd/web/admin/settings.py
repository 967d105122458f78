"""The settings that the server has, and what their file says now: `/-/admin/settings`.

It must show no secret and change nothing: the file is the place for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Literal

import msgspec
from litestar import Response

from shortd.plugin_runtime.discovery import Found, read_settings
from shortd.services import Services
from shortd.settings import Settings
from shortd.settings.config import ConfigError, Given
from shortd.settings.dotted import parts, quoted
from shortd.settings.in_force import RELOADED, InForce, Sourced, differences, section_of
from shortd.settings.showing import Shown, shown
from shortd.settings.variables import PREFIX
from shortd.upkeep.settings_check import problems
from shortd.web import forms
from shortd.web.admin.cursors import address, asked
from shortd.web.admin.operators import PATH, SEARCH_WEIGHT, operator_of
from shortd.web.guard import show
from shortd.web.render import long_page
from shortd.web.routing import AnyRequest, services_of

SETTINGS = f"{PATH}/settings"
TEMPLATE = "admin/settings.html"
MOST_SHOWN = 50
"""Changes, and problems, of a file that was written anew."""

Kind = Literal["file", "variable", "option", "default"]
"""Where a setting comes from."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A setting in effect."""

    name: str
    """Dotted."""
    value: str
    """As TOML writes it, without a secret."""
    origin: str
    kind: Kind
    is_changed: bool
    """Whether a restart or a reload would have it otherwise."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that stand in one table of the file."""

    name: str
    """Empty for those in none."""
    rows: Sequence[Row]
    is_reloaded: bool


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that is not in effect as it stands there now."""

    name: str
    before: str
    """Empty for none."""
    after: str
    is_reloaded: bool


class SettingsPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/settings.html."""

    sections: Sequence[Section]
    file: str
    """Empty for none."""
    changes: Sequence[Change]
    problems: Sequence[str]
    """What `config check` finds in what stands there now."""
    is_broken: bool
    """Whether the server would not even start with it."""
    is_cut: bool
    """Whether there are more of these."""
    q: str
    only: str
    """"set": what has no default's value; "changed"; empty for all."""
    views: Sequence[tuple[str, str]]
    """Name and address of each choice of these."""
    reloaded: Sequence[str]
    """Sections that SIGHUP has read anew."""


@show(SETTINGS)
async def settings(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    forms.charge(request, "", SEARCH_WEIGHT)
    services, q, only = services_of(request), asked(request, "q"), asked(request, "only")
    plugins = services.plugin_runtime.plugins
    in_force, found = services.in_force, plugins.found
    # It asks the disk, and may ask for an address.
    now, wrong = await asyncio.to_thread(_now, in_force, found)
    rows = _rows(in_force.settings, in_force.given, found)
    changes = [] if now is None else [*_changes(in_force.settings, rows, now, found)]
    only = only if only in ("set", "changed") else ""
    changed, file = {one.name for one in changes}, in_force.given.file
    here = partial(address, SETTINGS, q=q)
    content = SettingsPage(
        sections=[*_sections(rows, str(file), changed, q.casefold(), only)],
        file=str(file.absolute()) if file else "",
        changes=changes[:MOST_SHOWN],
        problems=wrong[:MOST_SHOWN],
        is_broken=now is None,
        is_cut=max(len(changes), len(wrong)) > MOST_SHOWN,
        q=q,
        only=only,
        views=[(name, here(only=name)) for name in ("", "set", "changed")],
        reloaded=sorted(RELOADED),
    )
    return await long_page(request, TEMPLATE, content)


def of_plugin(services: Services, name: str) -> list[Row]:
    """The settings of a plugin that are in effect."""
    in_force, found = services.in_force, services.plugin_runtime.plugins.found
    rows, file = _rows(in_force.settings, in_force.given, found), str(in_force.given.file)
    below = f"plugins.{name}."
    return [_row(one, file, False) for one in rows.values() if one.name.startswith(below)]


def _now(in_force: InForce, found: Sequence[Found]) -> tuple[Sourced | None, list[str]]:
    """What a restart would find, if it would, and what is wrong with that."""
    try:
        now = in_force.now()
    except ConfigError as error:
        return None, [*error.problems]
    return now, [now.given.located(problem) for problem in problems(now.settings, found)]


def _rows(settings: Settings, given: Given, found: Sequence[Found]) -> dict[str, Shown]:
    """By their names."""
    settings = msgspec.structs.replace(settings, data_dir=settings.data_dir.absolute())
    try:
        own = {name: value for name, value in read_settings(settings, found).items() if value}
    except ConfigError:
        # Not yet in effect, and told.
        own = {}
    return {row.name: row for row in shown(settings, given, own)}


def _changes(
    before: Settings, rows: dict[str, Shown], now: Sourced, found: Sequence[Found]
) -> Iterator[Change]:
    later = _rows(now.settings, now.given, found)
    for name in dict.fromkeys(
        below
        for changed in differences(before, now.settings)
        # A whole table that came or went is told by its settings.
        for below in _below(changed, [*rows, *later])
    ):
        old, new = rows.get(name), later.get(name)
        yield Change(
            name=name,
            before=old.value if old else "",
            after=new.value if new else "",
            is_reloaded=section_of(name) in RELOADED,
        )


def _below(name: str, names: Sequence[str]) -> list[str]:
    return [one for one in names if one == name or one.startswith(f"{name}.")] or [name]


def _sections(
    rows: dict[str, Shown], file: str, changed: set[str], q: str, only: str
) -> Iterator[Section]:
    fitting = [
        row
        for row in (_row(one, file, one.name in changed) for one in rows.values())
        if q in f"{row.name} = {row.value} {row.origin}".casefold()
        and (only != "set" or row.kind != "default")
        and (only != "changed" or row.is_changed)
    ]
    # What stands in no table comes first, as in a file.
    fitting.sort(key=lambda row: "." in row.name)
    for name, below in groupby(fitting, key=lambda row: _table(row.name)):
        yield Section(name=name, rows=[*below], is_reloaded=section_of(name) in RELOADED)


def _table(name: str) -> str:
    """The table that a setting stands in, as TOML heads it."""
    return ".".join(map(quoted, parts(name)[:-1]))


def _row(one: Shown, file: str, is_changed: bool) -> Row:
    return Row(
        name=one.name,
        value=one.value,
        origin=one.origin,
        kind=_kind(one.origin, file),
        is_changed=is_changed,
    )


def _kind(origin: str, file: str) -> Kind:
    if origin == file:
        return "file"
    if origin.startswith("--"):
        return "option"
    return "variable" if origin.startswith(PREFIX) else "default"


HANDLERS = (settings,)
