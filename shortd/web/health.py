"""Whether all goes well: what `/-/health` and the operator's first page say."""

from __future__ import annotations

from collections.abc import Mapping

from shortd.services import Services


def faults(services: Services) -> Mapping[str, str | None]:
    """What is wrong with each part, None where nothing is. Any of it makes the server degraded."""
    services.clicks.clicks.journal.retry()
    return {
        "journal": services.clicks.clicks.journal.status().fault,
        "clicks": services.clicks.drain.fault,
        "storage": services.store.status().fault,
        "files": services.sharing.files.blobs.status().fault,
        "clock": services.timeline.fault,
    }
