"""Each sample of a peer's data against what an import of it has to come to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shortd.models.common import NEVER
from shortd.models.links import Forwarding
from shortd.moving.options import Options
from shortd.moving.records import SourceLink
from tests.moving.reading import SAMPLES, Reading, read

EXPECTED = sorted(SAMPLES.rglob("*.expected.json"))


@pytest.fixture(scope="module")
def shlink() -> Iterator[str]:
    """The address of a server that answers as Shlink does."""
    data = SAMPLES / "shlink" / "rest" / "shlink-rest.json"
    with subprocess.Popen(
        [sys.executable, str(SAMPLES / "shlink" / "mock_shlink.py"), str(data)],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def read_sample(expected: dict[str, Any], path: Path, shlink: str) -> Reading:
    kind = expected["format"]
    if kind == "shlink-rest":
        return read("shlink", shlink, Options(api_key=expected["options"]["api_key"]))
    return read(kind.split("-")[0], path)


@pytest.mark.parametrize(
    "path", EXPECTED, ids=lambda path: path.name.removesuffix(".expected.json")
)
def test_sample(path: Path, shlink: str) -> None:
    expected = json.loads(path.read_text(encoding="utf-8"))
    found = read_sample(expected, path.with_name(expected["sample"]), shlink)
    days, countries, bots = clicks_by_link(found)
    told = [as_expected(link, days, countries, bots) for link in found.links]
    wanted = [
        {name: value for name, value in link.items() if name not in NOT_COMPARED}
        for link in expected["links"]
    ]
    for link in wanted:
        link.setdefault("host", None)
        link.setdefault("undated_clicks", 0)
        # They hold texts of the samples' author, and what cannot be told from the source.
        if "password_hash" in link:
            del link["password"]
    for name in ("bots", "countries"):
        # Not every expectation tells them.
        if not any(name in link for link in wanted):
            for link in told:
                link.pop(name, None)
    assert sorted(told, key=by_place) == sorted(wanted, key=by_place)
    skipped = [
        ((problem.code or ""), problem.url[:1000], str(problem.reason), problem.host)
        for problem in found.problems
    ]
    assert sorted(skipped, key=str) == sorted(
        (
            (row["code"], row["url"][:1000], row["reason"], host_of(row, found))
            for row in expected["skipped"]
        ),
        key=str,
    )
    assert expected["totals"]["links"] == len(found.links)
    assert expected["totals"]["clicks"] == sum(link.clicks for link in found.links)


NOT_COMPARED = {"code_class", "owner_in_source", "note", "archived"}
"""What sort of code it is, and words of the samples' author; the rest have tests of their own."""


def host_of(row: dict[str, Any], found: Reading) -> str | None:
    """Some expectations leave the host out of a row where it is the default."""
    same = [
        problem
        for problem in found.problems
        if (problem.code or "") == row["code"] and str(problem.reason) == row["reason"]
    ]
    if found.form == "csv" and row.get("host") is None and same:
        return same[0].host
    host: str | None = row.get("host")
    return host


def by_place(link: dict[str, Any]) -> tuple[str, str, str, str]:
    return link["host"] or "", link["code"], link["url"], str(link["created_us"])


Days = dict[str, Counter[str]]


def clicks_by_link(found: Reading) -> tuple[Days, Days, Counter[str]]:
    days: Days = {}
    countries: Days = {}
    bots: Counter[str] = Counter()
    for click in found.clicks:
        if click.time is None:
            continue
        days.setdefault(click.link, Counter())[day_of(click.time)] += 1
        countries.setdefault(click.link, Counter())[click.country or "Unknown"] += 1
        bots[click.link] += click.is_bot
    for several in found.sums:
        assert several.first is not None
        days.setdefault(several.link, Counter())[day_of(several.first)] += several.total
        for country, number in several.countries.items():
            countries.setdefault(several.link, Counter())[country or "Unknown"] += number
    return days, countries, bots


def day_of(utime: int) -> str:
    return datetime.fromtimestamp(utime / 1e6, UTC).date().isoformat()


def as_expected(
    link: SourceLink, days: Days, countries: Days, bots: Counter[str]
) -> dict[str, Any]:
    """A link in the words of the expectations, which leave out what is not set."""
    terms = link.terms
    mine = days.get(link.key, Counter())
    fallback = terms.date_fallback or terms.count_fallback
    told: dict[str, Any] = {
        "title": terms.title,
        "tags": sorted(link.tags),
        "days": dict(mine),
        "countries": dict(countries.get(link.key, Counter())),
        "since_us": terms.valid_since,
        "until_us": 0 if terms.expiration_utime == NEVER else terms.expiration_utime,
        "max_clicks": terms.expiration_count,
        "fallback": fallback,
        "password": link.password,
        "password_hash": link.password_hash,
        "rules": [
            {
                "url": rule.url,
                "if": [
                    {
                        "type": condition.type,
                        **({"key": condition.key} if condition.key else {}),
                        **({"value": condition.value} if condition.value else {}),
                    }
                    for condition in rule.conditions
                ],
            }
            for rule in link.rules
        ],
        "crawlable": terms.robots,
        "folder": link.folder,
        "utm": {
            f"utm_{name}": value
            for name, value in zip(
                ("source", "medium", "campaign", "term", "content"), terms.utm or [], strict=False
            )
            if value
        },
    }
    told = {name: value for name, value in told.items() if value}
    if not terms.enabled:
        told["enabled"] = False
    if terms.forwarding is Forwarding.NO:
        told["forward_query"] = False
    if "ab" in link.plugins:
        others = link.plugins["ab"]["variants"]
        rest = 100 - sum(variant["weight"] for variant in others)
        told["variants"] = [{"url": link.url, "percentage": rest}] + [
            {"url": variant["url"], "percentage": variant["weight"]} for variant in others
        ]
    if link.bots is not None:
        told["bots"] = link.bots
        assert link.bots >= bots[link.key]
    if link.url_in_source:
        told["url_in_source"] = link.url_in_source
    return {
        "code": link.code or "",
        "host": link.host,
        "url": link.url,
        "created_us": link.created,
        "clicks": link.clicks,
        "undated_clicks": link.clicks - sum(mine.values()),
        **told,
    }
