"""The home page: an address becomes a link, with or without an account."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from shortd.clock import DAY, HOUR, SECOND
from shortd.models.hosts import HostOptions
from shortd.models.links import Link
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.surfer import Surfer
from tests.web.test_pages import read

OpenApp = Callable[..., AbstractContextManager[RunningApp]]


@pytest.fixture
def open_with(tmp_path: Path) -> OpenApp:
    def start(**settings: str) -> AbstractContextManager[RunningApp]:
        environ = {**GENEROUS, **{f"SHORTD_{name}": value for name, value in settings.items()}}
        return open_app(tmp_path / "data", environ=environ)

    return start


@pytest.fixture
def visitor(app: RunningApp) -> Surfer:
    return Surfer(app)


def make(visitor: Surfer, fields: Mapping[str, str | Sequence[str]]) -> httpx.Response:
    """The page after the composer was sent."""
    return visitor.follow(visitor.send("/-/new", fields))


def links_of(visitor: Surfer) -> list[Link]:
    """What the visitor's account has, newest first."""
    from shortd.links import TagFilter

    services = visitor.app.services
    userid = visitor.cookies["shortd"].partition(".")[0]
    account = services.accounts.logins.authenticate(userid, None, visitor.app.clock.now())
    page = services.links.links.page(account, TagFilter(), start=0, count=1000)
    return visitor.app.run(page)


def only(visitor: Surfer) -> Link:
    [link] = links_of(visitor)
    return link


class TestMovedHome:
    """Where the host's own address leads elsewhere."""

    ROOT = "https://front.example/"

    @pytest.fixture
    def surfer(self, open_with: OpenApp) -> Iterator[Surfer]:
        with open_with(HOST__127_0_0_1_8080__ROOT=self.ROOT) as app:
            yield Surfer(app)

    def test_it_is_there_and_everything_leads_to_it(self, surfer: Surfer) -> None:
        for accept in ("text/html", "application/json"):
            answer = surfer.app.get("/", headers={"accept": accept})
            assert (answer.status_code, answer.headers["location"]) == (302, self.ROOT)
        home = surfer.get("/-/home").text
        assert "Paste a link." in home and 'class="brand" href="/-/home"' in home
        assert surfer.get("/-/manifest.webmanifest").json()["start_url"] == "/-/home"
        answer = surfer.send("/-/new", {"url": "https://example.org/"})
        assert answer.headers["location"].startswith("/-/home?made=")
        assert "Your short link" in surfer.follow(answer).text
        assert surfer.send("/-/logout", {}).headers["location"] == "/-/home"

    def test_other_hosts_lead_to_the_page_and_never_round(self, open_with: OpenApp) -> None:
        other = "http://other.example:8080"
        settings = {"HOSTS": other, "HOST__127_0_0_1_8080__ROOT": f"{other}/"}
        with open_with(**settings) as app:
            assert app.get("/").headers["location"] == f"{other}/"
            home = "http://127.0.0.1:8080/-/home"
            assert app.get(f"{other}/").headers["location"] == home
            assert app.get(home).status_code == 200

    def test_a_change_counts_at_once(self, surfer: Surfer) -> None:
        surfer.app.services.hosts.take_options({})
        assert surfer.get("/").status_code == 200
        assert 'class="brand" href="/"' in surfer.get("/-/home").text
        surfer.app.services.hosts.take_options({"127.0.0.1:8080": HostOptions(root=self.ROOT)})
        assert surfer.get("/").status_code == 302

    def test_where_it_is_for_accounts_alone_the_way_in_leads_back(self, open_with: OpenApp) -> None:
        settings = {"HOST__127_0_0_1_8080__ROOT": self.ROOT, "WEB__HOME": "accounts"}
        with open_with(**settings) as app:
            assert 'name="next" value="/-/home"' in Surfer(app).get("/-/home").text


class TestMaking:
    def test_an_address_becomes_a_link(self, visitor: Surfer) -> None:
        answer = make(visitor, {"url": "https://example.org/page"})
        link = only(visitor)
        assert f"http://127.0.0.1:8080/{link.code}" in answer.text
        assert "https://<b>example.org</b>/page" in answer.text
        assert "data:image/svg+xml;base64," in answer.text
        assert "Made in this browser" in answer.text
        target = visitor.app.get(f"/{link.code}").headers["location"]
        assert target == "https://example.org/page"

    def test_a_browser_stays_one_account(self, visitor: Surfer) -> None:
        make(visitor, {"url": "https://example.org/1"})
        cookie = dict(visitor.cookies)
        make(visitor, {"url": "https://example.org/2"})
        assert visitor.cookies == cookie
        assert len(links_of(visitor)) == 2

    def test_who_only_looks_gets_no_cookie(self, visitor: Surfer) -> None:
        for path in ("/", "/-/new?url=example.org", "/-/keyboard"):
            assert "set-cookie" not in visitor.get(path).headers

    def test_what_is_refused_makes_no_account(self, visitor: Surfer) -> None:
        before = visitor.app.call("temporary_account")
        visitor.app.call("url", userid=before["userid"], url="https://example.org/", code="Taken1")
        for fields in ({"url": "nonsense"}, {"url": "https://example.org", "ending": "Taken1"}):
            assert visitor.send("/-/new", fields).status_code == 422
        assert visitor.cookies == {}

    @pytest.mark.parametrize(
        ("typed", "destination"),
        [
            ("example.org", "https://example.org"),
            ("  example.org/a b  ", None),
            ("www.example.org/path?x=1", "https://www.example.org/path?x=1"),
            ("HTTP://example.org/", "HTTP://example.org/"),
            ("example.org:8443/x", "https://example.org:8443/x"),
            ("192.168.1.1/guest", "https://192.168.1.1/guest"),
            ("[2001:db8::1]/x", "https://[2001:db8::1]/x"),
            ("wiki/Page", "https://wiki/Page"),
            ("bücher.example/ü", "https://bücher.example/ü"),
            ("nonsense", None),
            ("two words", None),
            ("javascript:alert(1)", None),
            ("mailto:ada@example.org", None),
            ("data:text/html,x", None),
            ("ftp://example.org/", None),
            ("https://", None),
            ("http://127.0.0.1:8080/abc", None),
            ("127.0.0.1:8080", None),
            ("https://user:pw@example.org/", None),
            ("\x07", None),
            ("", None),
            ("   ", None),
        ],
    )
    def test_addresses_as_people_write_them(
        self, visitor: Surfer, typed: str, destination: str | None
    ) -> None:
        answer = visitor.send("/-/new", {"url": typed})
        if destination is None:
            assert answer.status_code == 422
            document = read(answer.text)
            [field] = [one for one in document.all("input") if one.get("name") == "url"]
            assert field["aria-invalid"] == "true"
            assert field["aria-describedby"] == "url-error"
            assert (field["value"] or "").strip() == typed.strip()
        else:
            assert answer.status_code == 303
            assert only(visitor).url == destination

    def test_all_terms(self, visitor: Surfer) -> None:
        fields = {
            "url": "example.org",
            "ending": "Spring-26",
            "ends": "7d",
            "clicks": "3",
            "password": "open sesame",
            "title": "Spring",
            "tags": "print, shop",
        }
        answer = make(visitor, fields)
        link, now = only(visitor), visitor.app.clock.now()
        assert link.code == "Spring-26"
        assert link.expiration_utime == now + 7 * DAY
        assert link.expiration_count == 3
        assert link.terms.title == "Spring"
        assert link.rare is not None and link.rare.password is not None
        assert "open sesame" not in answer.text
        assert "#lock" in answer.text

    def test_a_last_day_goes_before_a_while(self, visitor: Surfer) -> None:
        visitor.app.clock.set(datetime(2023, 11, 14, tzinfo=UTC))
        make(visitor, {"url": "example.org", "ends": "1h", "on": "2023-11-20"})
        # The end of that day in UTC.
        assert only(visitor).expiration_utime == 1_700_524_800 * SECOND

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("on", "2001-01-01"), ("on", "soon"), ("on", "9999-12-31"), ("ends", "7 weeks")),
            *(("clicks", "0"), ("clicks", "many"), ("clicks", "-1"), ("clicks", "9" * 30)),
            *(("ending", "-x"), ("ending", "a b"), ("ending", "ä"), ("ending", "x" * 65)),
            *(("host", "99"), ("host", "x"), ("title", "t" * 513), ("title", "a\x07b")),
            *(("password", "p" * 257), ("tags", "t" * 513)),
        ],
    )
    def test_a_term_that_cannot_be_is_said_at_its_field(
        self, visitor: Surfer, field: str, value: str
    ) -> None:
        answer = visitor.send("/-/new", {"url": "example.org", field: value})
        assert answer.status_code == 422, answer.headers
        assert visitor.cookies == {} or links_of(visitor) == []
        assert "err" in answer.text
        if field not in ("password", "host"):
            where = "on" if field == "ends" else field
            assert f'id="{where}-error"' in answer.text
        assert "<details open>" in answer.text

    def test_a_taken_ending_comes_with_three_that_are_free(self, visitor: Surfer) -> None:
        visitor.app.clock.set(datetime(2026, 5, 28, tzinfo=UTC))
        for ending in ("spring", "spring-2"):
            make(visitor, {"url": "example.org", "ending": ending})
        answer = visitor.send("/-/new", {"url": "example.org/x", "ending": "spring"})
        assert answer.status_code == 422
        assert "“spring” is taken." in answer.text
        offered = re.findall(
            r'<button class="chip mono" name="ending" value="([^"]+)">', answer.text
        )
        assert offered == ["spring26", "springs", "spring2026"]
        # Its button is sent behind the field of the same name.
        make(visitor, {"url": "example.org/x", "ending": ["spring", "springs"]})
        assert links_of(visitor)[0].code == "springs"
        assert links_of(visitor)[0].url == "https://example.org/x"

    def test_an_own_link_is_never_replaced(self, visitor: Surfer) -> None:
        make(visitor, {"url": "example.org/old", "ending": "mine"})
        assert (
            visitor.send("/-/new", {"url": "example.org/new", "ending": "mine"}).status_code == 422
        )
        assert only(visitor).url == "https://example.org/old"

    def test_foreign_forms_make_nothing(self, visitor: Surfer) -> None:
        foreign = "https://evil.example"
        answer = visitor.send("/-/new", {"url": "example.org"}, origin=foreign)
        assert answer.status_code == 403
        assert visitor.cookies == {}


class TestSeveral:
    LINES = "example.org/1\r\n\r\n  example.org/2\r\nexample.org/3"

    def test_each_line_becomes_a_link(self, visitor: Surfer) -> None:
        answer = make(visitor, {"url": self.LINES, "ends": "1h"})
        urls = [link.url for link in reversed(links_of(visitor))]
        assert urls == [f"https://example.org/{number}" for number in (1, 2, 3)]
        now = visitor.app.clock.now()
        assert {link.expiration_utime for link in links_of(visitor)} == {now + HOUR}
        assert "3 links are ready" in answer.text
        copied = "\n".join(
            f"http://127.0.0.1:8080/{link.code}" for link in reversed(links_of(visitor))
        )
        assert f'data-copy="{copied}"' in answer.text
        [table] = re.findall(r'href="(/-/made\.csv[^"]+)"', answer.text)
        rows = list(csv.reader(visitor.get(table.replace("&amp;", "&")).text.splitlines()))
        assert rows[0] == ["short_url", "destination"]
        assert [row[1] for row in rows[1:]] == urls

    def test_all_are_made_or_none(self, visitor: Surfer) -> None:
        answer = visitor.send("/-/new", {"url": "example.org\nnonsense\nexample.org/3"})
        assert answer.status_code == 422
        assert "Line 2, “nonsense”: This is no web address." in answer.text
        assert "<textarea" in answer.text
        assert visitor.cookies == {}

    def test_one_ending_cannot_be_of_several(self, visitor: Surfer) -> None:
        answer = visitor.send("/-/new", {"url": self.LINES, "ending": "spring"})
        assert answer.status_code == 422
        assert 'id="ending-error"' in answer.text

    def test_there_is_a_most(self, visitor: Surfer) -> None:
        answer = visitor.send("/-/new", {"url": "a.b\n" * 1001})
        assert "At most 1,000 addresses at once." in answer.text
        make(visitor, {"url": "a.b\n" * 1000})
        assert len(links_of(visitor)) == 1000


class TestWhoSeesWhat:
    def test_nobody_is_shown_what_another_made(self, visitor: Surfer) -> None:
        make(visitor, {"url": "https://secret.example/"})
        stranger = Surfer(visitor.app)
        make(stranger, {"url": "example.org"})
        for query in (f"made={only(visitor).id}", f"made={only(visitor).id}&of=5"):
            assert "secret.example" not in stranger.get(f"/?{query}").text

    @pytest.mark.parametrize(
        "query", ["made=", "made=x", "made=1", "made=1&of=x", "made=" + "9" * 40]
    )
    def test_a_strange_address_shows_the_plain_page(self, visitor: Surfer, query: str) -> None:
        make(visitor, {"url": "example.org"})
        answer = visitor.get(f"/?{query}")
        assert answer.status_code == 200
        assert "Get a short one" in answer.text

    def test_the_newest_five(self, visitor: Surfer) -> None:
        for number in range(7):
            make(visitor, {"url": f"example.org/{number}"})
        shown = re.findall(r"<b>example.org</b>/(\d)</span>", visitor.get("/").text)
        assert shown == ["6", "5", "4", "3", "2"]

    def test_a_browser_whose_account_has_ended_begins_anew(self, visitor: Surfer) -> None:
        make(visitor, {"url": "example.org"})
        visitor.app.clock.advance(40 * DAY)
        assert "Made in this browser" not in visitor.get("/").text
        make(visitor, {"url": "example.org"})
        assert "Made in this browser" in visitor.get("/").text


class TestFilledIn:
    def test_by_an_address(self, visitor: Surfer) -> None:
        text = visitor.get(
            "/-/new?url=https%3A%2F%2Fexample.org%2F%22&title=A+%3Cb%3E&tag=print"
        ).text
        document = read(text)
        fields = {one.get("name"): one.get("value") for one in document.all("input")}
        assert fields["url"] == 'https://example.org/"'
        assert fields["title"] == "A <b>"
        assert fields["tags"] == "print"
        assert "<details open>" in text

    def test_empty_it_takes_a_list(self, visitor: Surfer) -> None:
        assert "<textarea" in visitor.get("/-/new").text
        assert "<textarea" in visitor.get("/-/new?url=a.b%0Ac.d").text


@pytest.fixture(params=["WEB__HOME=accounts", "ACCOUNTS__TEMPORARY=false"])
def closed(request: pytest.FixtureRequest, open_with: OpenApp) -> Iterator[Surfer]:
    """On a server that makes links for accounts alone."""
    name, _, value = request.param.partition("=")
    with open_with(**{name: value}) as app:
        yield Surfer(app)


def test_where_an_account_is_needed(closed: Surfer) -> None:
    page = closed.get("/")
    assert 'action="/-/login"' in page.text
    assert closed.get("/-/new?url=example.org").status_code == 303
    assert 'name="url"' not in page.text
    assert "without an account" not in page.text
    answer = closed.send("/-/new", {"url": "example.org"})
    assert answer.status_code == 403
    assert 'action="/-/login"' in answer.text and 'value="url=example.org"' in answer.text
    assert closed.cookies == {}


def test_an_own_host_can_be_chosen(open_with: OpenApp) -> None:
    with open_with(HOSTS='["http://go.example"]') as app:
        visitor = Surfer(app)
        assert '<select class="in" id="host"' in visitor.get("/").text
        [number] = [
            host.number for host in app.services.hosts.configured if host.name == "go.example"
        ]
        page = make(visitor, {"url": "example.org", "host": str(number)})
        assert "go.example/" in page.text
        assert only(visitor).host == number


def test_making_costs_what_the_calls_cost(open_with: OpenApp) -> None:
    with open_with(LIMITS__CLIENT__API_CAPACITY="5000", LIMITS__CLIENT__API_REFILL_RATE="0") as app:
        statuses = [
            Surfer(app).send("/-/new", {"url": "example.org"}).status_code for _ in range(4)
        ]
        assert statuses[:2] == [303, 303]
        assert statuses[-1] == 429
