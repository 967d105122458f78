"""Calls that are under way together and get into each other's way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tests.api.v1.people import Client, checked
from tests.api.v1.test_teams import invite, join, roles, team
from tests.api.v2.test_concurrency import send_all
from tests.teams.people import sound


def post(somebody: Client, name: str, /, **inputs: Any) -> httpx.Request:
    headers = {"authorization": f"Bearer {somebody.access_token}"}
    return httpx.Request("POST", f"http://127.0.0.1:8080/v1/{name}", json=inputs, headers=headers)


def at_once(somebody: Client, requests: list[httpx.Request]) -> Counter[int]:
    """How often there was which `status.code`."""
    return Counter(checked(one)["status"]["code"] for one in send_all(somebody.app, requests))


def test_one_guest_is_invited_again_and_again(ann: Client, ben: Client) -> None:
    shop = team(ann)
    request = post(ann, "entity/team/member/add", teamId=shop, member="ben")
    assert at_once(ann, [request] * 8) == {0: 8}
    assert ann.ask("entity/team/invitation/list", teamId=shop)["total"] == 1


def test_an_invitation_is_taken_once(ann: Client, ben: Client) -> None:
    shop = team(ann)
    made = invite(ann, shop, "ben")
    request = post(ben, "entity/team/invitation/accept", invitationId=made)
    assert at_once(ben, [request] * 8) == {0: 1, 404: 7}
    assert roles(ben)[shop] == "ROLE_MEMBER"
    assert sound(ann.app)


def test_one_code_is_wanted_by_many_teams(ann: Client) -> None:
    request = post(ann, "entity/team/create", name="Shop", code="shop")
    assert at_once(ann, [request] * 8) == {0: 1, 409: 7}
    assert ann.ask("entity/team/list")["total"] == 2


def test_two_owners_make_each_other_members(ann: Client, ben: Client) -> None:
    shop = team(ann)
    join(ann, shop, ben, "owner")
    name = "entity/team/member/update"
    requests = [
        post(ann, name, teamId=shop, userId=ben.userid, role="member"),
        post(ben, name, teamId=shop, userId=ann.userid, role="member"),
    ]
    assert at_once(ann, requests) == {0: 1, 403: 1}
    assert sound(ann.app)


def test_a_refresh_token_sent_twice_is_taken_for_stolen(ann: Client) -> None:
    """Whichever comes first wins, and loses what it won: nobody knows who is the thief."""
    request = post(ann, "authen/refresh-token", refreshToken=ann.refresh_token)
    assert at_once(ann, [request] * 4) == {0: 1, 401: 3}
    assert ann.denied("entity/team/list") == 401
