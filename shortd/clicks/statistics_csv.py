"""Statistics as CSV (RFC 4180), a line for each day, dimension, value and part."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from shortd.clicks.statistics import day_text
from shortd.spreadsheets import harmless

EXPORT_DAYS = 366
"""Days of one export, at most: each may have hundreds of lines."""


def statistics_csv(rows: Iterable[tuple[int, str, str, str, int]]) -> str:
    """What `Statistics.by_day` found, as text."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("day", "dimension", "value", "part", "count"))
    for day, name, value, part, count in rows:
        writer.writerow((day_text(day), name, harmless(value), harmless(part), count))
    return text.getvalue()
