"""How the server is: `/-/admin`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec
from litestar import Response

from shortd import __version__
from shortd.mail.outbox import OutboxStatus
from shortd.plugin_runtime.figures import states
from shortd.services import Services
from shortd.store.schema import ACCOUNTS, FILES, LINKS
from shortd.upkeep.backup import Last, last_backup
from shortd.web.admin.operators import PATH, operator_of
from shortd.web.guard import show
from shortd.web.health import faults
from shortd.web.render import page
from shortd.web.routing import AnyRequest, services_of

TEMPLATE = "admin/now.html"


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Room, in bytes."""

    total: int
    free: int
    """For whoever is not root."""
    database: int
    """What holds something."""
    database_most: int
    files: int

    @property
    def percent(self) -> int:
        """Of the disk that is taken."""
        return _percent(self.total - self.free, self.total)

    @property
    def database_percent(self) -> int:
        return _percent(self.database, self.database_most)


class NowPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/now.html."""

    faults: Mapping[str, str]
    """By part; empty while all is well."""
    complaint: str
    """What keeps files that belong to nothing from being deleted; empty for nothing."""
    clicks: int
    """That wait to be counted."""
    mail: OutboxStatus
    sends_mail: bool
    off: Sequence[str]
    """Names of plugins that are not at work, though they should be."""
    held: int
    """Links that wait for an operator."""
    dropped: int
    """Events that plugins never heard of."""
    disk: Disk
    accounts: int
    links: int
    files: int
    backup: Last | None
    """The last backup that was done, if one is known."""
    version: str
    since: int
    """When it was started, in µs."""
    now: int


@show(PATH)
async def now(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    services = services_of(request)
    plugins = states(services.plugin_runtime.plugins)
    with services.store.read() as txn:
        accounts, links, files = (table.count(txn) for table in (ACCOUNTS, LINKS, FILES))
    content = NowPage(
        faults={part: fault for part, fault in faults(services).items() if fault is not None},
        complaint=services.upkeep.undertaker.complaint or "",
        clicks=services.clicks.clicks.backlog,
        mail=services.mail.delivery.outbox.status(),
        sends_mail=bool(services.settings.mail.smtp_url),
        off=[name for name, one in plugins.items() if one.state in ("paused", "faulty")],
        held=services.links.holding.count(),
        dropped=services.plugin_runtime.events.dropped,
        disk=await _disk(services),
        accounts=accounts,
        links=links,
        files=files,
        backup=last_backup(services.store.directory),
        version=__version__,
        since=request.app.state.since,
        now=services.clock.now(),
    )
    return page(request, TEMPLATE, content)


async def _disk(services: Services) -> Disk:
    status = os.statvfs(services.store.directory)
    stored, _ = await services.upkeep.stored.total(services.clock.now())
    return Disk(
        total=status.f_blocks * status.f_frsize,
        free=status.f_bavail * status.f_frsize,
        database=services.store.used_bytes(),
        database_most=services.settings.storage.map_bytes,
        files=stored,
    )


def _percent(part: int, whole: int) -> int:
    return min(100, 100 * part // whole) if whole else 0


HANDLERS = (now,)
