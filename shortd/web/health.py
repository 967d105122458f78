"""Whether all goes well: what `/-/health` and the operator's first page say."""

from __future__ import annotations

from collections.abc import Mapping

from shortd.clock import HOUR, utc_text
from shortd.plugin_runtime.figures import fault as plugins_fault
from shortd.services import Services

MAIL = "mail"
"""The part that strangers are not told of: a mail that waits says that an account exists."""
MAIL_WAITS = HOUR
"""A mail that has waited for longer is one that somebody misses."""


def faults(services: Services) -> Mapping[str, str | None]:
    """What is wrong with each part, None where nothing is. Any of it makes the server degraded."""
    services.clicks.clicks.journal.retry()
    return {
        "journal": services.clicks.clicks.journal.status().fault,
        "clicks": services.clicks.drain.fault,
        "storage": services.store.status().fault,
        "files": services.sharing.files.blobs.status().fault,
        "clock": services.timeline.fault,
        "plugins": plugins_fault(services.plugin_runtime.plugins),
        MAIL: _mail_fault(services),
    }


def _mail_fault(services: Services) -> str | None:
    oldest = services.mail.delivery.outbox.status().oldest_utime
    if oldest is None or services.clock.now() - oldest <= MAIL_WAITS:
        return None
    return f"a mail has waited since {utc_text(oldest)}; see shortd mail list"
