"""Trackers of links: named, copied from the team, shown to visitors, taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.v1.linking import MAIN, goes, make, path_of, shown
from tests.api.v1.people import Client, Json, refused
from tests.api.v1.samples import UNKNOWN

FACEBOOK = "635a1844172e000047005862"
ANALYTICS = "635a184a172e000047005863"
TAG_MANAGER = "635a1869172e000047005866"


def add(somebody: Client, link: str, code: str, provider: str = ANALYTICS) -> None:
    """Gives a link a tracker, as the document's third example does."""
    given = {"type": "0", "code": code, "trackerId": provider}
    somebody.ask("entity/link/create-tracker", linkId=link, **given)


def copy(somebody: Client, link: str, trackers: object) -> None:
    """Copies trackers of the team, as the first two do."""
    given = {"type": "1", "teamTrackers": trackers}
    somebody.ask("entity/link/create-tracker", linkId=link, **given)


def listed(somebody: Client, link: str, **inputs: Any) -> list[Json]:
    answer = somebody.ask("entity/link/tracker/list", linkId=link, **inputs)
    found: list[Json] = answer["linkTracker"]
    return found


def codes(somebody: Client, link: str) -> list[tuple[str, str]]:
    return [(row["trackerId"], row["code"]) for row in listed(somebody, link)]


def keep(somebody: Client, team: str, code: str, provider: str = ANALYTICS) -> str:
    """Keeps a tracker for a team; its id."""
    given = {"teamId": team, "trackerId": provider, "code": code, "name": "Ours"}
    made = somebody.ask("entity/team/tracker/create", **given)["teamTracker"]
    return str(made["id"])


def test_the_documents_trackers(ann: Client) -> None:
    link = make(ann)
    add(ann, link, "212121", TAG_MANAGER)
    ann.app.clock.advance(1)
    add(ann, link, "UA-8978698976")
    newer, older = listed(ann, link)
    assert list(newer) == ["id", "trackerId", "code", "createdTime"]
    assert (newer["trackerId"], newer["code"]) == (ANALYTICS, "UA-8978698976")
    assert (older["trackerId"], older["code"]) == (TAG_MANAGER, "212121")
    assert newer["createdTime"] > "2023-11-14" and len(newer["createdTime"]) == 28


def test_a_visitor_gets_the_page_that_tells_them(ann: Client) -> None:
    link = make(ann, utmSource="mail")
    add(ann, link, "121145523322155", FACEBOOK)
    add(ann, link, "212121", TAG_MANAGER)
    answer = ann.app.visit(shown(ann, link)["url"])
    assert answer.status_code == 200
    assert "https://www.facebook.com/tr?id=121145523322155&amp;" in answer.text
    assert "https://www.googletagmanager.com/ns.html?id=GTM-212121" in answer.text
    assert "https://main.example/page?a=b&amp;utm_source=mail#part" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "frame-src https://www.googletagmanager.com" in policy
    assert ann.app.visit(path_of(ann, link), headers={"dnt": "1"}).status_code == 302


def test_pages(ann: Client) -> None:
    link = make(ann)
    for number in range(5):
        add(ann, link, f"UA-{number}{number}{number}{number}")
        ann.app.clock.advance(1)
    pages = [listed(ann, link, size="2", page=page) for page in range(4)]
    assert [[row["code"][3] for row in page] for page in pages] == [
        ["4", "3"],
        ["2", "1"],
        ["0"],
        [],
    ]
    assert ann.ask("entity/link/tracker/list", linkId=link, size=1)["total"] == 5


def test_the_same_again_changes_nothing(ann: Client) -> None:
    link = make(ann)
    add(ann, link, "UA-8978698976")
    before = listed(ann, link)
    add(ann, link, "UA-8978698976")
    assert listed(ann, link) == before


class TestCopies:
    def test_all_of_the_team(self, ann: Client) -> None:
        link = make(ann)
        keep(ann, ann.own_team, "UA-9999999988")
        keep(ann, ann.own_team, "121145523322155", FACEBOOK)
        copy(ann, link, ["all-trackers"])
        expected = {(ANALYTICS, "UA-9999999988"), (FACEBOOK, "121145523322155")}
        assert set(codes(ann, link)) == expected

    def test_as_one_string(self, ann: Client) -> None:
        link = make(ann)
        trackers = [keep(ann, ann.own_team, f"UA-{number}000") for number in range(1, 4)]
        copy(ann, link, f"{trackers[0]}, {trackers[2]}")
        assert {code for _, code in codes(ann, link)} == {"UA-1000", "UA-3000"}
        copy(ann, link, "all-trackers")
        assert len(codes(ann, link)) == 3

    def test_the_links_team_is_what_counts(self, ann: Client) -> None:
        team = ann.found().id
        own, theirs = keep(ann, ann.own_team, "UA-1000"), keep(ann, team, "UA-2000")
        link = make(ann, teamId=team)
        given = {"linkId": link, "type": 1}
        for wrong in ([own], [theirs, own], [UNKNOWN]):
            assert ann.denied("entity/link/create-tracker", **given, teamTrackers=wrong) == 404
        copy(ann, link, [theirs])
        assert codes(ann, link) == [(ANALYTICS, "UA-2000")]

    def test_all_of_a_team_without_any(self, ann: Client) -> None:
        link = make(ann)
        copy(ann, link, ["all-trackers"])
        assert listed(ann, link) == []


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"type": "0", "trackerId": ANALYTICS}, 400, "A type of 0 needs the field `code`."),
        ({"type": 0, "code": "UA-1234"}, 400, "A type of 0 needs the field `trackerId`."),
        ({"type": "1"}, 400, "A type of 1 needs the field `teamTrackers`."),
        ({"type": "1", "teamTrackers": []}, 400, "A type of 1 needs the field `teamTrackers`."),
        ({"type": "2"}, 400, "type: "),
        ({"type": "0", "code": "UA-1234", "trackerId": UNKNOWN}, 404, "There is no such tracker."),
        ({"type": "0", "code": "wrong", "trackerId": ANALYTICS}, 400, "code: This is no id of"),
        ({"type": "0", "code": "x" * 65, "trackerId": ANALYTICS}, 400, "code: A tracker's code"),
    ],
)
def test_a_bad_one_is_refused(ann: Client, given: Json, code: int, message: str) -> None:
    link = make(ann)
    status = refused(ann.send("entity/link/create-tracker", linkId=link, **given))
    assert status["code"] == code
    assert status["message"].startswith(message)
    assert listed(ann, link) == []


def test_one_is_taken_away(ann: Client) -> None:
    link = make(ann)
    for code in ("UA-1234", "UA-5678"):
        add(ann, link, code)
        ann.app.clock.advance(1)
    newer, older = listed(ann, link)
    ann.ask("entity/link/delete-tracker", linkTrackerId=newer["id"])
    assert listed(ann, link) == [older]
    assert ann.denied("entity/link/delete-tracker", linkTrackerId=newer["id"]) == 404
    ann.ask("entity/link/delete-tracker", linkTrackerId=older["id"])
    assert goes(ann, link) == MAIN


def test_a_provider_that_v1_does_not_know_is_shown(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make(ann)
    add(ann, link, "UA-1234")
    monkeypatch.setattr("shortd.api.v1.link_tracker_calls.BY_NAME", {})
    assert codes(ann, link) == [("", "UA-1234")]
