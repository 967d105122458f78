"""The operator's pages: how the server is, whom and what it has, what operators did.

Only an account with the operator's flag gets here; to everybody else, signed in or not, there is
nothing at these addresses. They must never show a password, a key or somebody's statistics, and
change nothing without a line in the audit log.
"""

from __future__ import annotations

from shortd.web.admin import (
    backups,
    blocked,
    domains,
    held,
    links,
    log,
    now,
    people,
    plugins,
    reports,
    settings,
)

HANDLERS = (
    *now.HANDLERS,
    *people.HANDLERS,
    *links.HANDLERS,
    *blocked.HANDLERS,
    *held.HANDLERS,
    *reports.HANDLERS,
    *domains.HANDLERS,
    *plugins.HANDLERS,
    *backups.HANDLERS,
    *settings.HANDLERS,
    *log.HANDLERS,
)

__all__ = ["HANDLERS"]
