"""Each role against each action of a team's page: what is shown, and what is done when it is sent
by hand."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.api.v2.envelopes import everything
from tests.web.teams.world import DOMAIN, UNKNOWN, World, offers

OWNER, ADMIN, MEMBER = "ann", "adam", "ben"
ROLES = (OWNER, ADMIN, MEMBER)
LEADING = (OWNER, ADMIN)


class Action(NamedTuple):
    path: str
    form: dict[str, str]
    allowed: tuple[str, ...] = LEADING
    elsewhere: bool = False
    """It leads to the list of teams."""


ACTIONS = {
    "rename": Action("/name", {"name": "Store", "code": "store"}),
    "invite": Action("/invite", {"guest": "eva@nowhere.example", "role": "member"}),
    "invite an admin": Action("/invite", {"guest": "cat", "role": "admin"}, (OWNER,)),
    "invite an owner": Action("/invite", {"guest": "cat", "role": "owner"}, (OWNER,)),
    "withdraw": Action("/withdraw", {"invitation": "#"}),
    "raise a member": Action("/members/role", {"userid": "@bob", "role": "admin"}, (OWNER,)),
    "lower an admin": Action("/members/role", {"userid": "@eve", "role": "member"}, (OWNER,)),
    "make another owner": Action("/members/role", {"userid": "@eve", "role": "owner"}, (OWNER,)),
    "remove a member": Action("/members/remove", {"userid": "@bob"}),
    "let his links go": Action("/members/remove", {"userid": "@bob", "keep_links": "on"}, (OWNER,)),
    "remove an admin": Action("/members/remove", {"userid": "@eve"}, (OWNER,)),
    "make a campaign": Action("/campaigns", {"name": "Winter", "code": ""}),
    "change a campaign": Action("/campaigns/change", {"campaign": "#", "name": "W", "code": "w"}),
    "end a campaign": Action("/campaigns/end", {"campaign": "#"}),
    "claim a domain": Action("/domains", {"domain": "links.example.org"}),
    "look for a record": Action("/domains/look", {"domain": "#"}),
    "change what a domain does": Action("/domains/ways", {"domain": "#", "ignore_case": "on"}),
    "give a domain up": Action("/domains/end", {"domain": "#", "name": DOMAIN}),
    "keep a tracker": Action("/trackers", {"provider": "twitter", "code": "o1abc", "name": "T"}),
    "change a tracker": Action(
        "/trackers/change", {"tracker": "#", "provider": "twitter", "code": "o1abc", "name": "T"}
    ),
    "forget a tracker": Action("/trackers/end", {"tracker": "#"}),
    "delete": Action("/delete", {"name": "Shop"}, (OWNER,), elsewhere=True),
    "delete, and keep links": Action(
        "/delete", {"name": "Shop", "keep_links": "on"}, (OWNER,), elsewhere=True
    ),
    "leave": Action("/leave", {}, (ADMIN, MEMBER), elsewhere=True),
}
LAST_OWNER = "leave"
"""What an owner may when there is another: it is offered, and refused with why."""


def test_every_action_is_here(world: World) -> None:
    from tests.web.test_guard import actions

    ending = "/-/teams/{team:str}"
    found = {path.removeprefix(ending) for path in actions(world.app) if path.startswith(ending)}
    assert found == {action.path for action in ACTIONS.values()}


@pytest.mark.parametrize(
    ("name", "who"), [(name, who) for name, one in ACTIONS.items() for who in one.allowed]
)
def test_what_a_role_may_is_shown_and_done(world: World, name: str, who: str) -> None:
    world.prove()
    action, surfer = ACTIONS[name], world.people[who]
    form = world.filled(action.form)
    assert offers(surfer.get(world.path).text, world.path + action.path, form)
    rows = everything(world.app)
    answer = surfer.send(world.path + action.path, form)
    assert answer.status_code == 303, answer.text
    page = surfer.follow(answer)
    assert page.status_code == 200
    assert answer.headers["location"].partition("#")[0] == (
        "/-/teams" if action.elsewhere else world.path
    )
    assert everything(world.app) != rows


@pytest.mark.parametrize("who", ROLES)
def test_what_a_role_may_not_is_neither_shown_nor_done(world: World, who: str) -> None:
    world.prove()
    surfer = world.people[who]
    page, rows = surfer.get(world.path).text, everything(world.app)
    for name, action in ACTIONS.items():
        if who in action.allowed or (who == OWNER and name == LAST_OWNER):
            continue
        form = world.filled(action.form)
        assert not offers(page, world.path + action.path, form), name
        answer = surfer.send(world.path + action.path, form)
        assert answer.status_code == 403, name
        assert "Your role in the team does not allow this." in answer.text
        assert everything(world.app) == rows, name


def test_strangers_cannot_tell_a_team_from_none(world: World) -> None:
    world.prove()
    stranger, rows = world.people["cat"], everything(world.app)
    for path in (world.path, f"/-/teams/{UNKNOWN}", "/-/teams/x", "/-/teams/invitations"):
        answer = stranger.get(path)
        assert answer.status_code == 404
        assert "Shop" not in answer.text
    for name, action in ACTIONS.items():
        form = world.filled(action.form)
        known = stranger.send(world.path + action.path, form)
        unknown = stranger.send(f"/-/teams/{UNKNOWN}{action.path}", form)
        assert known.status_code == unknown.status_code == 404, name
        assert known.text == unknown.text
    assert everything(world.app) == rows


def test_a_team_of_ones_own_opens_no_other(world: World) -> None:
    """Things of another team, named at the address of one that he leads."""
    stranger = world.people["cat"]
    own = stranger.send("/-/teams", {"name": "Bakery"}).headers["location"]
    rows = everything(world.app)
    for name, action in ACTIONS.items():
        if not any(value.startswith(("#", "@")) for value in action.form.values()):
            continue
        answer = stranger.send(own + action.path, world.filled(action.form))
        assert answer.status_code == 422, name
        assert 'role="alert"' in answer.text and "Summer" not in answer.text
        assert everything(world.app) == rows, name


def test_who_has_not_signed_in_does_so_first(world: World) -> None:
    from tests.web.surfer import Surfer

    nobody = Surfer(world.app)
    for path in ("/-/teams", world.path):
        answer = nobody.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/-/login?next=%2F-%2Fteams")
    nobody.send("/-/new", {"url": "https://example.org/"})
    assert nobody.get("/-/teams").status_code == 303, "what is made without an account has no team"
    rows = everything(world.app)
    for action in ACTIONS.values():
        nobody.send(world.path + action.path, world.filled(action.form))
    assert everything(world.app) == rows


def test_the_last_owner_is_told_why_he_stays(world: World) -> None:
    answer = world.owner.send(f"{world.path}/leave")
    assert answer.status_code == 422
    assert "make somebody else one first" in answer.text
    form = {"userid": world.userid("ann"), "role": "member"}
    assert world.owner.send(f"{world.path}/members/role", form).status_code == 422
    world.owner.send(f"{world.path}/members/role", {"userid": world.userid("eve"), "role": "owner"})
    assert world.owner.send(f"{world.path}/leave").status_code == 303
    assert world.owner.get(world.path).status_code == 404


def test_an_own_team_has_one_owner_and_no_end(world: World) -> None:
    bob = world.people["bob"]
    page = bob.get("/-/teams").text
    own = page[page.index("/-/teams/") :].partition('"')[0]
    assert "Your own team" in page
    shown = bob.get(own).text
    for action in ("leave", "delete"):
        assert not offers(shown, f"{own}/{action}", {})
        assert bob.send(f"{own}/{action}", {"name": "bob"}).status_code == 422
    assert offers(shown, f"{own}/invite", {"role": "admin"})
    assert not offers(shown, f"{own}/invite", {"role": "owner"})
    form = {"guest": "cat", "role": "owner"}
    assert bob.send(f"{own}/invite", form).status_code == 422
    assert bob.send(f"{own}/invite", {**form, "role": "admin"}).status_code == 303
