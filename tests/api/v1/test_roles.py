"""Who may do what in a team, call by call: what is not yours looks as if it were not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.api.v1.registry import CALLS
from shortd.testing import open_app
from tests.api.v1.people import Client, checked
from tests.api.v1.samples import UNKNOWN, World
from tests.api.v2.envelopes import everything
from tests.conftest import GENEROUS

SEEING = {
    "entity/campaign/list": "teamId",
    "entity/domain/subscriptions": "teamId",
    "entity/team/member/list": "teamId",
    "entity/team/invitation/list": "teamId",
    "entity/team/tracker/list": "teamId",
}
"""What every member may, with the field that names the thing."""
MANAGING = {
    "entity/team/update": "teamId",
    "entity/team/member/add": "teamId",
    "entity/team/invitation/withdraw": "invitationId",
    "entity/campaign/create": "teamId",
    "entity/campaign/update": "campaignId",
    "entity/campaign/delete": "campaignId",
    "entity/domain/subscribe": "teamId",
    "entity/domain/verify": "domainId",
    "entity/domain/update": "domainId",
    "entity/domain/unsubscribe": "domainId",
    "entity/team/tracker/create": "teamId",
    "entity/team/tracker/update": "teamTrackerId",
    "entity/team/tracker/delete": "teamTrackerId",
}
"""What owners and admins may."""
OWNING = {"entity/team/delete": "teamId", "entity/team/member/update": "teamId"}
"""What owners may."""
THINGS = SEEING | MANAGING | OWNING
ELSEWHERE = {
    *("entity/team/list", "entity/team/create", "entity/tracker/list"),
    *("entity/team/invitation/accept", "entity/team/invitation/decline"),
}
"""Calls that are about no team of the caller's."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_app(tmp_path / "data", environ=GENEROUS) as app:
        yield World(app)


def code(world: World, who: Client, name: str, **inputs: str) -> int:
    """`status.code` of a call about the team and what it has."""
    body = world.good(CALLS[name])
    if THINGS[name] == "teamId":
        body["teamId"] = world.team
    number: int = checked(who.send(name, **{**body, **inputs}))["status"]["code"]
    return number


def test_every_call_about_a_team_is_here() -> None:
    about = {name for name in CALLS if not name.startswith(("authen/", "entity/link/"))}
    assert about - ELSEWHERE - {"entity/team/member/remove"} == THINGS.keys()


@pytest.mark.parametrize("name", THINGS)
def test_owners(world: World, name: str) -> None:
    assert code(world, world.owner, name) == 0


@pytest.mark.parametrize("name", THINGS)
def test_admins(world: World, name: str) -> None:
    assert code(world, world.admin(), name) == (403 if name in OWNING else 0)


@pytest.mark.parametrize("name", THINGS)
def test_members(world: World, name: str) -> None:
    rows = everything(world.app)
    assert code(world, world.member, name) == (0 if name in SEEING else 403)
    assert everything(world.app) == rows


@pytest.mark.parametrize("name", THINGS)
def test_strangers(world: World, name: str) -> None:
    """They cannot tell what is there from what is not."""
    rows = everything(world.app)
    body = world.good(CALLS[name])
    answers = []
    for thing in (world.team if THINGS[name] == "teamId" else body[THINGS[name]], UNKNOWN):
        answers.append(world.stranger.send(name, **{**body, THINGS[name]: thing}))
    assert checked(answers[0])["status"]["code"] == 404
    assert answers[0].content == answers[1].content
    assert everything(world.app) == rows


def test_admins_have_no_say_over_admins_and_owners(world: World) -> None:
    admin = world.admin()
    for role in ("admin", "owner"):
        assert code(world, admin, "entity/team/member/add", role=role) == 403
    remove = {"teamId": world.team, "userId": world.owner.userid}
    assert admin.denied("entity/team/member/remove", **remove) == 403
    assert world.stranger.denied("entity/team/member/remove", **remove) == 404
    assert world.owner.denied("entity/team/member/remove", **remove) == 409
    remove["userId"] = world.stranger.userid
    assert world.owner.denied("entity/team/member/remove", **remove) == 404
