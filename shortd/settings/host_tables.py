"""[host."NAME"]: whose ways a table or a variable sets.

A variable's name has no dots, so hosts are found by what is left of theirs without them:
`SHORTD_HOST__S_EXAMPLE_ORG__ROOT` is the root of s.example.org. What names none of the configured
hosts, or more than one, must stop the start.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

import ada_url

from shortd.settings.config_checks import base_url
from shortd.settings.config_reader import items_of, source_of
from shortd.settings.dotted import dotted
from shortd.settings.settings import Settings


def netloc(url: str) -> str:
    """Host and port of a base URL, by which a request's Host header tells short hosts apart."""
    return str(ada_url.URL(url).host)


def names_of(settings: Settings) -> tuple[str, ...]:
    """Names of the configured hosts, that of `public_url` first."""
    return tuple(map(netloc, (settings.public_url, *settings.hosts)))


def named_tables(tables: dict[str, Any], public_url: object, others: object) -> dict[str, Any]:
    """Tables as they were given, under the names that their hosts have. What names none of them
    stays as it is.

    `public_url` and `others` are what was given for these settings, be it as it may. Raises
    ValueError for two tables of a file that name one host.
    """
    names = [*_readable([public_url]), *_readable(_listed(others))]
    found: dict[str, Any] = {}
    written: dict[str, str] = {}
    for key, table in tables.items():
        name = _meant(key, names, is_variable=source_of(table) is not None)
        if not isinstance(table, dict):
            found[key] = table
            continue
        if any(source_of(value) is None for value in table.values()):
            other = written.setdefault(name, key)
            if other != key:
                raise ValueError(f"{dotted('host', key)}: is {dotted('host', other)} once more")
        found[name] = {**found.get(name, {}), **table}
    return found


def host_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """Dotted names of tables, and why each is nobody's."""
    names = names_of(settings)
    pages = netloc(settings.web.url) if settings.web.url else ""
    for key in settings.host.options:
        if key in names:
            continue
        alike = _alike(key, names)
        if key == pages:
            problem = "is the host of the pages (web.url), which has no links"
        elif len(alike) > 1:
            problem = f"may be {' or '.join(alike)}; set it in a file"
        else:
            ported = [name for name in names if name.startswith(f"{key}:")]
            meant = alike or ported or difflib.get_close_matches(key, names, n=1)
            hint = f"; is {dotted('host', meant[0])} meant?" if meant else ""
            problem = (
                "is none of the hosts in public_url and hosts (a team's domain has `shortd domain"
                f" set`){hint}"
            )
        yield dotted("host", key), problem


def _meant(key: str, names: Collection[str], *, is_variable: bool) -> str:
    """The host that a table is for; the key itself if that is not clear."""
    # A host is named without its path.
    spelled = () if "/" in key else (f"https://{key}", f"http://{key}")
    for name in _readable(spelled):
        if name in names:
            return name
    alike = _alike(key, names) if is_variable else []
    return alike[0] if len(alike) == 1 else key


def _alike(key: str, names: Collection[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if _squeezed(name) == _squeezed(key)]


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _listed(value: object) -> list[object]:
    if isinstance(value, str):
        with suppress(ValueError):
            return items_of(value)
    return list(value) if isinstance(value, list) else []


def _readable(urls: Collection[object]) -> Iterator[str]:
    """Names of those that are base URLs; what is wrong with others is told elsewhere."""
    for url in urls:
        with suppress(ValueError):
            if isinstance(url, str):
                yield netloc(base_url(url))
