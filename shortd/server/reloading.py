"""Settings that a running server takes over: at SIGHUP they are read again, and what can be changed
is. What cannot is told, by name, and so is what is wrong with them; the old ones stay then.

A value never stands in the log: it may be a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import structlog

from shortd.settings import Settings
from shortd.settings.config import ConfigError
from shortd.settings.dotted import dotted

MOST_NAMES = 20
"""Of settings in one line."""

log = structlog.get_logger(__name__)

Take = Callable[[Settings], None]
"""Has a section in effect as it stands in these settings."""


class Reloading:
    """Belongs to the event loop."""

    def __init__(
        self, settings: Settings, read: Callable[[], Settings], takers: Mapping[str, Take]
    ) -> None:
        """`read` gives the settings as they are now, or raises ConfigError. `takers`, by the
        section that each takes over.
        """
        self.settings = settings
        """In effect."""
        self._read = read
        self._takers = takers
        # Whoever has asked for it is told, however little else is.
        logging.getLogger(__name__).setLevel(logging.INFO)

    def reload(self) -> None:
        """Reads the settings and takes over what can be."""
        try:
            found = self._read()
        except ConfigError as error:
            log.error("settings_not_reloaded", problems="; ".join(error.problems))
            return
        changed = [*differences(self.settings, found)]
        sections = {name.partition(".")[0] for name in changed} & self._takers.keys()
        for section in sorted(sections):
            self._takers[section](found)
        taken = {section: getattr(found, section) for section in sections}
        self.settings = msgspec.structs.replace(self.settings, **taken)
        later = [name for name in changed if name.partition(".")[0] not in sections]
        log.info(
            "settings_reloaded",
            changed=_listed(name for name in changed if name not in later),
            **({"need_restart": _listed(iter(later))} if later else {}),
        )


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


def _listed(names: Iterator[str]) -> str:
    found = [*names]
    more = [f"and {len(found) - MOST_NAMES} more"] if len(found) > MOST_NAMES else []
    return ", ".join([*found[:MOST_NAMES], *more]) or "nothing"
