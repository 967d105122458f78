"""What the list does to links, and taking it back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shortd.links.undoing import DELETED_SECONDS
from shortd.testing import RunningApp
from tests.web.links.test_dashboard import listed, make
from tests.web.surfer import Surfer


def entry(surfer: Surfer, short_url: str) -> dict[str, Any]:
    found: dict[str, Any] = surfer.call("get_entry", shorturl=short_url)["entry"]
    return found


def undo_path(page: str) -> str:
    found = re.search(r'action="(/-/undo/\d+)"', page)
    assert found is not None, page
    return found[1]


def test_a_button_of_a_row_says_what_it_did_and_takes_it_back(ann: Surfer) -> None:
    short_url = make(ann, "autumn26")
    link_id = entry(ann, short_url)["id"]
    page = ann.follow(ann.send(f"/-/links/{link_id}/off")).text
    assert "Turned off" in page and not entry(ann, short_url)["enabled"]
    again = ann.get("/-/dashboard").text
    assert "Turned off" not in again
    page = ann.follow(ann.send(undo_path(page))).text
    assert "as it was" in page and entry(ann, short_url)["enabled"]


def test_a_deleted_link_is_gone_at_once_and_for_good_after_a_while(
    ann: Surfer, app: RunningApp
) -> None:
    short_url = make(ann, "autumn26")
    link_id = entry(ann, short_url)["id"]
    page = ann.follow(ann.send(f"/-/links/{link_id}/delete")).text
    assert listed(ann) == [] and app.visit(short_url).status_code == 404
    ann.send(undo_path(page))
    assert listed(ann) == ["autumn26"] and app.visit(short_url).status_code == 302
    page = ann.follow(ann.send(f"/-/links/{link_id}/delete")).text
    app.clock.advance(DELETED_SECONDS)
    app.run(app.services.links.undoing.purge(app.clock.now()))
    page = ann.follow(ann.send(undo_path(page))).text
    assert "too late" in page and listed(ann) == []


def test_a_swapped_row_comes_alone_with_its_message(ann: Surfer) -> None:
    link_id = entry(ann, make(ann, "autumn26"))["id"]
    answer = ann.send(f"/-/links/{link_id}/off", headers={"shortd-part": f"row-{link_id}"})
    assert answer.status_code == 200
    assert f'id="row-{link_id}"' in answer.text and "<html" not in answer.text
    assert "Turned off" in answer.text and "/-/undo/" in answer.text
    answer = ann.send(f"/-/links/{link_id}/delete", headers={"shortd-part": f"row-{link_id}"})
    assert f'id="row-{link_id}"' not in answer.text and "Deleted" in answer.text


def test_it_leads_back_to_where_it_was_pressed(ann: Surfer) -> None:
    link_id = entry(ann, make(ann, "autumn26"))["id"]
    here = f"{ann.own}/-/dashboard?q=autumn"
    answer = ann.send(f"/-/links/{link_id}/hide", referer=here)
    assert answer.headers["location"] == "/-/dashboard?q=autumn"
    answer = ann.send(f"/-/links/{link_id}/show", referer="https://evil.example/-/dashboard")
    assert answer.headers["location"].startswith("/-/dashboard")


@pytest.mark.parametrize("what", ["on", "off", "hide", "show", "delete"])
def test_nobody_elses_links_can_be_touched(ann: Surfer, app: RunningApp, what: str) -> None:
    other = app.call("url", userid=app.userid, url="https://example.org/")["entry"]
    assert ann.send(f"/-/links/{other['id']}/{what}").status_code == 404
    assert app.visit(other["shorturl"]).status_code == 302
    assert ann.send("/-/links/17/explode").status_code == 404
    assert ann.send(f"/-/links/{2**70}/off").status_code == 404


def three(ann: Surfer) -> list[str]:
    urls = [make(ann, code) for code in ("first1", "second2", "third3")]
    return [str(entry(ann, url)["id"]) for url in urls]


def test_the_selected_are_changed_together_and_undone_as_one(ann: Surfer) -> None:
    first, second, _ = three(ann)
    page = ann.follow(ann.send("/-/links/bulk", {"id": [first, second], "do": "off"})).text
    assert "2 links changed" in page
    assert listed(ann, "?is=off") == ["second2", "first1"]
    ann.send(undo_path(page))
    assert listed(ann, "?is=off") == []


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ({"do": "tag", "tag": "print"}, "?tag=print"),
        ({"do": "ends", "ends": "2023-11-16"}, "?ends=7d"),
        ({"do": "off"}, "?is=off"),
        ({"do": "typed", "tag": "print"}, "?tag=print"),
    ],
)
def test_what_can_be_done_to_the_selected(ann: Surfer, form: dict[str, str], query: str) -> None:
    first, *_ = three(ann)
    ann.send("/-/links/bulk", {"id": [first], **form})
    assert listed(ann, query) == ["first1"]
    undone = {"tag": "untag", "ends": "never", "off": "on", "typed": "untag"}[form["do"]]
    ann.send("/-/links/bulk", {"id": [first], **form, "do": undone})
    assert listed(ann, query) == []


def test_all_that_match_are_changed(ann: Surfer) -> None:
    three(ann)
    make(ann, "other4", title="Left alone")
    ann.send("/-/links/bulk", {"all": "1", "query": "q=1", "do": "delete"})
    assert listed(ann) == ["other4", "third3", "second2"]
    ann.send("/-/links/bulk", {"all": "1", "query": "", "do": "delete"})
    assert listed(ann) == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"do": "off"}, "Nothing is selected"),
        ({"do": "tag", "tag": "x" * 65, "id": "1"}, "1 to 64 characters"),
        ({"do": "ends", "id": "1"}, "Choose a day"),
        ({"do": "move", "place": "campaign:none", "id": "1"}, "no such campaign"),
        ({"do": "off", "id": "1"}, "1 was refused"),
    ],
)
def test_what_cannot_be_done_is_said(ann: Surfer, form: dict[str, str], said: str) -> None:
    assert said in ann.follow(ann.send("/-/links/bulk", form)).text


@pytest.mark.parametrize("form", [{"do": "explode", "id": "1"}, {"do": "off", "id": "x"}])
def test_what_no_page_of_ours_sends_is_refused(ann: Surfer, form: dict[str, str]) -> None:
    answer = ann.send("/-/links/bulk", form)
    assert answer.status_code in (303, 400)
    assert listed(ann) == []


def test_thousands_go_on_by_themselves_and_can_be_undone(ann: Surfer, app: RunningApp) -> None:
    for _ in range(3):
        ann.call("urls", urls=["https://example.org/"] * 500)
    answer = ann.send("/-/links/bulk", {"all": "1", "query": "", "do": "delete"})
    progress = answer.headers["location"]
    assert progress.startswith("/-/links/bulk/")
    assert Surfer(app).get(progress).status_code == 303
    for _ in range(200):
        answer = ann.get(progress)
        if answer.status_code == 303:
            break
        assert "of 1,500 links" in answer.text and answer.headers["refresh"] == "1"
        app.run(app.services.store.write(lambda txn: None))
    page = ann.follow(answer).text
    assert "1,500 links changed" in page and listed(ann) == []
    ann.send(undo_path(page))
    assert len(listed(ann)) == 50


def test_a_team_and_a_campaign_take_links_in(ann: Surfer, app: RunningApp) -> None:
    services, now = app.services, app.clock.now()
    account = services.accounts.logins.authenticate(
        ann.credentials["userid"], ann.credentials["token"], now
    )
    team = app.run(services.teams.teams.create(account, "Acme", "acme", now))
    campaign = app.run(services.teams.campaigns.create(account, team.id, "Spring", None, now))
    first, second, _ = three(ann)
    ann.send("/-/links/bulk", {"id": [first], "do": "move", "place": f"team:{team.id}"})
    assert listed(ann, f"?team={team.id}") == ["first1"]
    page = ann.follow(
        ann.send(
            "/-/links/bulk", {"id": [second], "do": "move", "place": f"campaign:{campaign.id}"}
        )
    ).text
    assert listed(ann, f"?campaign={campaign.id}") == ["second2"]
    assert listed(ann) == ["third3", "second2", "first1"]
    ann.send(undo_path(page))
    assert listed(ann, f"?campaign={campaign.id}") == []
