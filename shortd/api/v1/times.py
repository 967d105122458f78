"""Time as Shorten World v1 writes it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from shortd.clock import SECOND

DATE_FORMAT = "dd/MM/yyyy"


def second_text(utime: int) -> str:
    """`2022-12-21T05:24:14+0000`."""
    return f"{_moment(utime):%Y-%m-%dT%H:%M:%S}+0000"


def millisecond_text(utime: int) -> str:
    """`2022-12-22T05:21:44.148+0000`."""
    return f"{_moment(utime):%Y-%m-%dT%H:%M:%S}.{utime % SECOND // 1000:03}+0000"


def parse_date(text: str) -> date:
    """A day written as dd/MM/yyyy. ValueError."""
    return datetime.strptime(text.strip(), "%d/%m/%Y").date()


def _moment(utime: int) -> datetime:
    return datetime.fromtimestamp(utime // SECOND, UTC)
