"""The list of links: what it shows, finds and leaves out, page by page."""

from __future__ import annotations

import re
from html import unescape

import pytest

from shortd.testing import RunningApp
from tests.web.surfer import Surfer

HOSTILE = '"><img src=x onerror=alert(1)>'


def make(surfer: Surfer, code: str, url: str = "https://example.org/", **terms: object) -> str:
    entry = surfer.call("url", url=url, code=code, **terms)["entry"]
    return str(entry["shorturl"])


def shown(page: str) -> list[str]:
    """Endings of the rows of a page."""
    return re.findall(r'data-url="http://127\.0\.0\.1:8080/([^"]+)"', page)


def listed(surfer: Surfer, query: str = "") -> list[str]:
    answer = surfer.get(f"/-/dashboard{query}")
    assert answer.status_code == 200
    return shown(answer.text)


def test_who_is_nobody_signs_in_first(surfer: Surfer) -> None:
    answer = surfer.get("/-/dashboard?q=spring")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/-/login?next=%2F-%2Fdashboard%3Fq%3Dspring"


def test_the_newest_come_first_and_nobody_elses(ann: Surfer) -> None:
    for code in ("first1", "second2", "third3"):
        make(ann, code)
    ann.app.call("url", userid=ann.app.userid, url="https://example.org/", code="strange")
    assert listed(ann) == ["third3", "second2", "first1"]


def test_who_has_made_links_without_an_account_sees_them(surfer: Surfer) -> None:
    surfer.send("/-/new", {"url": "https://example.org/", "ending": "spring"})
    assert listed(surfer) == ["spring"]


@pytest.mark.parametrize(
    ("query", "endings"),
    [
        ("?q=autumn", ["autumn26"]),
        ("?q=tag:print", ["autumn26"]),
        ("?tag=print", ["autumn26"]),
        ("?is=off", ["wifi00"]),
        ("?is=off&is=url", ["wifi00"]),
        ("?is=file", []),
        ("?q=is:off", ["wifi00"]),
        ("?ends=7d", ["soon00"]),
        ("?is=what&sort=what&ends=x&bit=x&after=x", ["soon00", "wifi00", "autumn26"]),
        ("?bit=0", ["soon00"]),
        ("?campaign=none", []),
        ("?host=elsewhere.example", []),
        ("?team=none", ["soon00", "wifi00", "autumn26"]),
        ("?sort=ending", ["soon00", "wifi00", "autumn26"]),
    ],
)
def test_the_address_says_what_is_listed(ann: Surfer, query: str, endings: list[str]) -> None:
    now = ann.app.clock.now()
    make(ann, "autumn26", title="Autumn campaign", tags=["print"])
    wifi = make(ann, "wifi00")
    ann.call("set_enabled", shorturl=wifi, enabled=False)
    make(ann, "soon00", expiration_utime=now + 3 * 86_400_000_000, tag=1)
    answer = ann.get(f"/-/dashboard{query}")
    if answer.status_code == 303:
        answer = ann.follow(answer)
    assert shown(answer.text) == endings


def test_nothing_found_says_what_to_leave_out(ann: Surfer) -> None:
    make(ann, "autumn26")
    page = ann.get("/-/dashboard?q=nosuch&tag=print&is=off").text
    links = [unescape(link) for link in re.findall(r'<a class="chip" href="([^"]+)">', page)]
    assert "/-/dashboard?tag=print&is=off" in links
    assert "/-/dashboard?q=nosuch&is=off" in links
    assert "/-/dashboard?q=nosuch&tag=print" in links


def test_an_empty_list_begins_with_a_form(ann: Surfer) -> None:
    page = ann.get("/-/dashboard").text
    assert 'action="/-/new"' in page and 'href="/-/import"' in page


def test_pages_follow_one_another(ann: Surfer) -> None:
    ann.call("urls", urls=[f"https://example.org/{number}" for number in range(120)])
    seen: list[str] = []
    path, pages = "/-/dashboard", 0
    while path:
        page = ann.get(path).text
        seen += shown(page)
        pages += 1
        found = re.search(r'href="([^"]+)" rel="next"', page)
        path = unescape(found[1]) if found else ""
    assert (pages, len(seen), len(set(seen))) == (3, 120, 120)
    assert "101\u2013120" in page and "of 120" in page


def test_a_part_is_answered_alone(ann: Surfer) -> None:
    make(ann, "autumn26")
    part = ann.get("/-/dashboard", **{"shortd-part": "list"}).text
    assert part.lstrip().startswith('<div id="list"') and "<html" not in part
    assert shown(part) == ["autumn26"]


def test_hostile_texts_are_texts(ann: Surfer) -> None:
    make(ann, "hostile", title=HOSTILE, tags=[HOSTILE], url="https://example.org/?q=<script>")
    for path in ("/-/dashboard", "/-/tags", f"/-/dashboard?q={HOSTILE}&tag={HOSTILE}"):
        page = ann.get(path).text
        assert "<img src=x" not in page and "<script>" not in page, path


def test_a_link_is_found_by_its_short_url(ann: Surfer) -> None:
    short_url = make(ann, "autumn26")
    [entry] = ann.call("get_entries")["entries"]
    answer = ann.get(f"/-/links?at={short_url}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/-/links/{entry['id']}")
    assert ann.get("/-/links?at=http://127.0.0.1:8080/nosuch").status_code == 404
    assert ann.get("/-/links").headers["location"] == "/-/dashboard"


def test_a_row_tells_what_a_link_is(ann: Surfer, app: RunningApp) -> None:
    make(ann, "locked0", password="secret")
    short_url = make(ann, "clicked")
    for _ in range(3):
        app.visit(short_url)
    app.drain()
    page = ann.get("/-/dashboard").text
    assert re.search(r'data-count="\d+">3<', page)
    assert page.count("password</span>") == 1
    assert "87,2" in re.search(r'<polyline points="([^"]+)"', page)[1]  # type: ignore[index]
