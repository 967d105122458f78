"""How many connections there may be, so that the server never runs out of descriptors.

Who is connected is served: each connection may have a file of its own, up or down, and the journal
and the database have what they need. Whoever comes beyond that finds the door closed.
"""

from __future__ import annotations

import resource
from pathlib import Path

import structlog

PER_CONNECTION = 2
"""Its socket, and the file that it brings or takes."""
FEW = 1000
NO_LIMIT = 1 << 20

log = structlog.get_logger(__name__)


def raise_limit() -> int:
    """Raises the limit of open descriptors as far as the system allows; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError) as fault:
            log.warning("descriptors_not_raised", limit=soft, error=str(fault))
    return soft


def most_connections(limit: int, spare: int) -> int:
    """How many connections may be open with `limit` descriptors, `spare` of which are kept, beside
    those that are open now.
    """
    if limit == resource.RLIM_INFINITY:
        limit = NO_LIMIT
    used = sum(1 for _ in Path("/proc/self/fd").iterdir())
    most = max(1, (limit - used - spare) // PER_CONNECTION)
    if most < FEW:
        log.warning("few_descriptors", limit=limit, connections=most)
    return most
