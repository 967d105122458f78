"""Members: invited, joined, promoted, leaving; what becomes of a team whose owner goes."""

from __future__ import annotations

import json

import pytest

from shortd import errors
from shortd.clock import DAY, SECOND
from shortd.ids import own_team_id
from shortd.models.teams import Role
from shortd.store.schema import DOMAINS, INVITATIONS, MEMBERS, TEAMS
from shortd.teams.invitations import INVITATION_DAYS, Invitations
from shortd.teams.members import Members
from shortd.testing import RunningApp
from shortd.upkeep.administration import Changes
from tests.teams.people import Colleague, Newcomer, refused, sound


@pytest.fixture
def members(app: RunningApp) -> Members:
    return app.services.teams.members


@pytest.fixture
def invitations(app: RunningApp) -> Invitations:
    return app.services.teams.invitations


def roles(somebody: Colleague, team: str) -> dict[str, Role]:
    found = somebody.app.services.teams.members.of_team(somebody.account, team)
    return {view.username: view.role for view in found}


def test_who_is_invited_and_accepts_is_in(
    ann: Colleague, ben: Colleague, invitations: Invitations
) -> None:
    team = ann.found("Shop")
    ann.do(invitations.invite(ann.account, team.id, "BEN", Role.ADMIN, ann.now))
    assert roles(ann, team.id) == {"ann": Role.OWNER}
    [offer] = invitations.of_guest(ben.account, ben.now)
    assert (offer.team, offer.team_name, offer.role, offer.guest) == (
        team.id,
        "Shop",
        Role.ADMIN,
        "ben",
    )
    assert invitations.of_team(ann.account, team.id, ann.now) == [offer]
    ben.do(invitations.accept(ben.account, offer.id, ben.now))
    assert roles(ben, team.id) == {"ann": Role.OWNER, "ben": Role.ADMIN}
    assert invitations.of_guest(ben.account, ben.now) == []
    assert [view.members for view in ann.teams()] == [1, 2]
    assert ben.teams()[1].join_utime == ben.now - SECOND
    assert sound(ann.app)


def test_an_address_has_to_be_verified(
    ann: Colleague, ben: Colleague, invitations: Invitations
) -> None:
    """Anybody can sign up with an address that is not theirs: to them there is no invitation."""
    team = ann.found()
    offer = ann.do(
        invitations.invite(ann.account, team.id, " Ben@NOWHERE.example", Role.MEMBER, ann.now)
    )
    assert invitations.of_guest(ben.account, ben.now) == []
    for answer in (invitations.accept, invitations.decline):
        with refused(errors.INVITATION_NOT_FOUND):
            ben.do(answer(ben.account, offer.id, ben.now))
    verify(ben)
    assert invitations.of_guest(ben.account, ben.now) == [offer]
    ben.do(invitations.accept(ben.account, offer.id, ben.now))
    assert roles(ann, team.id)["ben"] == Role.MEMBER


def verify(somebody: Colleague) -> None:
    administration = somebody.app.services.upkeep.administration
    somebody.do(administration.change(somebody.userid, Changes(verified=True)))


def test_an_address_may_be_nobodys_yet(
    ann: Colleague, newcomer: Newcomer, invitations: Invitations
) -> None:
    team = ann.found()
    ann.do(invitations.invite(ann.account, team.id, "dan@nowhere.example", Role.MEMBER, ann.now))
    dan = newcomer("dan")
    verify(dan)
    assert len(invitations.of_guest(dan.account, ann.now)) == 1


@pytest.mark.parametrize("guest", ["ben", "ben@nowhere.example"])
def test_nobody_has_to_turn_down_more_than_so_many(
    newcomer: Newcomer, ann: Colleague, ben: Colleague, invitations: Invitations, guest: str
) -> None:
    verify(ben)

    def invited_by(somebody: Colleague) -> int:
        done = 0
        with refused(errors.QUOTA_EXCEEDED):
            for _ in range(200):
                team = somebody.found().id
                offer = invitations.invite(somebody.account, team, guest, Role.MEMBER, somebody.now)
                somebody.do(offer)
                done += 1
        return done

    assert [invited_by(newcomer(f"inviter{number}")) for number in range(6)] == [20] * 5 + [0]
    waiting = invitations.of_guest(ben.account, ben.now)
    assert len(waiting) == 100
    for offer in waiting[:30]:
        ben.do(invitations.decline(ben.account, offer.id, ben.now))
    assert invited_by(ann) == 20
    # Another one in the place of an earlier of the same team is no more to answer.
    team = ann.found().id
    with refused(errors.QUOTA_EXCEEDED):
        ann.do(invitations.invite(ann.account, team, guest, Role.MEMBER, ann.now))
    ann.app.clock.advance(INVITATION_DAYS * DAY / SECOND)
    assert invited_by(ann) == 20


def test_plain_members_see_no_addresses_of_others(
    ann: Colleague, ben: Colleague, cat: Colleague, members: Members, invitations: Invitations
) -> None:
    team = ann.found().id
    ann.hire(team, ben, Role.ADMIN)
    ann.hire(team, cat)
    for guest in ("dan@nowhere.example", "Eve@nowhere.example"):
        ann.do(invitations.invite(ann.account, team, guest, Role.MEMBER, ann.now))

    def seen_by(somebody: Colleague | None) -> tuple[list[str], list[str]]:
        actor = None if somebody is None else somebody.account
        views = members.of_team(actor, team)
        assert [view.username for view in views] == ["ann", "ben", "cat"]
        offers = invitations.of_team(actor, team, ann.now)
        return [view.email for view in views], [offer.guest for offer in offers]

    everything = (
        ["ann@nowhere.example", "ben@nowhere.example", "cat@nowhere.example"],
        ["dan@nowhere.example", "eve@nowhere.example"],
    )
    for somebody in (ann, ben, None):
        emails, guests = seen_by(somebody)
        assert (emails, sorted(guests)) == everything
    assert seen_by(cat) == (["", "", "cat@nowhere.example"], ["", ""])


def test_invitations_end(ann: Colleague, ben: Colleague, invitations: Invitations) -> None:
    team = ann.found()
    offer = ann.do(invitations.invite(ann.account, team.id, "ben", Role.MEMBER, ann.now))
    ann.app.clock.advance(INVITATION_DAYS * DAY / SECOND)
    assert invitations.of_guest(ben.account, ben.now) == []
    with refused(errors.INVITATION_NOT_FOUND):
        ben.do(invitations.accept(ben.account, offer.id, ben.now))
    ann.app.sweep()
    with ann.app.services.store.read() as txn:
        assert INVITATIONS.count(txn) == 0


def test_invitations_are_declined_withdrawn_and_replaced(
    ann: Colleague, ben: Colleague, cat: Colleague, invitations: Invitations
) -> None:
    team = ann.found()
    first = ann.do(invitations.invite(ann.account, team.id, "ben", Role.MEMBER, ann.now))
    second = ann.do(invitations.invite(ann.account, team.id, "ben", Role.ADMIN, ann.now))
    assert [offer.id for offer in invitations.of_guest(ben.account, ben.now)] == [second.id]
    for stranger in (cat, ann):
        with refused(errors.INVITATION_NOT_FOUND):
            stranger.do(invitations.accept(stranger.account, second.id, ann.now))
    with refused(errors.INVITATION_NOT_FOUND):
        ben.do(invitations.accept(ben.account, first.id, ben.now))
    ben.do(invitations.decline(ben.account, second.id, ben.now))
    third = ann.do(invitations.invite(ann.account, team.id, "ben", Role.MEMBER, ann.now))
    with refused(errors.INVITATION_NOT_FOUND):
        cat.do(invitations.withdraw(cat.account, third.id))
    ann.do(invitations.withdraw(ann.account, third.id))
    assert invitations.of_guest(ben.account, ben.now) == []


def test_who_cannot_be_invited(ann: Colleague, ben: Colleague, invitations: Invitations) -> None:
    team = ann.found()
    ann.hire(team.id, ben)
    for guest, kind in {
        "nobody": errors.ACCOUNT_NOT_FOUND,
        "": errors.ACCOUNT_NOT_FOUND,
        "no@@address": errors.INVALID_FIELD,
        "ben": errors.ALREADY_MEMBER,
        "ann": errors.ALREADY_MEMBER,
    }.items():
        with refused(kind):
            ann.do(invitations.invite(ann.account, team.id, guest, Role.MEMBER, ann.now))


def test_admins_manage_members_alone(
    ann: Colleague,
    ben: Colleague,
    cat: Colleague,
    newcomer: Newcomer,
    members: Members,
    invitations: Invitations,
) -> None:
    team = ann.found().id
    dan = newcomer("dan")
    ann.hire(team, ben, Role.ADMIN)
    ben.hire(team, cat)
    for role in (Role.ADMIN, Role.OWNER):
        with refused(errors.FORBIDDEN):
            ben.do(invitations.invite(ben.account, team, "dan", role, ben.now))
        with refused(errors.FORBIDDEN):
            ben.do(members.set_role(ben.account, team, cat.userid, role))
    with refused(errors.FORBIDDEN):
        ben.do(members.remove(ben.account, team, ann.userid))
    for work in (
        invitations.invite(cat.account, team, "dan", Role.MEMBER, cat.now),
        members.set_role(cat.account, team, cat.userid, Role.OWNER),
        members.remove(cat.account, team, ben.userid),
    ):
        with refused(errors.FORBIDDEN):
            cat.do(work)
    with refused(errors.TEAM_NOT_FOUND):
        members.of_team(dan.account, team)
    ben.do(members.remove(ben.account, team, cat.userid))
    assert roles(ann, team) == {"ann": Role.OWNER, "ben": Role.ADMIN}
    with refused(errors.MEMBER_NOT_FOUND):
        ben.do(members.remove(ben.account, team, cat.userid))


def test_the_last_owner_cannot_leave(ann: Colleague, ben: Colleague, members: Members) -> None:
    team = ann.found().id
    ann.hire(team, ben, Role.ADMIN)
    with refused(errors.LAST_OWNER):
        ann.leave(team)
    with refused(errors.LAST_OWNER):
        ann.do(members.set_role(ann.account, team, ann.userid, Role.MEMBER))
    ann.do(members.set_role(ann.account, team, ben.userid, Role.OWNER))
    ann.leave(team)
    assert roles(ben, team) == {"ben": Role.OWNER}
    assert [view.is_own for view in ann.teams()] == [True]
    assert sound(ann.app)


def test_an_own_team_has_members_but_one_owner(
    ann: Colleague, ben: Colleague, members: Members, invitations: Invitations
) -> None:
    own = own_team_id(ann.userid)
    with refused(errors.OWN_TEAM):
        ann.do(invitations.invite(ann.account, own, "ben", Role.OWNER, ann.now))
    ann.hire(own, ben, Role.ADMIN)
    assert roles(ben, own) == {"ann": Role.OWNER, "ben": Role.ADMIN}
    assert [view.members for view in ann.teams()] == [2]
    with refused(errors.OWN_TEAM):
        ann.do(members.set_role(ann.account, own, ben.userid, Role.OWNER))
    for actor in (ann, ben):
        with refused(errors.OWN_TEAM):
            actor.do(members.remove(actor.account, own, ann.userid))
    ben.leave(own)
    assert roles(ann, own) == {"ann": Role.OWNER}
    assert sound(ann.app)


def test_an_owner_lets_links_go_with_who_made_them(
    ann: Colleague, ben: Colleague, cat: Colleague, members: Members
) -> None:
    team = ann.found().id
    ann.hire(team, ben, Role.ADMIN)
    ann.hire(team, cat)
    services = ann.app.services
    domains, campaigns = services.teams.domains, services.teams.campaigns
    claimed = ann.do(domains.subscribe(ann.account, team, "go.shop.example", ann.now))
    ann.app.records[claimed.record] = [claimed.text]
    ann.do(domains.verify(ann.account, claimed.id, ann.now))
    summer = ann.do(campaigns.create(ann.account, team, "Summer", None, ann.now))
    for host in domains.hosts(cat.account, team):
        cat.link(team, host=host.name)
    plain = cat.link(team, campaign=summer.id)
    there = cat.link(host="go.shop.example:8080")
    with refused(errors.FORBIDDEN):
        ben.do(members.remove(ben.account, team, cat.userid, keep_links=True))
    with refused(errors.FORBIDDEN):
        cat.do(members.remove(cat.account, team, cat.userid, keep_links=True))
    ann.do(members.remove(ann.account, team, cat.userid, keep_links=True))
    assert roles(ann, team) == {"ann": Role.OWNER, "ben": Role.ADMIN}
    kept, stays = (
        services.links.links.get(who.account, link.id) for who, link in ((cat, plain), (ann, there))
    )
    assert (kept.owner, kept.rare) == (cat.userid, None)
    assert stays.owner == ann.userid and stays.rare is not None and stays.rare.team == team
    assert not cat.sees(there) and not ann.sees(plain)
    assert [view.links for view in ann.teams()] == [0, 2]
    assert [view.links for view in cat.teams()] == [2]
    assert sound(ann.app)


def test_members_are_read_some_at_a_time(
    ann: Colleague, ben: Colleague, cat: Colleague, members: Members
) -> None:
    own = own_team_id(ann.userid)
    for guest in (ben, cat):
        ann.hire(own, guest)
    seen = [
        [view.username for view in members.of_team(ann.account, own, start, 2)]
        for start in (0, 2, 4)
    ]
    assert seen == [["ann", "ben"], ["cat"], []]


def test_who_leaves_leaves_his_links_to_an_owner(
    ann: Colleague, ben: Colleague, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.store.portions.ROWS_PER_WRITE", 2)
    team = ann.found().id
    ann.hire(team, ben)
    made = [ben.link(team) for _ in range(5)]
    private = ben.link()
    ben.leave(team)
    assert [ben.sees(link) for link in made] == [False] * 5
    assert ben.sees(private)
    owners = {ann.app.services.links.links.get(ann.account, link.id).owner for link in made}
    assert owners == {ann.userid}
    assert [view.links for view in ann.teams()] == [0, 5]
    assert ann.app.get(ann.short_url(made[0])).status_code == 302
    assert sound(ann.app)


def test_links_left_in_an_own_team_become_its_accounts_own(ann: Colleague, ben: Colleague) -> None:
    own = own_team_id(ann.userid)
    ann.hire(own, ben)
    link = ben.link(own)
    assert link.rare is not None and link.rare.team == own
    ben.leave(own)
    left = ann.app.services.links.links.get(ann.account, link.id)
    assert (left.owner, left.rare) == (ann.userid, None)
    assert sound(ann.app)


def test_files_left_to_an_owner_are_charged_to_him(ann: Colleague, ben: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    app = ann.app
    ann.do(app.services.teams.domains.confirm(team, "go.shop.example", ann.now))
    query = {**ben.credentials, "filename": "a.txt", "filesize": 5, "host": "go.shop.example:8080"}
    body = (
        f'--xx\r\ncontent-disposition: form-data; name="query"\r\n\r\n{json.dumps(query)}\r\n'
        '--xx\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        "Hello\r\n--xx--\r\n"
    )
    answer = app.request(
        "POST",
        "/v2/file",
        content=body,
        headers={"content-type": "multipart/form-data; boundary=xx"},
    )
    assert answer.status_code == 200, answer.text
    ben.leave(team)
    assert sound(app), "who stores what is part of that"
    assert ann.entries()[0]["filesize"] == 5


def end(somebody: Colleague) -> None:
    app = somebody.app
    app.run(app.services.upkeep.administration.end(somebody.userid, app.clock.now()))


def test_a_team_whose_last_owner_goes_has_another(
    ann: Colleague, ben: Colleague, cat: Colleague
) -> None:
    """The admin who is in it longest, else the member."""
    team = ann.found().id
    ann.hire(team, ben)
    ann.hire(team, cat, Role.ADMIN)
    made = ann.link(team)
    end(ann)
    assert roles(ben, team) == {"ben": Role.MEMBER, "cat": Role.OWNER}
    assert cat.app.services.links.links.get(cat.account, made.id).owner == cat.userid
    end(cat)
    assert roles(ben, team) == {"ben": Role.OWNER}
    assert ben.sees(made)
    assert sound(ben.app)


def test_a_team_that_nobody_is_left_in_ends(
    ann: Colleague, ben: Colleague, invitations: Invitations
) -> None:
    app = ann.app
    team = ann.found().id
    ann.do(app.services.teams.domains.confirm(team, "go.shop.example", ann.now))
    ann.do(app.services.teams.campaigns.create(ann.account, team, "Sale", None, ann.now))
    ann.do(app.services.teams.invitations.invite(ann.account, team, "ben", Role.ADMIN, ann.now))
    link = ann.link(team, host="go.shop.example:8080")
    assert app.get(ann.short_url(link)).status_code == 302
    end(ann)
    assert app.get(f"http://go.shop.example:8080/{link.code}").status_code == 404
    assert app.services.teams.invitations.of_guest(ben.account, ben.now) == []
    with app.services.store.read() as txn:
        assert (TEAMS.count(txn), MEMBERS.count(txn)) == (0, 0)
        assert [row.status.value for _, row in DOMAINS.scan(txn)] == ["ended"]
    assert sound(app)


def test_what_others_made_for_an_own_team_goes_home(ann: Colleague, ben: Colleague) -> None:
    own = own_team_id(ann.userid)
    ann.hire(own, ben)
    link = ben.link(own)
    end(ann)
    assert ben.sees(link)
    assert ben.app.get(ben.short_url(link)).status_code == 302
    assert [view.links for view in ben.teams()] == [1]
    assert sound(ben.app)


def test_many_things_end_in_pieces(
    ann: Colleague, ben: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.store.portions.ROWS_PER_WRITE", 2)
    shared, lonely = ann.found().id, ann.found("Lonely").id
    ann.hire(shared, ben)
    ann.hire(own_team_id(ann.userid), ben)
    for _ in range(5):
        ann.link(shared)
        ann.link(lonely)
        ann.link()
        ben.link(own_team_id(ann.userid))
    end(ann)
    assert [view.links for view in ben.teams()] == [5, 5]
    assert len(ben.entries(count=100)) == 10
    assert sound(ben.app)
