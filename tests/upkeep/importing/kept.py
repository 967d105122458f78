"""What a data directory has of links, in the words of the samples' expectations."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shortd.clicks import history
from shortd.clicks.rollups import counts_of
from shortd.models.clicks import Counts
from shortd.models.common import NEVER
from shortd.models.links import Link, RareTerms
from shortd.store import Store
from shortd.store.schema import COUNTS, HOSTS, LINKS
from shortd.store.txn import Txn

NO_COUNTS = Counts()


def kept_links(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """All links by the name of their host."""
    store = Store(directory)
    try:
        with store.read() as txn:
            names = {row.number: name for (name,), row in HOSTS.scan(txn)}
            found: dict[str, list[dict[str, Any]]] = {}
            for _, link in LINKS.scan(txn):
                found.setdefault(names[link.host], []).append(_told(txn, link))
    finally:
        store.close()
    return found


def _told(txn: Txn, link: Link) -> dict[str, Any]:
    counts = COUNTS.get(txn, (link.id,)) or NO_COUNTS
    rare = link.rare or RareTerms()
    days = dict(history.days(txn, link.id))
    countries: Counter[str] = Counter()
    for stats in days.values():
        countries.update(counts_of(stats).get("country", {}))
    dated = sum(stats.total for stats in days.values())
    assert counts.count == counts.unique == dated + counts.undated
    return {
        "code": link.code,
        "url": link.url,
        "created_us": link.utime,
        "clicks": counts.count,
        "undated_clicks": counts.undated,
        "days": {_day(day): stats.total for day, stats in days.items()},
        "countries": dict(countries),
        "visits": len(history.visits(txn, link.id)),
        "title": rare.title,
        "tags": list(rare.tag_names),
        "enabled": link.enabled,
        "since_us": rare.valid_since,
        "until_us": 0 if link.expiration_utime == NEVER else link.expiration_utime,
        "max_clicks": link.expiration_count,
        "fallback": rare.date_fallback or rare.count_fallback,
        "archived": rare.hidden,
        "password": rare.password,
        "plugins": link.plugins or {},
        "crawlable": rare.robots,
        "note": rare.note,
    }


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * 86400, UTC).date().isoformat()
