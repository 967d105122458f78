"""All of the operator's commands: whoever imports this has them in the tables."""

from __future__ import annotations

from shortd.control import (
    accounts,
    audit,
    campaigns,
    clock,
    domains,
    importing,
    leaving,
    link_lists,
    links,
    listening,
    mail,
    plugin_belongings,
    plugins,
    restoring,
    status,
    teams,
    trackers,
    users,
)
from shortd.control.registry import answer, run, run_look

__all__ = [
    "accounts",
    "answer",
    "audit",
    "campaigns",
    "clock",
    "domains",
    "importing",
    "leaving",
    "link_lists",
    "links",
    "listening",
    "mail",
    "plugin_belongings",
    "plugins",
    "restoring",
    "run",
    "run_look",
    "status",
    "teams",
    "trackers",
    "users",
]
