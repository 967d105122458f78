"""All links, whosever they are: found, turned off for good, turned on, deleted."""

from __future__ import annotations

import re

import pytest

from shortd.models.audit import Action
from shortd.upkeep import reading
from tests.web.admin.conftest import command, lines
from tests.web.surfer import Surfer

LINKS = "/-/admin/links"
ID = re.compile(r'class="go2" href="/-/admin/links/(\d+)"')
NEXT = re.compile(r'href="([^"]+)" rel="next"')


def found(surfer: Surfer, query: str = "") -> list[int]:
    """Ids of all pages of a search."""
    ids: list[int] = []
    path = LINKS + query
    while True:
        answer = surfer.get(path)
        assert answer.status_code == 200
        ids += map(int, ID.findall(answer.text))
        onward = NEXT.search(answer.text)
        if onward is None:
            return ids
        path = onward[1].replace("&amp;", "&")


def made(surfer: Surfer, url: str = "https://example.org/", **terms: object) -> int:
    return int(surfer.call("url", url=url, **terms)["entry"]["id"])


def test_links_are_found(olga: Surfer, ben: Surfer) -> None:
    first = made(ben, "https://www.example.org/a", code="first1", title="Spring sale")
    second = made(ben, "https://example.com/example.org", code="second")
    guest = Surfer(olga.app)
    guest.send("/-/new", {"url": "https://guest.example/"})
    [third] = guest.call("get_entries", count=5)["entries"]
    assert sorted(found(olga)) == sorted([first, second, third["id"]])
    assert found(olga, "?q=first1") == [first]
    assert found(olga, "?q=127.0.0.1:8080/first1") == [first]
    assert found(olga, "?q=http://127.0.0.1:8080/first1%2B") == [first]
    assert found(olga, "?q=SPRING") == [first]
    assert found(olga, "?to=example.org") == [first], "with all below it, and no address alike"
    assert found(olga, "?to=ample.org") == []
    assert found(olga, "?owner=BEN") == [second, first], "the newest first"
    assert found(olga, "?owner=ben@nowhere.example&q=second") == [second]
    assert found(olga, "?owner=olga") == []
    assert found(olga, "?q=%00") == []
    assert found(olga, f"?q={'x' * 5000}&after=99999999999-x") == []
    assert "There is no such account." in olga.get(f"{LINKS}?owner=nobody").text
    [handle] = re.findall(r'people/(guest-[^"]+)"', olga.get(f"{LINKS}?q=guest.example").text)
    assert found(olga, f"?owner={handle}") == [third["id"]]


def test_an_ending_is_looked_up_on_all_hosts(olga: Surfer, ben: Surfer) -> None:
    command(olga.app, "domain add", team="ben", name="go.example.net")
    there = made(ben, code="spring1", host="go.example.net:8080")
    here = made(ben, code="spring1")
    assert sorted(found(olga, "?q=spring1")) == sorted([here, there])


def test_fifty_stand_on_a_page_and_each_once(olga: Surfer, ben: Surfer) -> None:
    entries = ben.call("urls", urls=["https://example.org/"] * 120)["entries"]
    ids = [entry["id"] for entry in entries]
    for query in ("", "?owner=ben", "?to=example.org"):
        assert len(ID.findall(olga.get(LINKS + query).text)) == 50
        shown = found(olga, query)
        assert sorted(shown) == sorted(ids)
    assert found(olga, "?owner=ben") == list(reversed(sorted(ids, key=ids.index)))


def test_a_search_reads_so_much_and_then_says_how_far(
    olga: Surfer, ben: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben.call("urls", urls=["https://example.org/"] * 120)
    wanted = made(ben, "https://needle.example/")
    monkeypatch.setattr(reading, "ROWS_READ", 50)
    assert "It was read so far" in olga.get(f"{LINKS}?to=nowhere.example").text
    assert found(olga, "?to=needle.example") == [wanted]


def off(olga: Surfer, link_id: int, reason: str = "Phishing") -> None:
    assert olga.send(f"{LINKS}/{link_id}/off", {"reason": reason}).status_code == 303


def test_visitors_are_not_told_why(olga: Surfer, ben: Surfer) -> None:
    entry = ben.call("url", url="https://example.org/")["entry"]
    short_url = entry["shorturl"]
    assert olga.app.visit(short_url).status_code == 302
    nothing = olga.app.visit("http://127.0.0.1:8080/nosuch")
    off(olga, entry["id"], "Reported by the police")
    visit = olga.app.visit(short_url)
    assert (visit.status_code, visit.text) == (404, nothing.text)
    preview = olga.app.visit(f"{short_url}+")
    assert (preview.status_code, "police" in preview.text) == (404, False)
    line = lines(olga.app)[0]
    assert (line.action, line.subject, line.reason, line.detail) == (
        Action.TURN_OFF_LINK,
        short_url,
        "Reported by the police",
        "https://example.org/",
    )
    assert "off, by an operator" in olga.get(f"{LINKS}/{entry['id']}").text
    assert found(olga, "?off=1") == [entry["id"]]
    assert olga.send(f"{LINKS}/{entry['id']}/on").status_code == 303
    assert olga.app.visit(short_url).status_code == 302


def test_its_owner_cannot_turn_it_on(olga: Surfer, ben: Surfer) -> None:
    entry = ben.call("url", url="https://example.org/")["entry"]
    link_id, short_url = entry["id"], entry["shorturl"]
    off(olga, link_id)
    refusal = ben.app.post(
        "set_enabled", {**ben.credentials, "shorturl": short_url, "enabled": True}
    )
    assert refusal.status_code == 403
    assert refusal.json()["error"]["message"] == "Who runs this server has turned the link off."
    terms = {**ben.credentials, "shorturl": short_url, "enabled": True}
    assert ben.app.post("set_terms", terms).status_code == 403
    assert ben.send(f"/-/links/{link_id}/on").status_code == 303
    assert ben.send("/-/links/bulk", {"do": "on", "id": str(link_id)}).status_code == 303
    assert ben.send(f"/-/links/{link_id}/edit/lists", {"enabled": "1"}).status_code != 200
    assert olga.app.visit(short_url).status_code == 404
    # All else is his as before, and its being off stays.
    ben.call("set_terms", shorturl=short_url, title="Mine")
    assert olga.app.visit(short_url).status_code == 404
    assert olga.send(f"{LINKS}/{link_id}/on").status_code == 303
    ben.call("set_enabled", shorturl=short_url, enabled=False)
    ben.call("set_enabled", shorturl=short_url, enabled=True)
    assert olga.app.visit(short_url).status_code == 302


def test_undoing_an_earlier_act_does_not_turn_it_on(olga: Surfer, ben: Surfer) -> None:
    entry = ben.call("url", url="https://example.org/")["entry"]
    shown = ben.follow(ben.send("/-/links/bulk", {"do": "off", "id": str(entry["id"])})).text
    [undo] = re.findall(r'action="(/-/undo/\d+)"', shown)
    off(olga, entry["id"])
    ben.send(undo)
    assert olga.app.visit(entry["shorturl"]).status_code == 404


def test_a_link_goes_for_good(olga: Surfer, ben: Surfer) -> None:
    short_url = str(olga.app.new_file(b"Hello"))
    [link_id] = found(olga)
    page = olga.get(f"{LINKS}/{link_id}").text
    assert "note.txt" in page
    answer = olga.send(f"{LINKS}/{link_id}/delete", {"reason": "Malware"})
    assert "Deleted" in olga.follow(answer).text
    assert olga.app.visit(short_url).status_code == 404
    assert olga.get(f"{LINKS}/{link_id}").status_code == 404
    assert olga.send(f"{LINKS}/{link_id}/off", {"reason": "again"}).status_code == 404
    line = lines(olga.app)[0]
    assert (line.action, line.subject, line.reason) == (Action.DELETE_LINK, short_url, "Malware")
    assert found(olga) == []


def test_what_its_owner_deletes_is_gone_for_the_operator_too(olga: Surfer, ben: Surfer) -> None:
    link_id = made(ben)
    ben.send(f"/-/links/{link_id}/delete")
    assert found(olga) == []
    assert olga.get(f"{LINKS}/{link_id}").status_code == 404
    for number in (0, 2**63 - 1, 2**63, 2**80):
        assert olga.get(f"{LINKS}/{number}").status_code == 404
