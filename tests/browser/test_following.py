"""Short links followed in a real browser to a real site."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewLink
from tests.browser.target import Arrival, Target
from tests.browser.watch import Watch
from tests.server_process import ServerProcess


def counts(site: ServerProcess, userid: str, short_url: str) -> tuple[int, int]:
    entry = site.call("get_entry", userid=userid, shorturl=short_url)["entry"]
    return entry["count"], entry["count_qr"]


@pytest.mark.parametrize(
    ("given", "arriving"),
    [
        ("/", "/"),
        ("/a/b?with=query&and=more", "/a/b?with=query&and=more"),
        ("/ü?ä=ö#ß", "/%C3%BC?%C3%A4=%C3%B6"),
        ("/%7Ekept/%2fkept?a=%20", "/%7Ekept/%2fkept?a=%20"),
    ],
)
def test_a_visitor_arrives_and_is_counted_once(
    tab: Page,
    watch: Watch,
    site: ServerProcess,
    target: Target,
    new_link: NewLink,
    userid: str,
    given: str,
    arriving: str,
) -> None:
    short_url = new_link(target.url + given)
    tab.goto(short_url)
    expect(tab).to_have_title("Arrived")
    assert target.arrivals == [Arrival(arriving, None)]
    assert counts(site, userid, short_url) == (1, 0)
    assert watch.strangers(site.url, target.url) == []


def test_every_visit_counts(
    tab: Page, site: ServerProcess, target: Target, new_link: NewLink, userid: str
) -> None:
    short_url = new_link(target.url + "/")
    for _ in range(3):
        # A 302 that may not be stored: the browser asks again each time.
        tab.goto(short_url)
    assert counts(site, userid, short_url) == (3, 0)


def test_a_tracked_qr_code_counts_as_both(
    tab: Page, site: ServerProcess, target: Target, new_link: NewLink, userid: str
) -> None:
    short_url = new_link(target.url + "/")
    tab.goto(f"{short_url}?qr")
    assert target.arrivals == [Arrival("/", None)]
    assert counts(site, userid, short_url) == (1, 1)


def test_from_the_preview_a_visitor_goes_on_untold(
    tab: Page, site: ServerProcess, target: Target, new_link: NewLink, userid: str
) -> None:
    short_url = new_link(target.url + "/page")
    tab.goto(f"{short_url}+")
    tab.locator(".destination").get_by_role("link").click()
    expect(tab).to_have_title("Arrived")
    assert target.arrivals == [Arrival("/page", None)]
    assert counts(site, userid, short_url) == (0, 0)


def test_the_site_learns_where_its_visitor_really_came_from(
    tab: Page, site: ServerProcess, target: Target, new_link: NewLink
) -> None:
    short_url = new_link(target.url + "/page")
    tab.goto(target.url + "/before")
    tab.evaluate("(url) => { location.href = url }", short_url)
    tab.wait_for_url("**/page")
    assert target.arrivals == [
        Arrival("/before", None),
        Arrival("/page", f"{target.url}/"),
    ]


def test_a_limited_link_works_as_often_as_it_says(
    tab: Page, target: Target, new_link: NewLink
) -> None:
    short_url = new_link(target.url + "/", expiration_count=2)
    for _ in range(2):
        tab.goto(short_url)
        expect(tab).to_have_title("Arrived")
    tab.goto(short_url)
    expect(tab.get_by_role("heading", level=1)).to_have_text("This link has ended")
    assert len(target.arrivals) == 2


def test_a_qr_code_opened_by_itself_is_an_image_and_counts(
    tab: Page, site: ServerProcess, new_link: NewLink, userid: str
) -> None:
    short_url = new_link()
    response = tab.goto(f"{short_url}.png")
    assert response is not None
    assert response.headers["content-type"] == "image/png"
    assert tab.evaluate("document.images[0].naturalWidth") == 350
    assert counts(site, userid, short_url) == (0, 1)
