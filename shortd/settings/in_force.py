"""The settings that a running server has, each with where it comes from, and what file, variables
and options say now.

It must never put anything into effect: who does that says what it has taken over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from shortd.settings.config import Given, Settings, settings_of
from shortd.settings.dotted import dotted

RELOADED = frozenset({"log", "host"})
"""Sections that a running server takes over at SIGHUP. All others need a restart."""


class Sourced(NamedTuple):
    """Settings, and what they were made of."""

    settings: Settings
    given: Given


class InForce:
    """Belongs to the event loop, but for `now`."""

    def __init__(self, settings: Settings, given: Given, gather: Callable[[], Given]) -> None:
        self.settings = settings
        """In effect."""
        self.given = given
        """What was given for them."""
        self.listening: tuple[str, ...] = ()
        """Where the server answers, which sockets that a supervisor passes may have decided."""
        self._gather = gather

    @classmethod
    def fixed(cls, settings: Settings) -> InForce:
        """Of settings that were made without a file."""
        given = Given({}, None)
        return cls(settings, given, lambda: given)

    @classmethod
    def gathered(cls, gather: Callable[[], Given]) -> InForce:
        """Of what is given now. Raises ConfigError."""
        given = gather()
        return cls(settings_of(given), given, gather)

    def now(self) -> Sourced:
        """What the server would have after a restart. Any thread may ask. Raises ConfigError."""
        given = self._gather()
        return Sourced(settings_of(given), given)

    def take(self, found: Sourced, sections: Collection[str]) -> None:
        """Says that these sections are in effect as they stand there."""
        taken = {section: getattr(found.settings, section) for section in sections}
        self.settings = msgspec.structs.replace(self.settings, **taken)
        table = {key: value for key, value in self.given.table.items() if key not in sections}
        table |= {key: value for key, value in found.given.table.items() if key in sections}
        self.given = Given(table, self.given.file)


def section_of(name: str) -> str:
    """The section of a dotted name."""
    return name.partition(".")[0]


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The dotted names of settings that are not the same."""
    if isinstance(before, msgspec.Struct) and type(before) is type(after):
        for field in msgspec.structs.fields(before):
            # Tables that are named by the operator stand beside the others.
            name = path if field.encode_name == "*" else dotted(path, field.encode_name)
            yield from differences(getattr(before, field.name), getattr(after, field.name), name)
    elif isinstance(before, dict | None) and isinstance(after, dict | None):
        old, new = before or {}, after or {}
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), dotted(path, key))
    elif before != after:
        yield path
