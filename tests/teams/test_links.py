"""Who may see and change a link of a team, through the calls of ww7 v2."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shortd import errors
from shortd.ids import own_team_id
from shortd.models.links import RareTerms
from shortd.models.teams import Role
from shortd.store.schema import CAMPAIGNS, LINKS_BY_TEAM
from shortd.testing import open_app
from tests.conftest import GENEROUS
from tests.teams.people import Colleague, Newcomer, refused, sound


def test_roles_decide_who_sees_and_changes(
    ann: Colleague, ben: Colleague, cat: Colleague, newcomer: Newcomer
) -> None:
    dan, eve = newcomer("dan"), newcomer("eve")
    team = ann.found().id
    ann.hire(team, ben, Role.ADMIN)
    ann.hire(team, cat)
    ann.hire(team, dan)
    link = cat.link(team)
    assert [one.sees(link) for one in (ann, ben, cat, dan, eve)] == [True] * 4 + [False]
    assert [one.change(link) for one in (ann, ben, cat)] == [200] * 3
    forbidden = dan.refused("set_tag", shorturl=dan.short_url(link), tag=1)
    assert (forbidden["code"], forbidden["http_status"], forbidden["field"]) == (
        "forbidden",
        403,
        "shorturl",
    )
    assert eve.change(link) == 404


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        ("set_enabled", {"enabled": False}),
        ("set_tag", {"tag": 5}),
        ("set_expiration_count", {"expiration_count": 5}),
        ("set_plugin", {"plugin": "mobile", "data": None}),
        ("delete", {}),
    ],
)
def test_every_changing_call_asks_for_the_role(
    ann: Colleague, ben: Colleague, cat: Colleague, call: str, inputs: dict[str, object]
) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    link = ann.link(team)
    url = ann.short_url(link)
    assert ben.refused(call, shorturl=url, **inputs)["code"] == "forbidden"
    assert cat.refused(call, shorturl=url, **inputs)["code"] == "entry_not_found"
    ann.call(call, shorturl=url, **inputs)


def test_moving_asks_for_the_role(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    url = ann.short_url(ann.link(team))
    new = "127.0.0.1:8080/fanciest"
    assert ben.refused("change_shorturl", shorturl_old=url, shorturl_new=new)["code"] == "forbidden"
    ann.call("change_shorturl", shorturl_old=url, shorturl_new=new)
    assert ben.entry(new)["userid"] == ann.userid


@pytest.mark.parametrize("call", ["get_entry", "get_panels", "explain"])
def test_every_showing_call_shows_members(
    ann: Colleague, ben: Colleague, cat: Colleague, call: str
) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    url = ann.short_url(ann.link(team))
    ben.call(call, shorturl=url)
    assert cat.refused(call, shorturl=url)["code"] == "entry_not_found"


def test_members_of_an_own_team_see_its_links(ann: Colleague, ben: Colleague) -> None:
    before = ann.shorten()
    link = ann.link()
    assert not ben.sees(link)
    ann.hire(own_team_id(ann.userid), ben, Role.ADMIN)
    assert ben.sees(link)
    assert ben.change(link) == 200
    assert ben.entry(before["shorturl"])["id"] == before["id"]
    ben.leave(own_team_id(ann.userid))
    assert not ben.sees(link)


def test_lists_show_what_the_account_made(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    ann.link(team)
    made = [ben.link(team), ben.link()]
    assert [entry["id"] for entry in ben.entries(count=10)] == [link.id for link in made[::-1]]


def test_a_teams_code_is_not_taken_over(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    link = ben.link(team, code="MyCode1")
    for somebody in (ann, ben):
        answer = somebody.refused("url", url="https://example.org/", code="MyCode1")
        assert answer["code"] == "code_taken", "not even by who made it, for himself"
    assert ben.sees(link)
    again = ben.link(team, code="MyCode1")
    assert again.id != link.id
    assert sound(ann.app)


def test_links_are_made_for_teams_one_is_in(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    campaign = ann.do(
        ann.app.services.teams.campaigns.create(ann.account, team, "Sale", None, ann.now)
    ).id
    for unseen in (team, own_team_id(ann.userid), "0" * 24):
        with refused(errors.TEAM_NOT_FOUND):
            ben.link(unseen)
    with refused(errors.CAMPAIGN_NOT_FOUND):
        ann.link(campaign=campaign)
    with refused(errors.CAMPAIGN_NOT_FOUND):
        ann.link(team, campaign="0" * 24)
    assert ann.link(team, campaign=campaign).rare == RareTerms(team=team, campaign=campaign)
    assert ann.link(own_team_id(ann.userid)).rare is None
    assert ben.entries() == []


def test_who_made_a_teams_link_pays_for_its_visits(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    link = ben.link(team)
    budgets, now = ann.app.services.limits.budgets, ann.app.clock.now
    before = [budgets.link_balance(one.account, now()) for one in (ann, ben)]
    assert ann.app.get(ann.short_url(link)).status_code == 302
    after = [budgets.link_balance(one.account, now()) for one in (ann, ben)]
    assert [b - a for b, a in zip(before, after, strict=True)] == [0, 1000]


class TeamWork(RuleBasedStateMachine):
    """Whatever people do to teams, links and campaigns, what is stored agrees with itself, and
    the counts are those of the links that there are."""

    names = st.sampled_from(["ann", "ben", "cat"])

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.context = open_app(Path(self.directory.name), environ=GENEROUS)
        self.app = self.context.__enter__()
        self.people = {name: Newcomer(self.app)(name) for name in ("ann", "ben", "cat")}
        self.founded: list[str] = [own_team_id(one.userid) for one in self.people.values()]

    def teardown(self) -> None:
        self.context.__exit__(None, None, None)
        self.directory.cleanup()

    def attempt(self, function: Callable[[], object]) -> None:
        with suppress(errors.ShortdError):
            function()

    def team(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.founded))

    @rule(name=names)
    def found(self, name: str) -> None:
        self.founded.append(self.people[name].found().id)

    @rule(name=names, guest=names, role=st.sampled_from(Role), data=st.data())
    def hire(self, name: str, guest: str, role: Role, data: st.DataObject) -> None:
        person, team = self.people[name], self.team(data)
        self.attempt(lambda: person.hire(team, self.people[guest], role))

    @rule(name=names, data=st.data())
    def shorten(self, name: str, data: st.DataObject) -> None:
        person, team = self.people[name], self.team(data)
        with self.app.services.store.read() as txn:
            known = [row.id for _, row in CAMPAIGNS.scan(txn) if row.team == team]
        campaign = data.draw(st.sampled_from(["", *known]))
        self.attempt(lambda: person.link(team, campaign=campaign))

    @rule(name=names, data=st.data())
    def campaign(self, name: str, data: st.DataObject) -> None:
        person, team = self.people[name], self.team(data)
        campaigns = self.app.services.teams.campaigns
        self.attempt(
            lambda: person.do(campaigns.create(person.account, team, "Sale", None, person.now))
        )

    @rule(name=names, data=st.data())
    def end_campaign(self, name: str, data: st.DataObject) -> None:
        person = self.people[name]
        campaigns = self.app.services.teams.campaigns
        for view in campaigns.of_account(person.account, 0, 1).campaigns:
            self.attempt(lambda: person.do(campaigns.delete(person.account, view.id)))  # noqa: B023

    @rule(name=names, data=st.data())
    def leave(self, name: str, data: st.DataObject) -> None:
        person, team = self.people[name], self.team(data)
        self.attempt(lambda: person.leave(team))

    @rule(name=names, data=st.data(), keep=st.booleans())
    def end_team(self, name: str, data: st.DataObject, keep: bool) -> None:
        person, team = self.people[name], self.team(data)
        teams = self.app.services.teams.teams
        self.attempt(lambda: person.do(teams.delete(person.account, team, keep_links=keep)))

    @rule(name=names)
    def delete_newest(self, name: str) -> None:
        person = self.people[name]
        for entry in person.entries(count=1):
            person.post("delete", shorturl=entry["shorturl"])

    @rule(name=names)
    def go_and_come_back(self, name: str) -> None:
        person = self.people[name]
        self.app.run(
            self.app.services.upkeep.administration.end(person.userid, self.app.clock.now())
        )
        self.people[name] = Newcomer(self.app)(name)
        self.founded.append(own_team_id(self.people[name].userid))

    @invariant()
    def everything_agrees(self) -> None:
        assert sound(self.app)
        for person in self.people.values():
            for view in person.teams():
                with self.app.services.store.read() as txn:
                    others = len(list(LINKS_BY_TEAM.keys(txn, (view.id,))))
                assert view.links == others + sum(
                    not self._team_of(holder, entry["id"])
                    for holder in self.people.values()
                    if own_team_id(holder.userid) == view.id
                    for entry in holder.entries(count=1000)
                )

    def _team_of(self, person: Colleague, link_id: int) -> str:
        rare = self.app.services.links.links.get(person.account, link_id).rare
        return rare.team if rare else ""


def test_whatever_people_do_it_all_adds_up() -> None:
    run_state_machine_as_test(
        TeamWork, settings=settings(max_examples=12, stateful_step_count=30, deadline=None)
    )
