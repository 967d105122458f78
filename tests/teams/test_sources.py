"""Where the links are that somebody sees: those of one team, or of all of them."""

from __future__ import annotations

from shortd import errors
from shortd.ids import own_team_id
from shortd.models.links import Link
from tests.teams.people import Colleague, refused


def seen(somebody: Colleague, team: str | None = None) -> list[Link]:
    search = somebody.app.services.links.search
    sources = search.of_account(somebody.account, team)
    found = somebody.do(search.page(sources, lambda link: True, start=0, count=100))
    assert found.total == len(found.links)
    return found.links


def test_a_team_has_its_members_links(ann: Colleague, ben: Colleague, cat: Colleague) -> None:
    team, other = ann.found().id, ann.found("Other").id
    ann.hire(team, ben)
    links = [ann.link(team), ben.link(team), ann.link(), ben.link(), ann.link(other)]
    assert seen(ben, team) == [links[1], links[0]]
    assert seen(ben) == [links[3], links[1], links[0]]
    assert seen(ann) == [links[4], links[2], links[1], links[0]]
    for stranger in (cat, ben):
        with refused(errors.TEAM_NOT_FOUND):
            seen(stranger, other)
    ben.leave(team)
    assert seen(ben) == [links[3]], "what he made for a team is the team's"


def test_an_own_team_has_what_its_owner_made_for_no_other(ann: Colleague, ben: Colleague) -> None:
    own, team = own_team_id(ann.userid), ann.found().id
    before, _ = ann.link(), ann.link(team)
    ann.hire(own, ben)
    guest = ben.link(own)
    assert seen(ann, own) == seen(ben, own) == [guest, before]
    assert seen(ben, own_team_id(ben.userid)) == []
    assert seen(ben) == [guest, before]
