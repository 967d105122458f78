"""The statistics of a link, as its pages show them."""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.clicks.statistics import day_text
from shortd.plugin import Counts, Link, Panel, Plugin, hookimpl
from shortd.testing import RunningApp, open_app
from shortd.web.links import chart
from tests.conftest import GENEROUS
from tests.web.links.conftest import GOOGLEBOT, MadeLink
from tests.web.surfer import Surfer


def numbers(page: str) -> dict[str, str]:
    """The sums on top of the page."""
    found = re.findall(r'<dt>(.*?)</dt><dd class="num"[^>]*>([\d,.]+)', page, re.DOTALL)
    return {re.sub(r"<.*?>", "", name).partition(",")[0]: count for name, count in found}


def bars(page: str) -> dict[int, int]:
    """Clicks by the first day of each bar that has any."""
    found = re.findall(r'data-first="(\d+)" data-last="\d+" data-count="(\d+)"', page)
    return {int(day): int(count) for day, count in found if count != "0"}


def listed(page: str, heading: str) -> dict[str, tuple[str, str]]:
    """Values of a list with their clicks and shares."""
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    rows = re.findall(
        r'<span class="k">(.*?)</span><span class="v num">(.*?)</span><span class="p num">(.*?)<',
        section,
        re.DOTALL,
    )
    return {re.sub(r"<.*?>", "", name): (count, share) for name, count, share in rows}


def variants(page: str) -> dict[str, tuple[str, str]]:
    """Clicks and shares meant of the variants."""
    section = page.partition("<h2>Variants</h2>")[2].partition("</section>")[0]
    row = r'<th scope="row">(.*?)</th><td class="num">(.*?)</td><td class="num">(.*?)</td>'
    return {name: (clicks, meant) for name, clicks, meant in re.findall(row, section)}


class TestNumbers:
    def test_nobody_yet(self, link: MadeLink) -> None:
        page = link.page()
        assert "Nobody yet" in page
        assert f'data-copy="http://127.0.0.1:8080/{link.code}"' in page

    def test_all_of_them(self, link: MadeLink) -> None:
        link.click(3)
        link.click(1, agent=GOOGLEBOT)
        link.click(2, query="?qr")
        link.later(10)
        link.click(5)
        page = link.page()
        told = numbers(page)
        assert told == {"Clicks": "11", "Ever": "11", "By QR code": "2", "Robots among them": "1"}
        assert sorted(bars(page).values()) == [5, 6]
        assert listed(page, "Robots") == {"Googlebot": ("1", "9 %")}
        assert listed(page, "Devices") == {"Phone": ("10", "91 %"), "Robot": ("1", "9 %")}
        link.later(30)
        assert numbers(link.page("?days=7"))["Clicks"] == "0"
        assert numbers(link.page("?days=all"))["Clicks"] == "11"

    def test_a_span_is_compared_with_the_one_before(self, link: MadeLink) -> None:
        link.click(4)
        link.later(7)
        link.click(5)
        page = link.page("?days=7")
        assert "+25 %" in page
        assert 'data-before="4"' in page
        assert "against the same time before" in page

    def test_it_opens_with_what_has_clicks(self, link: MadeLink) -> None:
        link.click()
        link.later(60)
        page = link.page()
        assert numbers(page)["Clicks"] == "1"
        assert re.search(r'days=365" aria-current="page"', page)
        link.later(400)
        assert re.search(r'days=all" aria-current="page"', link.page())

    def test_without_robots(self, link: MadeLink) -> None:
        link.click(2)
        link.click(3, agent=GOOGLEBOT)
        page = link.page("?without=robots")
        assert numbers(page)["Clicks"] == "2"
        assert list(bars(page).values()) == [2]
        assert "The lists below keep them" in page

    def test_days_that_somebody_chose(self, link: MadeLink) -> None:
        link.click(1)
        link.later(1)
        link.click(2)
        today = next(reversed(bars(link.page()).keys()))
        page = link.page(f"?from={day_text(today)}&to={day_text(today)}")
        assert numbers(page)["Clicks"] == "2"
        assert f'value="{day_text(today)}"' in page

    @pytest.mark.parametrize(
        "query",
        [
            "?from=yesterday&to=2026-01-01",
            "?from=2026-02-30",
            "?from=0001-01-01&to=9999-12-31",
            "?from=1970-01-01&to=9999-12-31",
            "?from=2026-03-01&to=2026-01-01",
            "?days=8",
            "?days=",
            "?chart=nothing&view=nothing&sources=nothing&without=nothing",
            "?from=%00&to=%ff&days=%F0%9F",
        ],
    )
    def test_an_address_that_asks_for_nothing(self, link: MadeLink, query: str) -> None:
        link.click()
        assert numbers(link.page(query))["Clicks"] == "1"


class TestLists:
    def test_six_values_and_then_all_of_them(self, link: MadeLink) -> None:
        for number in range(9):
            link.click(9 - number, referer=f"https://site{number}.example/")
        page = link.page()
        assert len(listed(page, "Sources")) == 6
        assert "All 9 sources" in page
        whole = link.page("?chart=source")
        assert all(f"site{number}.example" in whole for number in range(9))
        assert "<h2>Countries</h2>" not in whole
        assert "iOS" in link.page("?chart=os")
        assert "18" in link.page("?chart=os")

    def test_sources_by_day(self, link: MadeLink) -> None:
        for number in range(7):
            link.click(7 - number, referer=f"https://site{number}.example/")
        page = link.page("?sources=days")
        assert 'fill="var(--c6)"' in page
        assert "others 3" in page

    def test_hostile_values_are_text(self, link: MadeLink) -> None:
        hostile = "Evil<script>alert(1)</script>/1.0 (+http://x)"
        link.click(1, agent=hostile, referer='https://"><b>x</b>.example/')
        for below in ("", "?chart=bot", "?chart=source", "?view=table", "/visits"):
            page = link.page(below)
            assert "<script>alert" not in page
            assert "<b>x" not in page

    def test_a_table_has_the_same_numbers(self, link: MadeLink) -> None:
        link.click(4)
        page = link.page("?view=table")
        assert "<svg viewBox" not in page.partition("<dl")[2]
        assert page.count("<table>") >= 8
        assert ">4</td>" in page


class TestFiles:
    def test_a_line_for_each_day_and_value(self, link: MadeLink) -> None:
        link.click(2, referer="https://=1+1.example/")
        answer = link.surfer.get(f"{link.path}/statistics.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert {row["dimension"] for row in rows} >= {"total", "source", "device", "os"}
        assert [row["count"] for row in rows if row["dimension"] == "total"] == ["2"]
        assert not any(row["value"].startswith("=") for row in rows)
        (alone,) = {
            row["dimension"]
            for row in csv.DictReader(
                io.StringIO(link.surfer.get(f"{link.path}/statistics.csv?chart=total").text)
            )
        }
        assert alone == "total"

    def test_visits(self, link: MadeLink) -> None:
        link.click(60)
        link.click(1, agent=GOOGLEBOT)
        page = link.page("/visits")
        assert page.count('<th scope="row">') == 50
        assert "Googlebot" in page
        assert "Googlebot" not in link.page("/visits?without=robots")
        rows = list(csv.DictReader(io.StringIO(link.surfer.get(f"{link.path}/visits.csv").text)))
        assert len(rows) == 61
        assert rows[0]["robot"] == "Googlebot"


PAGES = ("", "/visits", "/qr", "/explain", "/statistics.csv", "/visits.csv", "/qr.svg", "/qr.png")


class TestWhoMaySee:
    @pytest.mark.parametrize("below", PAGES)
    def test_strangers_see_nothing(self, app: RunningApp, link: MadeLink, below: str) -> None:
        stranger = Surfer(app)
        assert stranger.get(link.path + below).status_code == 303
        stranger.sign_up("bob")
        assert stranger.get(link.path + below).status_code == 404

    @pytest.mark.parametrize("number", ["0", "1", "-1", "x", "9" * 5000, "1%2F2", "٣", "01"])
    @pytest.mark.parametrize("below", ["", "/qr.svg"])
    def test_ids_that_are_none(self, ann: Surfer, number: str, below: str) -> None:
        assert ann.get(f"/-/links/{number}{below}").status_code in (404, 405, 414)

    def test_who_has_not_signed_up_sees_his_own(self, app: RunningApp) -> None:
        surfer = Surfer(app)
        surfer.cookies["shortd"] = app.call("temporary_account")["userid"]
        assert "Nobody yet" in MadeLink(surfer).page()


@given(
    st.integers(0, 30_000),
    st.integers(0, 1500),
    st.dictionaries(st.integers(0, 1500), st.integers(1, 10**9), max_size=30),
)
def test_a_chart_loses_no_click(first: int, length: int, clicks: dict[int, int]) -> None:
    last = first + length
    counts = {first + day: count for day, count in clicks.items() if day <= length}
    drawn = chart.draw(first, last, counts)
    assert sum(bar.count for bar in drawn.bars) == sum(counts.values())
    assert [drawn.bars[0].first, drawn.bars[-1].last] == [first, last]
    assert all(one.last + 1 == two.first for one, two in pairwise(drawn.bars))
    assert all(0 <= bar.y <= 100 and bar.y + bar.height <= 100.01 for bar in drawn.bars)
    assert len(drawn.bars) <= 110
    assert drawn.top % 2 == 0


class TestVariants:
    def test_what_was_meant_stands_beside_what_came(self, link: MadeLink) -> None:
        data = {"variants": [{"url": "https://b.example/", "weight": 30}]}
        which = {"shorturl": f"http://127.0.0.1:8080/{link.code}", "plugin": "ab"}
        link.surfer.call("set_plugin", **which, data=data)
        for number in range(40):
            link.click(agent=f"Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) Firefox/{number}.0")
        page = link.page()
        rows = variants(page)
        assert {name: row[1] for name, row in rows.items()} == {"ab:main": "70 %", "ab:1": "30 %"}
        assert sum(int(row[0]) for row in rows.values()) == 40

    def test_a_difference_that_is_hardly_chance_is_told(self, link: MadeLink) -> None:
        which = {"shorturl": f"http://127.0.0.1:8080/{link.code}", "plugin": "ab"}
        data = {"variants": [{"url": "https://b.example/", "weight": 100}]}
        link.surfer.call("set_plugin", **which, data=data)
        link.click(50)
        data["variants"][0]["weight"] = 20
        link.surfer.call("set_plugin", **which, data=data)
        assert "hardly chance" in link.page()


class Tally(Plugin[None, None]):
    """Shows a number and a text that means harm."""

    name = "tally"
    everywhere = True

    @hookimpl
    def panel(self, link: Link, data: None, counts: Counts) -> Panel:
        return Panel(
            "Tally", (("Clicks", counts.count * 1000), ("<b>", "<script>alert(1)</script>"))
        )


def test_panels_of_plugins_are_shown_as_text(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ=GENEROUS, plugins=(Tally,)) as app:
        ann = Surfer(app)
        ann.sign_up()
        link = MadeLink(ann)
        link.click(2)
        page = link.page()
    assert "<h2>Tally</h2>" in page and "by the plugin tally" in page
    assert ">2,000<" in page
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
