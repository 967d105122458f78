"""Known visitors of a real server: what its statistics say of them, to the last click."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import msgspec

from shortd.clicks.statistics import metric_maps
from shortd.clock import DAY, SECOND
from shortd.services import open_services
from shortd.settings import ClickSettings, Settings
from tests.clicks.databases import countries
from tests.clicks.population import KINDS, LANGUAGES, PLACES, SOURCES, Kind
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

NOW = 1_700_000_000 * SECOND
Item = dict[str, Any]
Visitor = tuple[Kind, tuple[str, str], tuple[str, str], tuple[str, str]]


def visitors() -> Iterator[Visitor]:
    """Every kind several times, each time from elsewhere."""
    sources, languages, places = cycle(SOURCES), cycle(LANGUAGES), cycle(PLACES)
    for number, kind in enumerate(KINDS):
        for _ in range(1 + number % 4):
            yield kind, next(sources), next(languages), next(places)


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def items(counts: Counter[str], child: dict[str, Counter[str]] | None = None) -> list[Item]:
    return [
        {
            "name": name,
            "key": str(place),
            "count": count,
            "child": items(child[name]) if child else None,
        }
        for place, (name, count) in enumerate(ranked(counts), start=1)
    ]


def with_parts(pairs: Iterable[tuple[str, str]]) -> list[Item]:
    parts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, part in pairs:
        parts[name][part] += 1
    return items(Counter({name: below.total() for name, below in parts.items()}), parts)


def test_all_maps_come_out_exactly(tmp_path: Path) -> None:
    database = countries(tmp_path / "countries.mmdb")
    environ = {
        "SHORTD_SERVER__TRUSTED_PROXIES": '["127.0.0.1"]',
        "SHORTD_CLICKS__GEOIP_DB": str(database),
        **GENEROUS,
    }
    stopped = f"from shortd.clock import SystemClock; SystemClock.now = lambda self: {NOW}"
    server = ServerProcess(tmp_path / "data", environ, prelude=stopped)
    server.start()
    try:
        userid = server.call("temporary_account")["userid"]
        entry = server.call("url", userid=userid, url="https://example.com/")["entry"]
        everybody = list(visitors())
        with httpx.Client() as client:
            # What httpx would say of itself.
            for name in ("user-agent", "accept", "accept-encoding"):
                del client.headers[name]
            for kind, (referrer, _), (language, _), (address, _) in everybody:
                headers = {
                    "user-agent": kind.user_agent,
                    "referer": referrer,
                    "accept-language": language,
                    "x-forwarded-for": address,
                }
                answer = client.get(entry["shorturl"], headers=headers)
                assert answer.status_code == 302
        # What was clicked a moment ago is in it.
        stats = server.call("get_stats", userid=userid, shorturl=entry["shorturl"])
    finally:
        server.stop()

    sources = Counter(name for _, (_, name), _, _ in everybody)
    total = {"name": "2023-11-14", "key": "1699920000000", "count": len(everybody), "child": None}
    expected = {
        "1": [{**total, "child": items(sources)}],
        "2": items(Counter(kind.device for kind, *_ in everybody)),
        "3": with_parts(kind.system for kind, *_ in everybody),
        "4": with_parts(kind.browser for kind, *_ in everybody),
        "5": with_parts(kind.brand for kind, *_ in everybody),
        "6": items(Counter(name for _, _, (_, name), _ in everybody)),
        "7": items(Counter(place for _, _, _, (_, place) in everybody)),
        "8": items(Counter(kind.bot for kind, *_ in everybody if kind.bot)),
        "9": [total],
        "10": items(sources),
    }
    assert maps(tmp_path / "data", entry["id"], str(database)) == expected
    names = {
        **{"source": "10", "device": "2", "os": "3", "browser": "4", "brand": "5"},
        **{"language": "6", "country": "7", "bot": "8"},
    }
    assert stats["total"] == len(everybody)
    assert stats["days"] == [{"day": "2023-11-14", "count": len(everybody)}]
    assert stats["dimensions"] == {
        name: [
            {
                "value": item["name"],
                "count": item["count"],
                "parts": [
                    {"value": part["name"], "count": part["count"]} for part in item["child"] or []
                ],
            }
            for item in expected[number]
        ]
        for name, number in names.items()
    }


def maps(data_dir: Path, link_id: int, database: str) -> dict[str, list[Item]]:
    """The ten maps of v1, from a stopped server's data directory."""

    async def read() -> Any:
        clicks = ClickSettings(geoip_db=database)
        services = await open_services(Settings(data_dir=data_dir, clicks=clicks))
        try:
            found = await services.clicks.statistics.of_link(
                link_id, NOW // DAY - 29, NOW // DAY, NOW
            )
            return metric_maps(found)
        finally:
            await services.close()

    found: dict[str, list[Item]] = json.loads(msgspec.json.encode(asyncio.run(read())))
    return found
