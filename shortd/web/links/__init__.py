"""Pages of links: their list, one link's settings and clicks, tags, tables taken in and out.

They hold no rule: what a form does is what the services of links do, and must never be more.
"""

from __future__ import annotations

from shortd.web.links import (
    acting,
    dashboard,
    editing,
    explain,
    imports,
    jobs,
    live,
    qr,
    statistics,
    tables,
    tags,
    visits,
)

HANDLERS = (
    *dashboard.HANDLERS,
    *acting.HANDLERS,
    *jobs.HANDLERS,
    *editing.HANDLERS,
    *statistics.HANDLERS,
    *visits.HANDLERS,
    *qr.HANDLERS,
    *explain.HANDLERS,
    *tags.HANDLERS,
    *tables.HANDLERS,
    *imports.HANDLERS,
    *live.HANDLERS,
)

__all__ = ["HANDLERS"]
