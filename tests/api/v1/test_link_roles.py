"""Who may do what with a team's link, call by call; and links across the APIs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.api.v1.registry import CALLS, Call
from shortd.ids import link_hex_id
from shortd.models.accounts import Scope
from shortd.testing import AGENTS, open_app
from tests.api.v1.linking import MAIN, goes, make, shown
from tests.api.v1.people import Client, checked, refused
from tests.api.v1.samples import UNKNOWN, World, fields
from tests.api.v2.envelopes import everything
from tests.conftest import GENEROUS

ONE_LINK = [
    call
    for call in CALLS.values()
    if {"linkId", "linkTrackerId"} & {field.encode_name for field in fields(call)}
]
READING = [call for call in ONE_LINK if call.scope is Scope.READ]
WRITING = [call for call in ONE_LINK if call.scope is Scope.WRITE]
OTHER = "https://other.example/"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Its link was made by the team's owner."""
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        yield World(app)


def name_of(call: Call) -> str:
    return call.name


def test_all_of_them_are_here() -> None:
    assert {call.name.removeprefix("entity/link/") for call in ONE_LINK} == {
        *("update", "delete", "redirect", "redirect-mobile", "expiration", "password"),
        *("remove-password", "tracker/list", "create-tracker", "delete-tracker", "testing"),
        "analytics",
    }


@pytest.mark.parametrize("call", WRITING, ids=name_of)
def test_a_member_changes_his_own_alone(world: World, call: Call) -> None:
    rows = everything(world.app)
    status = refused(world.member.send(call.name, **world.good(call)))
    assert (status["code"], status["message"]) == (
        403,
        "Your role in the team does not allow this.",
    )
    assert everything(world.app) == rows


@pytest.mark.parametrize("call", WRITING, ids=name_of)
def test_a_member_changes_what_he_made(world: World, call: Call) -> None:
    ben = world.member
    link = make(ben, teamId=world.team)
    given = {"type": "0", "code": "121145523322155", "trackerId": "635a1844172e000047005862"}
    ben.ask("entity/link/create-tracker", linkId=link, **given)
    [tracker] = ben.ask("entity/link/tracker/list", linkId=link)["linkTracker"]
    own = {"linkId": link, "linkTrackerId": tracker["id"]}
    good = world.good(call)
    ben.ask(call.name, **{name: own.get(name, value) for name, value in good.items()})


@pytest.mark.parametrize("call", ONE_LINK, ids=name_of)
def test_an_admin_may_do_all(world: World, call: Call) -> None:
    world.admin().ask(call.name, **world.good(call))


@pytest.mark.parametrize("call", READING, ids=name_of)
def test_a_member_sees_all(world: World, call: Call) -> None:
    assert world.member.ask(call.name, **world.good(call)).keys()


@pytest.mark.parametrize("call", ONE_LINK, ids=name_of)
def test_a_stranger_is_told_that_there_is_nothing(world: World, call: Call) -> None:
    good = world.good(call)
    rows = everything(world.app)
    answers = []
    for number in (UNKNOWN, "f" * 24, "0" * 24, None):
        ids = {} if number is None else {"linkId": number, "linkTrackerId": number}
        inputs = {name: ids.get(name, value) for name, value in good.items()}
        answers.append(checked(world.stranger.send(call.name, **inputs))["status"])
    assert [answer["code"] for answer in answers] == [404] * 4
    assert len({answer["message"] for answer in answers}) == 1
    assert everything(world.app) == rows


def test_who_leaves_a_team_has_no_part_in_its_links(ann: Client, ben: Client) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    link = make(ben, teamId=team)
    ben.leave(team)
    assert ben.denied("entity/link/update", linkId=link, title="Mine") == 404
    assert ben.ask("entity/link/list")["total"] == 0
    ann.ask("entity/link/update", linkId=link, title="Ours")


class TestOtherApis:
    def test_a_link_of_v1_is_an_entry_of_v2(self, ann: Client) -> None:
        link = make(ann)
        row = shown(ann, link)
        entry = ann.entry(row["url"])
        assert (link_hex_id(entry["id"]), entry["url"]) == (link, MAIN)
        assert entry["shorturl"] == row["url"]
        ann.ask("entity/link/expiration", linkId=link, click=7)
        assert ann.entry(row["url"])["expiration_count"] == 7
        new = row["url"].rpartition("/")[0] + "/Moved123"
        ann.call("change_shorturl", shorturl_old=row["url"], shorturl_new=new)
        assert shown(ann, link)["url"] == new
        ann.call("delete", shorturl=new)
        assert ann.denied("entity/link/update", linkId=link) == 404

    def test_an_entry_of_v2_is_a_link_of_v1(self, ann: Client) -> None:
        entry = ann.shorten("https://plain.example/")
        link = link_hex_id(entry["id"])
        row = shown(ann, link)
        assert (row["url"], row["destination"]) == (entry["shorturl"], "https://plain.example/")
        assert (row["title"], row["teamId"]) == ("https://plain.example/", ann.own_team)
        ann.ask("entity/link/redirect", linkId=link, destination=OTHER, utmSource="mail")
        assert goes(ann, link) == f"{OTHER}?utm_source=mail"
        assert ann.entry(entry["shorturl"])["url"] == OTHER
        ann.ask("entity/link/update", linkId=link, code="ab")
        short = entry["shorturl"].rpartition("/")[0] + "/ab"
        assert ann.entry(short)["id"] == entry["id"]
        ann.ask("entity/link/delete", linkId=link)
        assert ann.refused("get_entry", shorturl=short)["code"] == "entry_not_found"

    def test_plugin_data_is_the_same(self, ann: Client) -> None:
        link = make(ann)
        url = shown(ann, link)["url"]
        ann.ask("entity/link/redirect-mobile", linkId=link, ios=OTHER)
        assert ann.call("get_plugin", shorturl=url, plugin="mobile")["data"] == {"ios": OTHER}
        ann.call("set_plugin", shorturl=url, plugin="mobile", data={"android": OTHER})
        ann.ask("entity/link/redirect-mobile", linkId=link, mobile="https://mobile.example/")
        assert goes(ann, link, user_agent=AGENTS["android phone"]) == OTHER
        assert goes(ann, link, user_agent=AGENTS["iphone"]) == "https://mobile.example/"
        ann.ask("entity/link/testing", linkId=link, testing=[{"link": OTHER, "percentage": 5}])
        variants = [{"url": OTHER, "weight": 5}]
        data = ann.call("get_plugin", shorturl=url, plugin="ab")["data"]
        assert data == {"variants": variants}

    def test_clicks_are_the_same(self, ann: Client) -> None:
        link = make(ann)
        url = shown(ann, link)["url"]
        for _ in range(3):
            ann.app.visit(url)
        assert ann.entry(url)["count"] == 3
        assert ann.call("get_stats", shorturl=url)["total"] == 3
        [day] = ann.ask("entity/link/analytics", linkId=link)["metricsMap"]["9"]
        assert day["count"] == 3

    def test_a_file_is_listed_and_stays_one(self, ann: Client) -> None:
        app = ann.app
        short = app.new_file(filename="note.txt")
        # The account that the file is of signs up.
        signup = {"email": "dan@nowhere.example", "username": "dan", "password": "ab" * 32}
        token = app.call("signup", userid=app.userid, **signup)["token"]
        dan = Client(app, app.userid, token)
        [row] = dan.ask("entity/link/list")["links"]
        assert (row["url"], row["destination"]) == (short, "note.txt")
        status = refused(dan.send("entity/link/redirect", linkId=row["id"], destination=OTHER))
        assert (status["code"], status["message"]) == (
            400,
            "destination: A file's link leads to the file.",
        )
        dan.ask("entity/link/update", linkId=row["id"], title="A note")
        assert shown(dan, row["id"])["title"] == "A note"
