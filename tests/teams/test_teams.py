"""Teams: the own one from the beginning, others made, named, listed and ended."""

from __future__ import annotations

import hashlib

import pytest

from shortd import errors
from shortd.models.teams import Role
from shortd.store.schema import TEAMS
from shortd.teams import TEAMS_PER_ACCOUNT
from shortd.testing import RunningApp
from tests.api.v2.people import temporary
from tests.teams.people import Colleague, Newcomer, refused, sound


def own_id(somebody: Colleague) -> str:
    return hashlib.sha256(b"team:" + somebody.userid.encode()).digest()[:12].hex()


def test_everybody_has_a_team_of_their_own(ann: Colleague) -> None:
    ann.shorten()
    [own] = ann.teams()
    assert own.id == own_id(ann)
    assert (own.name, own.role, own.members, own.links, own.is_own) == (
        "ann",
        Role.OWNER,
        1,
        1,
        True,
    )
    assert own.code == f"team-{own.id[:12]}"
    assert own.join_utime == ann.account.create_utime
    with ann.app.services.store.read() as txn:
        assert TEAMS.count(txn) == 0, "nothing is stored of it"


def test_a_team_is_made_with_a_code_from_its_name(ann: Colleague) -> None:
    team = ann.found("Flash Säle 2026!")
    assert len(team.id) == 24 and int(team.id, 16) >= 0
    assert team.code == "flash-s-le-2026"
    own, made = ann.teams()
    assert (own.is_own, made.id, made.role, made.members, made.links) == (
        True,
        team.id,
        Role.OWNER,
        1,
        0,
    )


def test_codes_are_unique(ann: Colleague, ben: Colleague) -> None:
    first = ann.found("Shop")
    second = ben.found("Shop")
    assert (first.code, second.code) == ("shop", f"shop-{second.id[:8]}")
    with refused(errors.TEAM_CODE_TAKEN):
        ben.found("Other", code="shop")


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "\u202eabc"])
def test_bad_names_are_refused(ann: Colleague, name: str) -> None:
    with refused(errors.INVALID_FIELD):
        ann.found(name)
    assert len(ann.teams()) == 1


@pytest.mark.parametrize("code", ["", "A", "-a", "a b", "x" * 33, "ä", "team-0123456789ab"])
def test_bad_codes_are_refused(ann: Colleague, code: str) -> None:
    with refused(errors.INVALID_FIELD):
        ann.found("Shop", code=code)


def test_owners_and_admins_rename_a_team(ann: Colleague, ben: Colleague, cat: Colleague) -> None:
    team = ann.found()
    ann.hire(team.id, ben, Role.ADMIN)
    ann.hire(team.id, cat)
    teams = ann.app.services.teams.teams
    assert ben.do(teams.update(ben.account, team.id, name="Store", code="store")).name == "Store"
    with refused(errors.FORBIDDEN):
        cat.do(teams.update(cat.account, team.id, name="Mine"))
    assert teams.get(cat.account, team.id).code == "store"


def test_the_own_team_can_be_renamed_but_not_ended(ann: Colleague) -> None:
    teams = ann.app.services.teams.teams
    own = own_id(ann)
    ann.do(teams.update(ann.account, own, name="Ann & Co", code="annco"))
    [view] = ann.teams()
    assert (view.id, view.name, view.code, view.is_own) == (own, "Ann & Co", "annco", True)
    with refused(errors.OWN_TEAM):
        ann.do(teams.delete(ann.account, own))
    assert sound(ann.app)


def test_others_teams_do_not_exist(ann: Colleague, ben: Colleague) -> None:
    team = ann.found()
    teams = ben.app.services.teams.teams
    for unseen in (team.id, own_id(ann), "0" * 24, "nonsense"):
        with refused(errors.TEAM_NOT_FOUND):
            teams.get(ben.account, unseen)
        with refused(errors.TEAM_NOT_FOUND):
            ben.do(teams.update(ben.account, unseen, name="x"))
        with refused(errors.TEAM_NOT_FOUND):
            ben.do(teams.delete(ben.account, unseen))


def test_a_team_with_links_is_not_ended_by_accident(ann: Colleague) -> None:
    team = ann.found()
    link = ann.link(team.id)
    teams = ann.app.services.teams.teams
    with refused(errors.TEAM_NOT_EMPTY):
        ann.do(teams.delete(ann.account, team.id))
    ann.call("delete", shorturl=ann.short_url(link))
    ann.do(teams.delete(ann.account, team.id))
    assert [view.is_own for view in ann.teams()] == [True]
    assert sound(ann.app)


def test_links_that_are_kept_go_home_to_who_made_them(ann: Colleague, ben: Colleague) -> None:
    team = ann.found()
    ann.hire(team.id, ben)
    campaigns = ann.app.services.teams.campaigns
    campaign = ann.do(campaigns.create(ann.account, team.id, "Sale", None, ann.now))
    anns, bens = ann.link(team.id), ben.link(team.id, campaign=campaign.id)
    with refused(errors.FORBIDDEN):
        ben.do(ben.app.services.teams.teams.delete(ben.account, team.id, keep_links=True))
    ann.do(ann.app.services.teams.teams.delete(ann.account, team.id, keep_links=True))
    assert (ann.sees(anns), ann.sees(bens)) == (True, False)
    assert (ben.sees(anns), ben.sees(bens)) == (False, True)
    assert [view.links for view in (*ann.teams(), *ben.teams())] == [1, 1]
    assert sound(ann.app)


def test_many_links_go_home_in_pieces(ann: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shortd.store.portions.ROWS_PER_WRITE", 3)
    team = ann.found()
    for _ in range(10):
        ann.link(team.id)
    ann.do(ann.app.services.teams.teams.delete(ann.account, team.id, keep_links=True))
    assert [view.links for view in ann.teams()] == [10]
    assert sound(ann.app)


def test_temporary_accounts_make_no_teams(app: RunningApp) -> None:
    guest = Colleague(app, temporary(app).userid)
    with refused(errors.NOT_REGISTERED):
        guest.found()
    with refused(errors.NOT_REGISTERED):
        guest.do(app.services.teams.teams.update(guest.account, own_id(guest), name="x"))


def test_an_account_is_in_so_many_teams(
    newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TEAMS_PER_ACCOUNT == 100
    monkeypatch.setattr("shortd.teams.teams.TEAMS_PER_ACCOUNT", 2)
    ann, ben = newcomer("ann"), newcomer("ben")
    ann.found()
    ann.found()
    with refused(errors.QUOTA_EXCEEDED):
        ann.found()
    with refused(errors.QUOTA_EXCEEDED):
        ben.hire(ben.found().id, ann)
