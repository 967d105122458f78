"""All of the operator's commands: whoever imports this has them in the tables."""

from __future__ import annotations

from shortd.control import (
    audit,
    campaigns,
    clock,
    domains,
    importing,
    leaving,
    links,
    restoring,
    teams,
    trackers,
    users,
)
from shortd.control.registry import run, run_look

__all__ = [
    "audit",
    "campaigns",
    "clock",
    "domains",
    "importing",
    "leaving",
    "links",
    "restoring",
    "run",
    "run_look",
    "teams",
    "trackers",
    "users",
]
