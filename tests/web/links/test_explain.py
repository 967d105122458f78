"""The page "What would happen?"."""

from __future__ import annotations

import re

import pytest

from tests.web.links.conftest import URL, MadeLink
from tests.web.surfer import Surfer


def steps(page: str) -> list[tuple[bool, str, str]]:
    found = re.findall(
        r'<li( class="hit")?><span class="m">.*?<b>(.*?)</b></div><span class="an">(.*?)</span>',
        page,
    )
    return [(bool(hit), question, answer) for hit, question, answer in found]


def test_a_link_without_terms_leads_on(link: MadeLink) -> None:
    page = link.page("/explain")
    assert "This visitor is sent to" in page
    assert re.sub(r"<.*?>", "", page.partition('class="goes">')[2].partition("</p>")[0]) == URL
    asked = steps(page)
    assert asked[0] == (False, "Is it there and switched on?", "yes")
    assert asked[-1] == (True, "Nothing is in the way", "it leads on")


@pytest.mark.parametrize(
    ("terms", "said", "hit"),
    [
        ({"expiration_utime": 1}, "that the link has ended", "Has its time run out?"),
        ({"expiration_count": 1}, "preview page", "Is this a visitor to whom a limited link"),
    ],
)
def test_what_decides_is_marked(ann: Surfer, terms: dict[str, int], said: str, hit: str) -> None:
    page = MadeLink(ann, "ended1", **terms).page("/explain?who=chat")
    assert said in page
    (decided,) = [question for is_hit, question, _ in steps(page) if is_hit]
    assert decided.startswith(hit)
    assert steps(page)[-1][2] == "not asked"


def test_a_link_that_is_off(link: MadeLink) -> None:
    shorturl = f"127.0.0.1:8080/{link.code}"
    link.surfer.call("set_enabled", shorturl=shorturl, enabled=False)
    page = link.page("/explain")
    assert "no such link" in page
    assert steps(page)[0] == (True, "Is it there and switched on?", "no")


def test_ready_visitors_and_moments(ann: Surfer) -> None:
    link = MadeLink(ann, "later1", valid_since=4_000_000_000_000_000)
    assert "no such link" in link.page("/explain")
    assert "is sent to" in link.page("/explain?when=2099-01-01T10:00&who=android")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?when=tomorrow", "Choose a day and a time."),
        ("?when=1969-01-01T10:00", "Choose a day and a time."),
        ("?country=Germany", "Two letters"),
        ("?address=nowhere", "This is no IP address."),
        ("?agent=" + "x" * 3000, "At most 2048 characters."),
    ],
)
def test_what_is_wrong_is_told_at_its_field(link: MadeLink, query: str, said: str) -> None:
    answer = link.surfer.get(f"{link.path}/explain{query}")
    assert answer.status_code == 422
    assert said in answer.text


def test_nothing_is_counted(link: MadeLink) -> None:
    link.page("/explain")
    entry = link.surfer.call("get_entry", shorturl=f"127.0.0.1:8080/{link.code}")["entry"]
    assert entry["count"] == 0


def test_hostile_text_is_text(link: MadeLink) -> None:
    page = link.page("/explain?agent=%3Cscript%3Ealert(1)%3C/script%3E&who=%3Cscript%3Ealert(2)")
    assert "<script>alert" not in page
