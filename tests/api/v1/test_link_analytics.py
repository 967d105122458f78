"""What the clicks on a link came to: visitors that are known by all they tell, and ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from shortd.testing import AGENTS, RunningApp, open_app
from tests.api.v1.linking import make, shown
from tests.api.v1.people import Client, Json, client, refused
from tests.clicks.databases import countries
from tests.clicks.population import KINDS, LANGUAGES, PLACES, SOURCES, Kind
from tests.clicks.test_population import items, with_parts
from tests.conftest import GENEROUS

DAY = 24 * 3600
TODAY = 19675
"""2023-11-14, when the clock of a test begins."""
Visitor = tuple[Kind, tuple[str, str], tuple[str, str], tuple[str, str]]


@pytest.fixture
def eve(tmp_path: Path) -> Iterator[Client]:
    """Somebody on a server that knows countries."""
    database = countries(tmp_path / "countries.mmdb")
    environ = {**GENEROUS, "SHORTD_CLICKS__GEOIP_DB": str(database)}
    with open_app(tmp_path / "data", environ=environ) as app:
        yield client(app, "eve")


def ask(somebody: Client, link: str, **days: str) -> dict[str, list[Json]]:
    maps: dict[str, list[Json]] = somebody.ask("entity/link/analytics", linkId=link, **days)[
        "metricsMap"
    ]
    return maps


def visit(app: RunningApp, url: str, visitor: Visitor) -> None:
    kind, (referrer, _), (language, _), (address, _) = visitor
    answer = app.visit(
        url, user_agent=kind.user_agent, referrer=referrer, language=language, address=address
    )
    assert answer.status_code == 302


def day_item(day: int, count: int, child: list[Json] | None = None) -> Json:
    name = {0: "2023-11-14", 1: "2023-11-15", 2: "2023-11-16"}[day - TODAY]
    return {"name": name, "key": str(day * DAY * 1000), "count": count, "child": child}


def test_all_ten_maps_of_a_population_come_out_exactly(eve: Client) -> None:
    sources, languages, places = cycle(SOURCES), cycle(LANGUAGES), cycle(PLACES)
    everybody: list[Visitor] = [
        (kind, next(sources), next(languages), next(places))
        for number, kind in enumerate(KINDS)
        for _ in range(1 + number % 3)
    ]
    link = make(eve)
    url = shown(eve, link)["url"]
    today, later = everybody[::2], everybody[1::2]
    for visitor in today:
        visit(eve.app, url, visitor)
    eve.app.clock.advance(2 * DAY)
    eve.login()
    for visitor in later:
        visit(eve.app, url, visitor)

    def by_source(visitors: list[Visitor]) -> list[Json]:
        return items(Counter(name for _, (_, name), _, _ in visitors))

    assert ask(eve, link) == {
        "1": [
            day_item(TODAY, len(today), by_source(today)),
            day_item(TODAY + 1, 0),
            day_item(TODAY + 2, len(later), by_source(later)),
        ],
        "2": items(Counter(kind.device for kind, *_ in everybody)),
        "3": with_parts(kind.system for kind, *_ in everybody),
        "4": with_parts(kind.browser for kind, *_ in everybody),
        "5": with_parts(kind.brand for kind, *_ in everybody),
        "6": items(Counter(name for _, _, (_, name), _ in everybody)),
        "7": items(Counter(place for _, _, _, (_, place) in everybody)),
        "8": items(Counter(kind.bot for kind, *_ in everybody if kind.bot)),
        "9": [
            day_item(TODAY, len(today)),
            day_item(TODAY + 1, 0),
            day_item(TODAY + 2, len(later)),
        ],
        "10": by_source(everybody),
    }


def test_a_link_that_nobody_visited(ann: Client) -> None:
    maps = ask(ann, make(ann))
    assert list(maps) == [str(number) for number in range(1, 11)]
    assert not any(maps.values())


def test_repeats_are_not_counted(ann: Client) -> None:
    link = make(ann)
    ann.ask("entity/link/redirect", linkId=link, clickType=1, uniqueTime=15)
    for _ in range(3):
        ann.app.visit(shown(ann, link)["url"])
    ann.app.visit(shown(ann, link)["url"], user_agent=AGENTS["chrome"])
    assert [item["count"] for item in ask(ann, link)["9"]] == [2]


class TestRange:
    def clicked(self, ann: Client) -> str:
        """A link with a click today and one in 40 days, which is today then."""
        link = make(ann)
        url = shown(ann, link)["url"]
        ann.app.visit(url)
        ann.app.clock.advance(40 * DAY)
        ann.app.visit(url)
        ann.login()
        return link

    def days(self, ann: Client, link: str, **given: Any) -> dict[str, int]:
        found = ask(ann, link, **given)["9"]
        return {found[0]["name"]: len(found), found[-1]["name"]: len(found)} if found else {}

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({}, {"2023-12-24": 1}),
            ({"startTime": "", "endTime": None}, {"2023-12-24": 1}),
            ({"startTime": "14/11/2023"}, {"2023-11-14": 41, "2023-12-24": 41}),
            ({"startTime": "15/11/2023"}, {"2023-12-24": 1}),
            ({"startTime": "01/01/0001"}, {"2023-11-14": 41, "2023-12-24": 41}),
            ({"endTime": "13/12/2023"}, {"2023-11-14": 30, "2023-12-13": 30}),
            ({"endTime": "14/12/2023"}, {}),
            ({"endTime": "31/12/9999"}, {}),
            (
                {"startTime": "01/01/2021", "endTime": "01/01/2033"},
                {"2023-11-14": 41, "2023-12-24": 41},
            ),
            ({"startTime": "14/11/2023", "endTime": "14/11/2023"}, {"2023-11-14": 1}),
            ({"startTime": "14/11/2023", "endTime": "16/11/2023"}, {"2023-11-14": 3}),
            ({"startTime": "01/01/2024", "endTime": "01/02/2024"}, {}),
        ],
    )
    def test_days_of_both_ends(
        self, ann: Client, given: dict[str, str], expected: dict[str, int]
    ) -> None:
        found = self.days(ann, self.clicked(ann), **given)
        assert expected.items() <= found.items()
        assert bool(found) == bool(expected)

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"startTime": "02/01/2023", "endTime": "01/01/2023"}, "startTime: Lies behind"),
            ({"startTime": "01/01/2031"}, "startTime: Lies behind"),
            ({"startTime": "2023-01-01"}, "startTime: A day is written dd/MM/yyyy"),
            ({"endTime": "30/02/2023"}, "endTime: A day is written dd/MM/yyyy"),
        ],
    )
    def test_what_is_no_range(self, ann: Client, given: dict[str, str], field: str) -> None:
        status = refused(ann.send("entity/link/analytics", linkId=make(ann), **given))
        assert status["code"] == 400
        assert status["message"].startswith(field)
