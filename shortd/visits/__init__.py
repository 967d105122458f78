"""Visits: what one gets, and what it leaves.

The resolver is the only place that decides. It must never wait or write on the way, or know HTTP
frameworks.
"""

from __future__ import annotations

from shortd.visits.visits import (
    Visits,
)

__all__ = [
    "Visits",
]
