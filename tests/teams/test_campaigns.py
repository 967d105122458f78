"""Campaigns of teams, and how many links are in them."""

from __future__ import annotations

import pytest

from shortd import errors
from shortd.ids import own_team_id
from shortd.models.teams import Campaign, Role
from shortd.teams.campaigns import CampaignPage, Campaigns
from shortd.testing import RunningApp
from tests.teams.people import Colleague, refused, sound


@pytest.fixture
def campaigns(app: RunningApp) -> Campaigns:
    return app.services.teams.campaigns


def made(somebody: Colleague, team: str, name: str = "New year", **options: str) -> Campaign:
    code = options.get("code")
    campaigns = somebody.app.services.teams.campaigns
    return somebody.do(campaigns.create(somebody.account, team, name, code, somebody.now))


def ids(page: CampaignPage) -> list[str]:
    return [view.id for view in page.campaigns]


def test_a_campaign_counts_its_links(ann: Colleague, campaigns: Campaigns) -> None:
    team = ann.found().id
    campaign = made(ann, team)
    links = [ann.link(team, campaign=campaign.id) for _ in range(3)]
    ann.link(team)
    [view] = campaigns.of_team(ann.account, team).campaigns
    assert (view.id, view.code, view.name, view.links, view.team) == (
        campaign.id,
        "new-year",
        "New year",
        3,
        team,
    )
    ann.call("delete", shorturl=ann.short_url(links[0]))
    old, new = ann.short_url(links[1]), "127.0.0.1:8080/abcdef"
    ann.call("change_shorturl", shorturl_old=old, shorturl_new=new)
    assert campaigns.of_team(ann.account, team).campaigns[0].links == 2
    assert sound(ann.app)


def test_lists_are_by_team_or_of_all_teams(
    ann: Colleague, ben: Colleague, campaigns: Campaigns
) -> None:
    team, own = ann.found().id, own_team_id(ann.userid)
    first, second = made(ann, own), made(ann, team)
    ann.hire(team, ben)
    third = made(ben, own_team_id(ben.userid))
    assert ids(campaigns.of_account(ann.account, 0, 9)) == [first.id, second.id]
    assert ids(campaigns.of_account(ben.account, 0, 9)) == [third.id, second.id]
    with refused(errors.TEAM_NOT_FOUND):
        campaigns.of_team(ben.account, own)


def test_a_list_comes_in_pages(ann: Colleague, campaigns: Campaigns) -> None:
    """Wherever a page begins and ends, between teams and within one."""
    teams = sorted(ann.found(f"Team {number}").id for number in range(3))
    sizes = {own_team_id(ann.userid): 3, teams[0]: 1, teams[1]: 0, teams[2]: 4}
    whole = []
    for team, size in sizes.items():
        whole += [made(ann, team).id for _ in range(size)][::-1]
    for start in range(10):
        for count in range(10):
            page = campaigns.of_account(ann.account, start, count)
            assert (ids(page), page.total) == (whole[start : start + count], 8)
            page = campaigns.of_team(ann.account, teams[2], start, count)
            assert (ids(page), page.total) == (whole[4:][start : start + count], 4)


def test_codes_are_unique_within_a_team(ann: Colleague, campaigns: Campaigns) -> None:
    team = ann.found().id
    first, second = made(ann, team), made(ann, team)
    assert (first.code, second.code) == ("new-year", f"new-year-{second.id[:8]}")
    assert made(ann, own_team_id(ann.userid)).code == "new-year"
    with refused(errors.CAMPAIGN_CODE_TAKEN):
        made(ann, team, code="new-year")
    with refused(errors.CAMPAIGN_CODE_TAKEN):
        ann.do(campaigns.update(ann.account, second.id, code="new-year"))
    ann.do(campaigns.update(ann.account, first.id, name="Old year", code="new-year"))
    assert campaigns.of_team(ann.account, team).campaigns[1].name == "Old year"


def test_members_use_campaigns_that_admins_look_after(
    ann: Colleague, ben: Colleague, cat: Colleague, campaigns: Campaigns
) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    campaign = made(ann, team)
    ben.link(team, campaign=campaign.id)
    with refused(errors.FORBIDDEN):
        made(ben, team)
    with refused(errors.FORBIDDEN):
        ben.do(campaigns.delete(ben.account, campaign.id))
    for unseen in (campaign.id, "0" * 24):
        with refused(errors.CAMPAIGN_NOT_FOUND):
            cat.do(campaigns.update(cat.account, unseen, name="Mine"))
    ann.do(ann.app.services.teams.members.set_role(ann.account, team, ben.userid, Role.ADMIN))
    ben.do(campaigns.update(ben.account, campaign.id, name="Ben's"))


def test_links_of_a_campaign_that_ends_stay(
    ann: Colleague, campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.store.portions.ROWS_PER_WRITE", 2)
    team, own = ann.found().id, own_team_id(ann.userid)
    for place in (team, own):
        campaign = made(ann, place)
        links = [ann.link(place, campaign=campaign.id) for _ in range(5)]
        ann.do(campaigns.delete(ann.account, campaign.id))
        assert all(ann.sees(link) for link in links)
    assert campaigns.of_account(ann.account, 0, 9) == ([], 0)
    assert [view.links for view in ann.teams()] == [5, 5]
    left = ann.app.services.links.links.get(ann.account, links[0].id)
    assert left.rare is None, "nothing is left of them"
    assert sound(ann.app)
