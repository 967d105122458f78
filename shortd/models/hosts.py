"""What a short host does in its own way: a table of the settings, or kept with a team's domain."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import structs


class HostOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """[host."NAME"]: the ways of one short host. Kept by name, so that there can be more."""

    ignore_case: bool = False
    """Codes are found in any case; one that is written just so comes first."""
    root: str = ""
    """Where who asks for the host alone is sent; empty for the page that is there."""
    unknown: str = ""
    """Where who asks for a code that leads nowhere is sent; empty for our own answer."""
    ended: str = ""
    """Where who asks for a link that has ended is sent; empty for our own answer."""
    wide_codes: bool = False
    """Accounts may choose codes of any characters; the operator and imports always may."""
    www: bool = True
    """The name with "www." in front, or without where it has one, means this host as well."""


class HostChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become different of a host's ways; None leaves it, "" is our own answer."""

    ignore_case: bool | None = None
    root: str | None = None
    unknown: str | None = None
    ended: str | None = None
    wide_codes: bool | None = None
    www: bool | None = None

    def of(self, options: HostOptions) -> HostOptions:
        """The options that come of it, unchecked."""
        given = {name: new for name, new in structs.asdict(self).items() if new is not None}
        return structs.replace(options, **given)


DEFAULTS = HostOptions()
"""Of a host that says nothing."""
Place = Literal["root", "unknown", "ended"]
PLACES: tuple[Place, ...] = ("root", "unknown", "ended")
"""Options that are addresses visitors are sent to."""
