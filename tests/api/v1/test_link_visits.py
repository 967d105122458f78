"""What visitors meet of what v1 has set: destinations, ends, passwords, trackers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest

from shortd.links.plugin_data import data_of
from shortd.models.links import Link
from shortd.testing import AGENTS, RunningApp
from tests.api.v1.linking import MAIN, goes, make, path_of, shown
from tests.api.v1.people import Client, refused
from tests.web.test_pages import read

OTHER = "https://other.example/x"
UTM = {"utmSource": "mail", "utmMedium": "banner", "utmCampaign": "a b"}
ADDED = "utm_source=mail&utm_medium=banner&utm_campaign=a%20b"
TAGGED = MAIN.replace("#", f"&{ADDED}#")


def unique(somebody: Client, link: str) -> int:
    services = somebody.app.services
    with services.store.read() as txn:
        return services.clicks.clicks.live(txn, int(link, 16)).unique


def count(somebody: Client, link: str) -> int:
    return int(somebody.entry(shown(somebody, link)["url"])["count"])


class TestRedirect:
    def test_another_destination(self, ann: Client) -> None:
        link = make(ann)
        goes(ann, link)
        ann.ask("entity/link/redirect", linkId=link, destination=OTHER)
        assert goes(ann, link) == shown(ann, link)["destination"] == OTHER
        assert count(ann, link) == 2

    def test_campaign_parameters(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/redirect", linkId=link, **UTM)
        assert goes(ann, link) == TAGGED
        nothing: dict[str, str | None] = dict.fromkeys(UTM, "")
        ann.ask("entity/link/redirect", linkId=link, **{**nothing, "utmTerm": None})
        assert goes(ann, link) == TAGGED
        ann.ask("entity/link/redirect", linkId=link, utmMedium="-", utmCampaign="other")
        assert goes(ann, link) == MAIN.replace("#", "&utm_source=mail&utm_campaign=other#")
        ann.ask("entity/link/redirect", linkId=link, utmSource="-", utmCampaign="-")
        assert goes(ann, link) == MAIN

    def test_they_take_the_place_of_the_destinations_own(self, ann: Client) -> None:
        link = make(ann, "https://main.example/?utm_source=old&x=1", utmSource="new")
        assert goes(ann, link) == "https://main.example/?x=1&utm_source=new"

    def test_unique_clicks(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/redirect", linkId=link, clickType=1, uniqueTime=15)
        for minutes, expected in ((0, 1), (14, 1), (1, 2)):
            ann.app.clock.advance(minutes * 60)
            goes(ann, link)
            assert unique(ann, link) == expected
        goes(ann, link, address="203.0.113.9")
        goes(ann, link, user_agent=AGENTS["chrome"])
        assert (unique(ann, link), count(ann, link)) == (4, 5)
        ann.ask("entity/link/redirect", linkId=link, clickType="0", uniqueTime=15)
        assert shown(ann, link)["clickType"] == 0
        goes(ann, link)
        assert unique(ann, link) == 5

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ([{"clickType": 1}], (1, 1440)),
            ([{"clickType": 1, "uniqueTime": 15}, {"clickType": 1}], (1, 15)),
            ([{"clickType": 1}, {"uniqueTime": "20"}], (1, 20)),
            ([{"clickType": 1, "uniqueTime": 15}, {"clickType": "", "uniqueTime": ""}], (1, 15)),
            ([{"clickType": 1, "uniqueTime": 15}, {"clickType": 0}], (0, None)),
            ([{"clickType": 0, "uniqueTime": 15}], (0, None)),
        ],
    )
    def test_the_window(
        self, ann: Client, changes: list[dict[str, Any]], expected: tuple[int, int | None]
    ) -> None:
        link = make(ann)
        for change in changes:
            ann.ask("entity/link/redirect", linkId=link, **change)
        row = shown(ann, link)
        assert (row["clickType"], row["uniqueTime"]) == expected

    def test_a_window_without_unique_clicks_means_nothing(self, ann: Client) -> None:
        status = refused(ann.send("entity/link/redirect", linkId=make(ann), uniqueTime=15))
        expected = "uniqueTime: Means something with a clickType of 1 alone."
        assert (status["code"], status["message"]) == (400, expected)


PLACES = {name: f"https://{name}.example/" for name in ("ios", "android", "windows", "mobile")}


class TestMobile:
    def test_by_platform(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/redirect-mobile", linkId=link, **PLACES)
        for agent, place in {
            "iphone": "ios",
            "ipad": "ios",
            "android phone": "android",
            "android tablet": "android",
            "windows phone": "windows",
        }.items():
            assert goes(ann, link, user_agent=AGENTS[agent]) == PLACES[place]
        kaios = "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5"
        assert goes(ann, link, user_agent=kaios) == PLACES["mobile"]
        assert goes(ann, link) == MAIN

    def test_what_is_not_given_stays_and_a_hyphen_removes(self, ann: Client) -> None:
        link, iphone = make(ann), AGENTS["iphone"]
        ann.ask("entity/link/redirect-mobile", linkId=link, **PLACES)
        ann.ask("entity/link/redirect-mobile", linkId=link, ios="", android=OTHER, windows=None)
        assert goes(ann, link, user_agent=iphone) == PLACES["ios"]
        assert goes(ann, link, user_agent=AGENTS["android phone"]) == OTHER
        ann.ask("entity/link/redirect-mobile", linkId=link, ios="-")
        assert goes(ann, link, user_agent=iphone) == PLACES["mobile"]
        ann.ask("entity/link/redirect-mobile", linkId=link, **dict.fromkeys(PLACES, "-"))
        assert goes(ann, link, user_agent=iphone) == MAIN
        url = shown(ann, link)["url"]
        assert ann.call("get_plugin", shorturl=url, plugin="mobile")["data"] is None

    def test_a_bad_place_is_named_and_changes_nothing(self, ann: Client) -> None:
        link = make(ann)
        bad = {"ios": "https://fine.example/", "android": "javascript:alert(1)"}
        status = refused(ann.send("entity/link/redirect-mobile", linkId=link, **bad))
        assert status["code"] == 400
        assert status["message"].startswith("android: ")
        assert goes(ann, link, user_agent=AGENTS["iphone"]) == MAIN


def split(*shares: int) -> list[dict[str, str]]:
    return [
        {"link": f"https://variant{number}.example/", "percentage": str(share)}
        for number, share in enumerate(shares)
    ]


class TestTesting:
    def where(self, ann: Client, link: str, visitors: int = 300) -> Counter[str | int]:
        url = shown(ann, link)["url"]
        visits = (
            ann.app.visit(url, address=f"198.51.{number // 250}.{number % 250}")
            for number in range(visitors)
        )
        return Counter(answer.headers["location"] for answer in visits)

    def test_visitors_are_split_and_stay(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/testing", linkId=link, testing=split(20, 50))
        found = self.where(ann, link)
        assert set(found) == {*(one["link"] for one in split(20, 50)), MAIN}
        # Of 300, by chance: 60, 150 and 90, give or take five deviations.
        assert 25 < found["https://variant0.example/"] < 95
        assert 107 < found["https://variant1.example/"] < 193
        assert 50 < found[MAIN] < 130
        assert self.where(ann, link) == found

    def test_all_of_them(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/testing", linkId=link, testing=split(20, 20, 20, 20, 20))
        assert MAIN not in self.where(ann, link)

    def test_an_empty_list_ends_the_test(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/testing", linkId=link, testing=split(100))
        assert goes(ann, link) == "https://variant0.example/"
        ann.ask("entity/link/testing", linkId=link, testing=[])
        assert goes(ann, link) == MAIN

    @pytest.mark.parametrize(
        ("testing", "field"),
        [
            (split(60, 41), "testing: "),
            (split(*[5] * 11), "testing: "),
            ([{"link": "ftp://x.example/", "percentage": 5}], "testing[0].link: "),
            ([*split(5), {"link": "http://127.0.0.1:8080/x", "percentage": 5}], "testing[1].link"),
            ([{"link": OTHER, "percentage": 0}], "testing[0].percentage: "),
            ([{"link": OTHER, "percentage": 101}], "testing[0].percentage: "),
            ([{"link": OTHER}], "Object missing required field `percentage`"),
            ([{"percentage": 5}], "Object missing required field `link`"),
        ],
    )
    def test_a_bad_split_is_refused(self, ann: Client, testing: object, field: str) -> None:
        link = make(ann)
        status = refused(ann.send("entity/link/testing", linkId=link, testing=testing))
        assert status["code"] == 400
        assert status["message"].startswith(field)
        assert goes(ann, link) == MAIN


class TestOrder:
    def test_phones_take_no_part_in_a_test(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/testing", linkId=link, testing=split(100))
        ann.ask("entity/link/redirect-mobile", linkId=link, ios=OTHER)
        assert goes(ann, link, user_agent=AGENTS["iphone"]) == OTHER
        assert goes(ann, link) == "https://variant0.example/"

    def test_campaign_parameters_are_everywhere_but_on_fallbacks(self, ann: Client) -> None:
        link = make(ann, **UTM)
        ann.ask("entity/link/redirect-mobile", linkId=link, ios=OTHER)
        assert goes(ann, link) == TAGGED
        assert goes(ann, link, user_agent=AGENTS["iphone"]) == f"{OTHER}?{ADDED}"
        ann.ask("entity/link/testing", linkId=link, testing=split(100))
        assert goes(ann, link) == f"https://variant0.example/?{ADDED}"
        ann.ask("entity/link/expiration", linkId=link, date="01/01/2020", destinationByDate=OTHER)
        assert goes(ann, link) == goes(ann, link, user_agent=AGENTS["iphone"]) == OTHER

    def test_an_end_comes_before_a_password(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/password", linkId=link, password="238")
        assert goes(ann, link) == 200
        ann.ask("entity/link/expiration", linkId=link, date="01/01/2020", destinationByDate=OTHER)
        assert goes(ann, link) == OTHER


class TestExpiration:
    def test_a_day_ends_at_midnight(self, ann: Client) -> None:
        link = make(ann)
        url = shown(ann, link)["url"]
        ann.ask("entity/link/expiration", linkId=link, date="14/11/2023")
        midnight = 1_700_006_400_000_000
        ann.app.clock.utime = midnight - 1
        assert ann.app.visit(url).headers["location"] == MAIN
        ann.app.clock.utime = midnight
        assert ann.app.visit(url).status_code == 410

    def test_then_visits_go_elsewhere(self, ann: Client) -> None:
        link = make(ann)
        terms = {"date": "13/11/2023", "destinationByDate": OTHER}
        ann.ask("entity/link/expiration", linkId=link, **terms)
        assert goes(ann, link) == OTHER
        assert count(ann, link) == 1
        ann.ask("entity/link/expiration", linkId=link, destinationByDate="-")
        assert goes(ann, link) == 410
        ann.ask("entity/link/expiration", linkId=link, date="-")
        assert goes(ann, link) == MAIN

    @pytest.mark.parametrize("fallback", ["", OTHER])
    def test_so_many_clicks(self, ann: Client, fallback: str) -> None:
        link = make(ann)
        terms = {"click": "2", "clickType": "0", "destinationByClick": fallback}
        ann.ask("entity/link/expiration", linkId=link, **terms)
        assert [goes(ann, link) for _ in range(4)] == [MAIN, MAIN, *[fallback or 410] * 2]
        ann.ask("entity/link/expiration", linkId=link, click=0)
        assert goes(ann, link) == MAIN

    def test_so_many_unique_clicks(self, ann: Client) -> None:
        link = make(ann)
        terms = {"click": 2, "clickType": 1, "destinationByClick": OTHER}
        ann.ask("entity/link/expiration", linkId=link, **terms)
        assert [goes(ann, link) for _ in range(5)] == [MAIN] * 5
        assert goes(ann, link, address="203.0.113.9") == MAIN
        assert goes(ann, link, address="203.0.113.9") == OTHER, "the end is everybody's"
        assert goes(ann, link) == OTHER

    def test_what_is_not_given_stays(self, ann: Client) -> None:
        link = make(ann)
        terms = {"date": "01/01/2031", "click": 1, "destinationByClick": OTHER}
        ann.ask("entity/link/expiration", linkId=link, **terms)
        nothing = dict.fromkeys([*terms, "clickType", "destinationByDate"], "")
        ann.ask("entity/link/expiration", linkId=link, **nothing)
        assert [goes(ann, link) for _ in range(2)] == [MAIN, OTHER]
        ann.ask("entity/link/expiration", linkId=link, click=5)
        assert goes(ann, link) == MAIN

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"date": "31/02/2024"}, "date: A day is written dd/MM/yyyy."),
            ({"date": "2024-01-01"}, "date: A day is written dd/MM/yyyy."),
            ({"date": "01/01/0000"}, "date: A day is written dd/MM/yyyy."),
            ({"click": -1}, "click: "),
            ({"click": 2**63}, "click: "),
            ({"clickType": 2}, "clickType: "),
            ({"destinationByDate": "nowhere"}, "destinationByDate: "),
            ({"destinationByClick": "http://127.0.0.1:8080/x"}, "destinationByClick: "),
        ],
    )
    def test_a_bad_end_is_refused(self, ann: Client, terms: dict[str, object], field: str) -> None:
        link = make(ann)
        inputs = {"date": "01/01/2020", "click": 1, **terms}
        status = refused(ann.send("entity/link/expiration", linkId=link, **inputs))
        assert status["code"] == 400
        assert status["message"].startswith(field)
        assert [goes(ann, link) for _ in range(2)] == [MAIN] * 2

    @pytest.mark.parametrize("day", ["01/01/0001", "31/12/1969", "1/1/1970"])
    def test_days_long_ago_have_passed(self, ann: Client, day: str) -> None:
        link = make(ann)
        ann.ask("entity/link/expiration", linkId=link, date=day)
        assert goes(ann, link) == 410

    def test_the_last_day_of_all_is_a_day(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/expiration", linkId=link, date="31/12/9999")
        assert goes(ann, link) == MAIN


class TestPassword:
    def opened(self, app: RunningApp, path: str, password: str) -> str | int:
        """Where the page's form leads, followed as a browser does."""
        form = urlencode({"code": path[1:], "password": password})
        answer = app.request("POST", "/-/open", content=form)
        if answer.status_code != 303:
            return answer.status_code
        location: str = app.get(answer.headers["location"]).headers["location"]
        return location

    def test_the_page_asks_for_it(self, ann: Client) -> None:
        link = make(ann, **UTM)
        ann.ask("entity/link/password", linkId=link, password="238")
        path = path_of(ann, link)
        answer = ann.app.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200
        assert "main.example" not in answer.text
        form = {"class": "box", "method": "post", "action": "/-/open"}
        assert read(answer.text).all("form") == [form]
        assert self.opened(ann.app, path, "237") == 403
        assert count(ann, link) == 0
        assert self.opened(ann.app, path, "238") == TAGGED
        assert count(ann, link) == 1

    def test_another_takes_its_place_and_it_can_be_removed(self, ann: Client) -> None:
        link = make(ann)
        path = path_of(ann, link)
        for password in ("238", "Pässwörd"):
            ann.ask("entity/link/password", linkId=link, password=password)
        assert self.opened(ann.app, path, "238") == 403
        ann.app.clock.advance(600)
        assert self.opened(ann.app, path, "Pässwörd") == MAIN
        ann.ask("entity/link/remove-password", linkId=link)
        assert goes(ann, link) == MAIN
        assert shown(ann, link)["password"] is None
        ann.ask("entity/link/remove-password", linkId=link)

    def test_it_is_kept_nowhere(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/password", linkId=link, password="a-secret-of-mine")
        assert "a-secret-of-mine" not in ann.send("entity/link/list").text
        row = ann.app.services.links.links.get(ann.account, int(link, 16))
        assert "a-secret-of-mine" not in repr(row)

    @pytest.mark.parametrize("password", ["", None, "x" * 257, 238, "a\0b"])
    def test_what_is_none(self, ann: Client, password: object) -> None:
        link = make(ann)
        assert ann.denied("entity/link/password", linkId=link, password=password) == 400
        assert goes(ann, link) == MAIN


def test_changes_at_once_lose_nothing(ann: Client) -> None:
    link = make(ann)
    plugins, number = ann.app.services.links.plugin_data, int(link, 16)

    async def put(name: str, url: str) -> None:
        def merged(row: Link) -> dict[str, Any]:
            return {**data_of(row, "mobile"), name: url}

        await plugins.change(ann.account, number, "mobile", merged, ann.now)

    async def all_at_once() -> None:
        await asyncio.gather(*(put(name, url) for name, url in PLACES.items()))

    ann.app.run(all_at_once())
    data = ann.call("get_plugin", shorturl=shown(ann, link)["url"], plugin="mobile")["data"]
    assert data == PLACES


def test_data_of_another_version_are_not_merged_with(ann: Client) -> None:
    link = make(ann)
    links, number = ann.app.services.links.links, int(link, 16)
    for raw in (b"\xc1", b"\x90"):
        over = (links.get(ann.account, number).plugins or {}).get("mobile")
        ann.do(links.set_plugin(ann.account, number, "mobile", raw, ann.now, over=over))
        status = refused(ann.send("entity/link/redirect-mobile", linkId=link, ios=OTHER))
        assert status["code"] == 503
