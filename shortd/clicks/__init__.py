"""Clicks: journalled, counted exactly once, added up, kept for a while.

It must never keep more of a visitor than [clicks] allows.
"""

from __future__ import annotations

from shortd.clicks.clicks import JOURNAL, Clicks, LiveCounts
from shortd.clicks.drain import Drain

__all__ = [
    "JOURNAL",
    "Clicks",
    "Drain",
    "LiveCounts",
]
