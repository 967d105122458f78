"""A link's settings, group by group: what is saved, what is refused and shown again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shortd.models.common import NEVER
from shortd.testing import RunningApp
from tests.web.links.test_acting import entry
from tests.web.links.test_dashboard import make
from tests.web.surfer import Surfer


@pytest.fixture
def short_url(ann: Surfer) -> str:
    return make(ann, "autumn26", url="https://example.org/page", title="Autumn")


def page_of(surfer: Surfer, short_url: str) -> str:
    return f"/-/links/{entry(surfer, short_url)['id']}/edit"


def terms(surfer: Surfer, short_url: str) -> dict[str, Any]:
    found: dict[str, Any] = surfer.call("set_terms", shorturl=short_url)["terms"]
    return found


def save(surfer: Surfer, short_url: str, group: str, **form: str) -> str:
    """The page after saving, which must succeed."""
    answer = surfer.send(f"{page_of(surfer, short_url)}/{group}", form)
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    assert address.endswith(f"/edit#{group}")
    return surfer.get(address.partition("#")[0]).text


WHERE = {"destination": "https://example.org/page", "ending": "autumn26", "title": "Autumn"}
UNTIL = {"enabled": "1"}


def test_where_it_leads(ann: Surfer, app: RunningApp, short_url: str) -> None:
    page = save(
        ann,
        short_url,
        "where",
        destination="https://new.example/x",
        ending="winter-26",
        title="Winter",
        utm_source="flyer",
    )
    assert "new.example</b>/x?utm_source=flyer" in page
    moved = short_url.replace("autumn26", "winter-26")
    answer = app.visit(moved)
    assert answer.headers["location"] == "https://new.example/x?utm_source=flyer"
    assert app.visit(short_url).status_code == 404
    assert terms(ann, moved)["title"] == "Winter"


def test_until_when(ann: Surfer, short_url: str) -> None:
    form = {
        "since": "2023-01-01T00:00",
        "ends": "2030-12-31T18:30",
        "ends_to": "https://late.example/",
        "clicks": "7",
        "unique": "1",
        "minutes": "90",
        "clicks_to": "https://full.example/",
    }
    save(ann, short_url, "until", **form)
    found = terms(ann, short_url)
    assert found["enabled"] is False
    assert found["valid_since"] == 1_672_531_200_000_000
    assert found["expiration_utime"] == 1_924_972_200_000_000
    assert (found["date_fallback"], found["count_fallback"]) == (
        "https://late.example/",
        "https://full.example/",
    )
    assert (found["expiration_count"], found["counts_unique"], found["unique_minutes"]) == (
        7,
        True,
        90,
    )
    save(ann, short_url, "until", **UNTIL)
    found = terms(ann, short_url)
    assert (found["enabled"], found["valid_since"], found["expiration_count"]) == (True, 0, 0)
    assert found["expiration_utime"] == NEVER and not found["date_fallback"]


def test_a_time_that_nobody_touched_keeps_its_seconds(ann: Surfer, short_url: str) -> None:
    ann.call("set_terms", shorturl=short_url, valid_since=1_672_531_234_567_890)
    page = ann.get(page_of(ann, short_url)).text
    since = re.search(r'name="since"[^>]*value="([^"]*)"', page)
    assert since is not None and since[1] == "2023-01-01T00:00"
    save(ann, short_url, "until", enabled="1", since=since[1])
    assert terms(ann, short_url)["valid_since"] == 1_672_531_234_567_890


def test_who_may_follow_it(ann: Surfer, app: RunningApp, short_url: str) -> None:
    page = save(ann, short_url, "who", password="Sesame")
    assert "Remove the password" in page and "Sesame" not in page
    assert app.visit(short_url).status_code == 200
    save(ann, short_url, "who", remove="1")
    assert app.visit(short_url).status_code == 302


def test_in_which_lists_it_is(ann: Surfer, short_url: str) -> None:
    save(ann, short_url, "lists", tags="print, shop", hidden="1", note="One.\r\nTwo <b>")
    found = terms(ann, short_url)
    assert (found["tags"], found["archived"]) == (["print", "shop"], True)
    assert found["note"] == "One.\nTwo <b>"


def test_what_it_says_to_others(ann: Surfer, short_url: str) -> None:
    for query, robots, shown in (
        ("visitor", "yes", True),
        ("link", "no", False),
        ("no", "", False),
    ):
        save(ann, short_url, "where", **WHERE, forward_query=query, robots=robots)
        found = terms(ann, short_url)
        assert (found["forward_query"], found["robots"]) == (query, shown)
    save(ann, short_url, "where", **WHERE, forward_query="server", robots="server")
    found = terms(ann, short_url)
    assert (found["forward_query"], found["robots"]) == ("server", None)


@pytest.mark.parametrize(
    ("group", "form", "field"),
    [
        ("where", {**WHERE, "destination": "javascript:alert(1)"}, "destination"),
        ("where", {**WHERE, "destination": "http://127.0.0.1:8080/x"}, "destination"),
        ("where", {**WHERE, "ending": "not an ending"}, "ending"),
        ("where", {**WHERE, "ending": "taken00"}, "ending"),
        ("where", {**WHERE, "title": "x" * 513}, "title"),
        ("where", {**WHERE, "utm_term": "x" * 257}, "utm_term"),
        ("until", {**UNTIL, "ends": "tomorrow"}, "ends"),
        ("until", {**UNTIL, "ends": "2026-02-31T10:00"}, "ends"),
        ("until", {**UNTIL, "clicks": "-1"}, "clicks"),
        ("until", {**UNTIL, "minutes": "9999999"}, "minutes"),
        ("until", {**UNTIL, "ends_to": "ftp://x"}, "ends_to"),
        ("who", {"password": ""}, "password"),
        ("who", {"password": "x" * 257}, "password"),
        ("lists", {"tags": "a\x07b"}, "tags"),
    ],
)
def test_what_is_refused_is_shown_again_beside_its_field(
    ann: Surfer, short_url: str, group: str, form: dict[str, str], field: str
) -> None:
    make(ann, "taken00")
    before = terms(ann, short_url)
    answer = ann.send(f"{page_of(ann, short_url)}/{group}", form)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert re.search(rf'<details class="card" id="{group}" open', answer.text)
    assert terms(ann, short_url) == before


def test_others_links_cannot_be_seen_or_changed(ann: Surfer, app: RunningApp) -> None:
    other = app.call("url", userid=app.userid, url="https://example.org/")["entry"]["id"]
    assert ann.get(f"/-/links/{other}/edit").status_code == 404
    assert ann.send(f"/-/links/{other}/edit/who", {"password": "x"}).status_code == 404
    assert ann.send(f"/-/links/{other}/plugin/ab", {}).status_code == 404
    assert ann.get(f"/-/links/{2**70}/edit").status_code == 404


def test_a_split_is_made_changed_and_removed(ann: Surfer, short_url: str) -> None:
    edit = page_of(ann, short_url)
    action = edit.replace("/edit", "/plugin/ab")
    form = {"ab.variants.0.url": "https://b.example/", "ab.variants.0.weight": "30"}
    page = ann.follow(ann.send(action, form)).text
    assert "with 30 % to" in page and "with 70 % to" in page
    data = ann.call("get_plugin", shorturl=short_url, plugin="ab")["data"]
    assert data == {"variants": [{"url": "https://b.example/", "weight": 30}]}
    more = {**form, "ab.variants.1.url": "https://c.example/", "ab.variants.1.weight": "80"}
    answer = ann.send(action, more)
    assert answer.status_code == 422 and "more than 100" in answer.text
    assert 'value="https://c.example/"' in answer.text
    ann.send(action, {"remove": "1"})
    assert ann.call("get_plugin", shorturl=short_url, plugin="ab")["data"] is None


@pytest.mark.parametrize(
    ("plugin", "form", "field"),
    [
        ("ab", {"ab.variants.0.url": "ftp://x", "ab.variants.0.weight": "30"}, "variants.0.url"),
        ("ab", {"ab.variants.0.url": "https://x.example/"}, ""),
        (
            "ab",
            {"ab.variants.0.url": "https://b.example/", "ab.variants.0.weight": "x"},
            "variants.0.weight",
        ),
        ("mobile", {"mobile.ios": "ftp://x"}, "ios"),
        (
            "trackers",
            {"trackers.trackers.0.provider": "facebook", "trackers.trackers.0.id": "x"},
            "trackers.0.id",
        ),
    ],
)
def test_what_a_plugin_refuses_is_said_at_its_field(
    ann: Surfer, short_url: str, plugin: str, form: dict[str, str], field: str
) -> None:
    action = page_of(ann, short_url).replace("/edit", f"/plugin/{plugin}")
    answer = ann.send(action, form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    if field:
        assert f'id="{plugin}.{field}-error"' in answer.text
    assert ann.call("get_plugin", shorturl=short_url, plugin=plugin)["data"] is None


def test_of_plugins_and_groups_that_are_none_nothing_is_kept(ann: Surfer, short_url: str) -> None:
    edit = page_of(ann, short_url)
    assert ann.send(f"{edit}/nosuch", {}).status_code == 404
    assert ann.send(edit.replace("/edit", "/plugin/nosuch"), {}).status_code == 404


def test_a_files_link_keeps_its_file(ann: Surfer, app: RunningApp) -> None:
    file = app.new_file(b"Hello", filename="Straße 1.txt")
    owner = Surfer(app)
    owner.cookies["shortd"] = app.userid
    [made] = owner.call("get_entries")["entries"]
    edit = f"/-/links/{made['id']}/edit"
    page = owner.get(edit).text
    assert 'name="destination"' not in page
    assert owner.send(f"{edit}/where", {"ending": "myfile0", "title": "Mine"}).status_code == 303
    moved = file.rpartition("/")[0] + "/myfile0"
    assert app.get(app.visit(moved).headers["location"]).content == b"Hello"
