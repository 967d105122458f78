"""get_stats and export_stats: ranges, days, who may ask, and what a spreadsheet gets."""

from __future__ import annotations

import csv
import errno
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd.clicks.statistics import DAYS_AT_ONCE
from shortd.clicks.statistics_csv import EXPORT_DAYS
from shortd.clicks.tally import Tally
from shortd.clock import DAY, SECOND
from shortd.models.clicks import VISIT, Click
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from tests.api.v2.people import Person, temporary
from tests.conftest import GENEROUS

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36"
)


class Watched:
    """A link, its owner, and its visitors. The clock of `app` begins on 2023-11-14."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.owner: Person = temporary(app)
        entry = self.owner.call("url", url="https://example.com/")["entry"]
        self.shorturl, self.link_id = entry["shorturl"], entry["id"]

    def visit(self, referrer: str = "", user_agent: str = CHROME) -> None:
        headers = {"referer": referrer, "user-agent": user_agent}
        assert self.app.get(self.shorturl, headers=headers).status_code == 302

    def stats(self, first: str | None = None, last: str | None = None, **more: Any) -> Any:
        days = {"from": first, "to": last}
        return self.owner.call("get_stats", shorturl=self.shorturl, **days, **more)

    def export(self, first: str | None = None, last: str | None = None, **more: Any) -> Any:
        days = {"from": first, "to": last}
        text = self.owner.call("export_stats", shorturl=self.shorturl, **days, **more)["csv"]
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    """One whose accounts see the years pass."""
    environ = {**GENEROUS, "SHORTD_ACCOUNTS__TEMPORARY_DAYS": "10000"}
    with open_app(tmp_path / "data", environ=environ) as running:
        yield running


@pytest.fixture
def link(app: RunningApp) -> Watched:
    return Watched(app)


def days_of(stats: dict[str, Any]) -> list[tuple[str, int]]:
    return [(day["day"], day["count"]) for day in stats["days"]]


def test_a_link_without_clicks_has_no_days(link: Watched) -> None:
    stats = link.stats()
    assert (stats["from"], stats["to"], stats["total"]) == ("2023-10-16", "2023-11-14", 0)
    assert stats["days"] == []
    assert set(map(len, stats["dimensions"].values())) == {0}
    assert link.export() == [["day", "dimension", "value", "part", "count"]]


def test_clicks_are_there_at_once(link: Watched) -> None:
    for clicks in (1, 2, 3):
        link.visit()
        assert link.stats()["total"] == clicks


def test_a_disk_that_takes_no_clicks_hides_none(
    link: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.visit()
    assert link.stats()["total"] == 1
    with monkeypatch.context() as patch:
        patch.setattr("shortd.clicks.drain.Tally.write", failing_write)
        link.visit()
        assert link.stats()["total"] == 1
    assert link.stats()["total"] == 2


def failing_write(tally: Tally, txn: WriteTxn) -> None:
    raise OSError(errno.EIO, "no such luck")


def test_days_have_no_holes_from_the_first_click_on(link: Watched) -> None:
    clock = link.app.clock
    for days in (0, 3, 0, 2):
        clock.advance(days * 86_400)
        link.visit()
    clock.advance(86_400)
    whole = [
        *(("2023-11-14", 1), ("2023-11-15", 0), ("2023-11-16", 0), ("2023-11-17", 2)),
        *(("2023-11-18", 0), ("2023-11-19", 1), ("2023-11-20", 0)),
    ]
    # To today, though the range goes on.
    for last in (None, "2023-11-20", "2024-02-29", "9999-12-31"):
        assert days_of(link.stats("2023-11-01", last)) == whole
    assert days_of(link.stats("2023-11-15", "2023-11-18")) == whole[3:5]
    assert days_of(link.stats("2023-11-17", "2023-11-17")) == whole[3:4]
    assert days_of(link.stats("2023-11-15", "2023-11-16")) == []
    assert days_of(link.stats("2023-11-20", "2023-12-20")) == []
    assert link.stats("1970-01-01")["total"] == 4
    assert link.stats("2023-11-15", "2023-11-18")["total"] == 2


def test_by_default_it_is_thirty_days(link: Watched) -> None:
    link.visit()
    link.app.clock.advance(29 * 86_400)
    assert len(days_of(link.stats())) == 30
    link.app.clock.advance(86_400)
    assert link.stats()["total"] == 0
    stats = link.stats(last="2023-12-13")
    assert (stats["from"], stats["total"]) == ("2023-11-14", 1)


def test_many_days_are_added_up(link: Watched) -> None:
    clicks = link.app.services.clicks.clicks
    length = 2 * DAYS_AT_ONCE + 5
    for number in range(length):
        utime = 1_700_000_000 * SECOND - number * DAY
        clicks.record(Click(link.link_id, utime, VISIT, user_agent=CHROME))
    clicks.flush()
    stats = link.stats("2023-01-01")
    assert (stats["total"], [count for _, count in days_of(stats)]) == (length, [1] * length)
    assert stats["dimensions"]["browser"] == [
        {"value": "Chrome", "count": length, "parts": [{"value": "142", "count": length}]}
    ]


def test_repeats_and_images_are_in_no_statistics(link: Watched) -> None:
    clicks = link.app.services.clicks.clicks
    for is_repeat in (False, True, True):
        now = link.app.clock.now()
        clicks.record(Click(link.link_id, now, VISIT, is_repeat=is_repeat))
    clicks.flush()
    assert link.app.get(f"{link.shorturl}.svg").status_code == 200
    with link.app.services.store.read() as txn:
        live = clicks.live(txn, link.link_id)
    assert (live.count, live.unique) == (3, 1)
    assert link.stats()["total"] == 1
    with link.app.services.store.read() as txn:
        assert clicks.live(txn, link.link_id).unique == 1


def test_only_the_dimensions_asked_for_are_answered(link: Watched) -> None:
    link.visit("https://m.facebook.com/")
    assert link.stats(dimensions=["source"])["dimensions"] == {
        "source": [{"value": "Facebook", "count": 1, "parts": []}]
    }
    assert link.stats(dimensions=[])["dimensions"] == {}
    assert [row[1] for row in link.export(dimensions=["os"])] == ["dimension", "total", "os"]


def test_an_export_has_a_line_for_each_value_of_each_day(link: Watched) -> None:
    link.visit("https://t.co/x")
    link.visit()
    link.app.clock.advance(86_400)
    link.visit()
    lines = link.export()[1:]
    assert lines[:4] == [
        ["2023-11-14", "total", "", "", "2"],
        ["2023-11-14", "source", "Direct", "", "1"],
        ["2023-11-14", "source", "Twitter/X", "", "1"],
        ["2023-11-14", "device", "Desktop", "", "2"],
    ]
    assert ["2023-11-15", "browser", "Chrome", "142", "1"] in lines
    totals = [int(line[4]) for line in lines if line[1] == "total"]
    for name in ("source", "device", "os", "browser", "brand", "language", "country"):
        assert sum(int(line[4]) for line in lines if line[1] == name) == sum(totals) == 3


@pytest.mark.parametrize("first", ["-2+3", "-cmd", "--"])
def test_no_cell_of_an_export_is_a_formula(link: Watched, first: str) -> None:
    link.visit(f"https://{first.replace('+', '-')}.example/")
    # Names that a plugin, or a parser of agents to come, might let through.
    for agent in ("=1+1bot/1.0", "@SUM(A1)Bot/2.0", "+1-crawler/=3", "\t=1 spider/1"):
        link.visit(user_agent=agent)
    cells = [cell for line in link.export() for cell in line[2:4]]
    assert f"'{first.replace('+', '-')}.example" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_others_links_have_no_statistics(app: RunningApp, link: Watched) -> None:
    stranger = temporary(app)
    for name in ("get_stats", "export_stats"):
        refusals = [
            stranger.refused(name, shorturl=shorturl)
            for shorturl in (link.shorturl, link.shorturl[:-6] + "nosuch")
        ]
        assert refusals[0] == refusals[1]
        assert refusals[0]["code"] == "entry_not_found"


@pytest.mark.parametrize(
    ("field", "inputs"),
    [
        ("from", {"from": "2023-02-30"}),
        ("from", {"from": "2023-1-1"}),
        ("from", {"from": "2023-11-14T00:00"}),
        ("from", {"from": "14/11/2023"}),
        ("from", {"from": "1969-12-31"}),
        ("from", {"from": "0000-00-00"}),
        ("from", {"from": 20231114}),
        ("from", {"from": "2023-11-15"}),
        ("from", {"from": "2023-11-10", "to": "2023-11-09"}),
        ("to", {"to": "2023-13-01"}),
        ("to", {"to": "\u0662\u0660\u0662\u0663-11-14"}),
        ("dimensions[0]", {"dimensions": ["total"]}),
        ("dimensions", {"dimensions": "source"}),
    ],
)
def test_days_and_dimensions_that_are_none(
    link: Watched, field: str, inputs: dict[str, Any]
) -> None:
    for name in ("get_stats", "export_stats"):
        refusal = link.owner.refused(name, shorturl=link.shorturl, **inputs)
        assert (refusal["code"], refusal["field"]) == ("invalid_field", field)


def test_an_export_has_its_bounds(link: Watched) -> None:
    link.app.clock.advance(2 * EXPORT_DAYS * 86_400)
    days = {"from": "2023-11-15", "to": "2024-11-15"}
    refusal = link.owner.refused("export_stats", shorturl=link.shorturl, **days)
    assert (refusal["code"], refusal["field"]) == ("invalid_field", "from")
    link.export("2023-11-16", "2024-11-15")
    link.stats("2023-11-15", "2024-11-15")


def test_statistics_go_with_their_link(link: Watched) -> None:
    link.visit()
    code = link.shorturl.rpartition("/")[2]
    link.owner.call("url", url="https://example.org/", code=code)
    assert link.stats()["total"] == 0
