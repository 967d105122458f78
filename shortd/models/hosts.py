"""What a short host does in its own way: a table of the settings, or kept with a team's domain."""

from __future__ import annotations

import msgspec


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


DEFAULTS = HostOptions()
"""Of a host that says nothing."""
ADDRESSES = ("root", "unknown", "ended")
"""Names of the options that are where visitors are sent."""
