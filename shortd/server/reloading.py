"""Settings that a running server takes over: at SIGHUP they are read again, and what can be changed
is. What cannot is told, by name, and so is what is wrong with them; the old ones stay then.

A value never stands in the log: it may be a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

import structlog

from shortd.settings import Settings
from shortd.settings.config import ConfigError
from shortd.settings.in_force import InForce, Sourced, differences, section_of

MOST_NAMES = 20
"""Of settings in one line."""

log = structlog.get_logger(__name__)

Take = Callable[[Settings], None]
"""Has a section in effect as it stands in these settings."""


class Reloading:
    """Belongs to the event loop."""

    def __init__(
        self, in_force: InForce, read: Callable[[], Sourced], takers: Mapping[str, Take]
    ) -> None:
        """`read` gives the settings as they are now, or raises ConfigError. `takers`, by the
        section that each takes over.
        """
        self._in_force = in_force
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
        changed = [*differences(self._in_force.settings, found.settings)]
        sections = {section_of(name) for name in changed} & self._takers.keys()
        for section in sorted(sections):
            self._takers[section](found.settings)
        # Where a setting comes from may have changed, though what it says has not.
        self._in_force.take(found, self._takers.keys())
        later = [name for name in changed if section_of(name) not in sections]
        log.info(
            "settings_reloaded",
            changed=_listed(name for name in changed if name not in later),
            **({"need_restart": _listed(iter(later))} if later else {}),
        )


def _listed(names: Iterator[str]) -> str:
    found = [*names]
    more = [f"and {len(found) - MOST_NAMES} more"] if len(found) > MOST_NAMES else []
    return ", ".join([*found[:MOST_NAMES], *more]) or "nothing"
