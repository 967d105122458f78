"""Listing links: which, in what order, and what is said of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shortd.testing import open_app
from tests.api.v1.linking import MAIN, make, path_of, shown
from tests.api.v1.people import Client, client, refused
from tests.api.v1.samples import DEFAULT_HOST, UNKNOWN


def ids(somebody: Client, **inputs: object) -> list[str]:
    answer = somebody.ask("entity/link/list", **inputs)
    found: list[str] = [link["id"] for link in answer["links"]]
    return found


def test_a_link_as_it_is_shown(ann: Client) -> None:
    link = make(ann)
    row = shown(ann, link)
    code = row["code"]
    assert row == {
        "id": link,
        "code": code,
        "url": f"http://127.0.0.1:8080/{code}",
        "destination": MAIN,
        "title": MAIN,
        "password": None,
        "clickType": 0,
        "uniqueTime": None,
        "api": True,
        "status": "Y",
        "domainId": DEFAULT_HOST,
        "campaignId": None,
        "teamId": ann.own_team,
        "tags": None,
        "createdTime": row["createdTime"],
    }
    assert re.fullmatch(r"2023-11-14T22:13:2\d\.\d{3}\+0000", row["createdTime"])
    assert re.fullmatch(r"[A-Za-z0-9]{5}", code)


def test_all_that_was_set_is_shown(ann: Client) -> None:
    campaign = ann.ask("entity/campaign/create", teamId=ann.own_team, name="Sale")["campaign"]["id"]
    link = make(ann, campaignId=campaign)
    ann.ask("entity/link/update", linkId=link, title="A page", tags=["one", "two"], code="my-code")
    ann.ask("entity/link/redirect", linkId=link, clickType="1", uniqueTime="10")
    ann.ask("entity/link/password", linkId=link, password="234")
    row = shown(ann, link)
    expected = {
        "title": "A page",
        "tags": "one,two",
        "code": "my-code",
        "clickType": 1,
        "uniqueTime": 10,
        "password": "********",
        "campaignId": campaign,
    }
    assert {name: row[name] for name in expected} == expected


def test_a_status_says_what_visitors_meet(ann: Client) -> None:
    link = make(ann)
    ann.ask("entity/link/expiration", linkId=link, click=2, destinationByClick="https://e.example/")
    for status in ("Y", "Y", "E"):
        assert shown(ann, link)["status"] == status
        ann.app.visit(shown(ann, link)["url"])
    ann.ask("entity/link/expiration", linkId=link, click=0, date="14/11/2023")
    assert shown(ann, link)["status"] == "Y"
    ann.app.clock.advance(24 * 3600)
    ann.login()
    assert shown(ann, link)["status"] == "E"
    ann.call("set_enabled", shorturl=shown(ann, link)["url"], enabled=False)
    assert shown(ann, link)["status"] == "N"


def test_pages_of_the_newest_first(ann: Client) -> None:
    links = [make(ann) for _ in range(7)][::-1]
    assert ids(ann) == links
    assert [ids(ann, size=3, page=page) for page in range(4)] == [
        links[:3],
        links[3:6],
        links[6:],
        [],
    ]
    assert ids(ann, size="3", page="1") == links[3:6]
    for page in (0, 1, 2**31 - 1):
        assert ann.ask("entity/link/list", size=3, page=page)["total"] == 7


def test_each_link_listed_is_charged(ann: Client) -> None:
    for _ in range(3):
        make(ann)
    before = ann.balance
    ids(ann, size=2)
    assert before - ann.balance == 1200


def test_links_that_are_looked_through_are_charged_before(ann: Client) -> None:
    ann.call("urls", urls=[f"https://example.com/{number}" for number in range(255)])
    team = ann.found().id
    for team_id, weight in ((None, 1025), (ann.own_team, 1025), (team, 1000)):
        before = ann.balance
        assert ids(ann, teamId=team_id, search="nothing") == []
        assert before - ann.balance == weight


def test_who_cannot_pay_for_a_list_has_nothing_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"SHORTD_LIMITS__REGISTERED__API_CAPACITY": "100000"}
    with open_app(tmp_path / "data", environ=environ) as app:
        eve = client(app, "eve")
        for _ in range(3):
            make(eve)
        account, now = eve.account, eve.now
        app.services.limits.budgets.charge_account(account, "127.0.0.1", eve.balance - 1200, now)
        balance = eve.balance
        monkeypatch.setattr("shortd.links.searching.Search.page", None)
        answer = eve.send("entity/link/list")
        assert refused(answer)["code"] == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert eve.balance == balance
        monkeypatch.undo()
        assert len(ids(eve, size=2)) == 2


class TestFilters:
    def test_a_team_or_all(self, ann: Client, ben: Client) -> None:
        team = ann.found().id
        ann.hire(team, ben)
        own, anns, bens = make(ann), make(ann, teamId=team), make(ben, teamId=team)
        assert ids(ann) == [bens, anns, own]
        assert ids(ann, teamId="") == [bens, anns, own]
        assert ids(ann, teamId=team) == ids(ben, teamId=team) == ids(ben) == [bens, anns]
        assert ids(ann, teamId=ann.own_team) == [own]
        for unseen in (ann.own_team, UNKNOWN):
            assert ben.denied("entity/link/list", teamId=unseen) == 404

    def test_campaigns(self, ann: Client) -> None:
        campaigns = [
            ann.ask("entity/campaign/create", teamId=ann.own_team, name=name)["campaign"]["id"]
            for name in ("one", "two", "three")
        ]
        one, two, _ = (make(ann, campaignId=campaign) for campaign in campaigns)
        make(ann)
        assert ids(ann, campaignIds=campaigns[0]) == [one]
        assert ids(ann, campaignIds=f"{campaigns[0]}, {campaigns[1]},") == [two, one]
        assert ids(ann, campaignIds=campaigns[:2]) == [two, one]
        assert ids(ann, campaignIds=UNKNOWN) == []
        assert len(ids(ann, campaignIds="")) == 4

    def test_domains(self, ann: Client) -> None:
        team = ann.found().id
        domains = ann.app.services.teams.domains
        domain = ann.do(domains.confirm(team, "go.example.org", ann.now)).id
        there, here = make(ann, teamId=team, domainId=domain), make(ann, teamId=team)
        assert ids(ann, domainIds=domain) == [there]
        assert ids(ann, domainIds=DEFAULT_HOST) == [here]
        assert ids(ann, domainIds=f"{DEFAULT_HOST},{domain}") == [here, there]
        assert ids(ann, domainIds=UNKNOWN) == []
        ann.do(domains.unsubscribe(ann.account, domain))
        assert ids(ann, domainIds=domain) == [there], "its links stay"

    @pytest.mark.parametrize("on", [True, "true", "on"])
    def test_hidden_ones_alone(self, ann: Client, on: object) -> None:
        link, other = make(ann), make(ann)
        ann.ask("entity/link/update", linkId=link, hide="on")
        assert ids(ann) == ids(ann, hidden="false") == ids(ann, hidden="") == [other]
        assert ids(ann, hidden=on) == [link]
        ann.ask("entity/link/update", linkId=link, hide="off")
        assert ids(ann) == [other, link]

    def test_a_part_of_code_or_title(self, ann: Client) -> None:
        page, sale, plain = (make(ann) for _ in range(3))
        ann.ask("entity/link/update", linkId=page, title="Straße 7")
        ann.ask("entity/link/update", linkId=sale, code="summer-sale", title="Neither")
        assert ids(ann, search="STRASSE") == [page]
        assert ids(ann, search="mer-SA") == [sale]
        assert ids(ann, search="main.example") == [plain], "it goes by its destination"
        assert ids(ann, search="nothing") == []
        assert ids(ann, search="") == [plain, sale, page]

    def test_all_of_them_together(self, ann: Client) -> None:
        team = ann.own_team
        campaign = ann.ask("entity/campaign/create", teamId=team, name="one")["campaign"]["id"]
        link, other = make(ann, campaignId=campaign), make(ann, campaignId=campaign)
        ann.ask("entity/link/update", linkId=link, title="Wanted")
        ann.ask("entity/link/update", linkId=other, title="Wanted", hide="on")
        make(ann)
        given = {"teamId": team, "campaignIds": campaign, "domainIds": DEFAULT_HOST}
        assert ids(ann, **given, search="want", hidden="false") == [link]


class TestUpdate:
    def test_nothing_is_left_as_it_is(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/update", linkId=link, title="A page", tags="one", hide="on")
        before = shown(ann, link)
        for nothing in ("", None):
            empty = dict.fromkeys(("title", "code", "tags", "hide"), nothing)
            ann.ask("entity/link/update", linkId=link, **empty)
            assert shown(ann, link) == before
        assert ids(ann, hidden=True) == [link]

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ("landing_page", "landing_page"),
            ("one, two,", "one,two"),
            (["one", "two"], "one,two"),
            ([], None),
            ("-", None),
        ],
    )
    def test_tags(self, ann: Client, tags: object, expected: str | None) -> None:
        link = make(ann)
        ann.ask("entity/link/update", linkId=link, tags="before")
        ann.ask("entity/link/update", linkId=link, tags=tags)
        assert shown(ann, link)["tags"] == expected

    def test_without_its_title_it_goes_by_its_destination(self, ann: Client) -> None:
        link = make(ann)
        ann.ask("entity/link/update", linkId=link, title=" Two \n words ")
        assert shown(ann, link)["title"] == "Two words"
        ann.ask("entity/link/update", linkId=link, title="-")
        assert shown(ann, link)["title"] == MAIN

    def test_another_code_moves_the_link(self, ann: Client) -> None:
        link, other = make(ann), make(ann)
        old, taken = path_of(ann, link), path_of(ann, other)
        ann.ask("entity/link/update", linkId=link, code="A_new-code")
        assert ann.app.get("/A_new-code").headers["location"] == MAIN
        assert ann.app.get(old).status_code == 404
        assert ann.denied("entity/link/update", linkId=link, code=taken[1:]) == 409
        for code in ("-x", "a/b", "x" * 65, "a b", "ä"):
            assert ann.denied("entity/link/update", linkId=link, code=code) == 400

    def test_a_refused_change_changes_nothing(self, ann: Client) -> None:
        link = make(ann)
        before = shown(ann, link)
        changes = {"title": "Another", "tags": "x" * 513}
        assert ann.denied("entity/link/update", linkId=link, **changes) == 400
        assert shown(ann, link) == before


def test_a_deleted_link_is_gone(ann: Client) -> None:
    link, other = make(ann), make(ann)
    path = path_of(ann, link)
    ann.ask("entity/link/delete", linkId=link)
    assert ids(ann) == [other]
    assert ann.app.get(path).status_code == 404
    assert ann.denied("entity/link/delete", linkId=link) == 404
