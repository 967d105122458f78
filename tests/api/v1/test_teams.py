"""Teams, their members and invitations, through v1."""

from __future__ import annotations

import pytest

from shortd.clock import SECOND
from shortd.ids import own_team_id
from shortd.teams.invitations import INVITATION_DAYS
from shortd.testing import RunningApp
from tests.api.v1.people import Client, Json
from tests.teams.people import sound

START = "2023-11-14T22:13:20.000+0000"
"""When the tests' clock begins."""


def team(owner: Client, name: str = "Shop", **inputs: str) -> str:
    """Id of a new team."""
    made: Json = owner.ask("entity/team/create", name=name, **inputs)["team"]
    return str(made["id"])


def invite(host: Client, to: str, guest: str, role: str = "member") -> str:
    """Id of a new invitation."""
    made = host.ask("entity/team/member/add", teamId=to, member=guest, role=role)["invitation"]
    assert (made["teamId"], made["member"], made["role"]) == (to, guest, role)
    return str(made["id"])


def join(host: Client, to: str, guest: Client, role: str = "member") -> None:
    guest.ask("entity/team/invitation/accept", invitationId=invite(host, to, guest.username, role))


def roles(somebody: Client) -> dict[str, str]:
    """What he is in which team."""
    return {one["id"]: one["roles"] for one in somebody.ask("entity/team/list")["teams"]}


class TestTeams:
    def test_the_first_is_the_accounts_own(self, ann: Client) -> None:
        [own] = ann.ask("entity/team/list")["teams"]
        assert own == {
            "id": own_team_id(ann.userid),
            "code": f"team-{own_team_id(ann.userid)[:12]}",
            "name": "ann",
            "roles": "ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER",
            "members": 1,
            "links": 0,
            "joinedDate": START,
        }

    def test_a_new_one_is_listed_as_it_was_answered(self, ann: Client) -> None:
        ann.app.clock.advance(0.1234)
        made = ann.ask("entity/team/create", name=" Megachat Team ", code="megachat")["team"]
        assert ann.ask("entity/team/list")["teams"][1] == made
        assert (made["code"], made["name"]) == ("megachat", "Megachat Team")
        assert made["joinedDate"] == "2023-11-14T22:13:20.123+0000"

    def test_links_and_members_are_counted(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        join(ann, shop, ben)
        ann.link(shop)
        ann.shorten()
        own, other = ben.ask("entity/team/list")["teams"]
        assert (own["members"], own["links"]) == (1, 0)
        assert (other["members"], other["links"]) == (2, 1)
        assert [one["links"] for one in ann.ask("entity/team/list")["teams"]] == [1, 1]

    def test_roles_are_written_as_the_document_does(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        join(ann, shop, ben, "admin")
        assert roles(ben)[shop] == "ROLE_ADMIN, ROLE_MEMBER"
        ann.ask("entity/team/member/update", teamId=shop, userId=ben.userid, role="member")
        assert roles(ben)[shop] == "ROLE_MEMBER"

    def test_names_and_codes_change_by_themselves(self, ann: Client) -> None:
        shop = team(ann)
        assert ann.ask("entity/team/update", teamId=shop, name="Store", code="") == {}
        ann.ask("entity/team/update", teamId=shop, name="", code="store")
        ann.ask("entity/team/update", teamId=shop)
        shown = ann.ask("entity/team/list")["teams"][1]
        assert (shown["name"], shown["code"]) == ("Store", "store")

    def test_the_own_team_can_be_named(self, ann: Client) -> None:
        ann.ask("entity/team/update", teamId=ann.own_team, name="Headquarters", code="hq")
        [own] = ann.ask("entity/team/list")["teams"]
        assert (own["name"], own["code"], own["id"]) == ("Headquarters", "hq", ann.own_team)

    @pytest.mark.parametrize(
        "inputs",
        [
            {"name": "x" * 65},
            {"name": " "},
            {"name": "a\u0000"},
            {"name": "Shop", "code": "Shop"},
            {"name": "Shop", "code": "x" * 33},
            {"name": "Shop", "code": "team-0123456789ab"},
            {"name": "Shop", "code": "-"},
        ],
    )
    def test_names_and_codes_that_cannot_be(self, ann: Client, inputs: Json) -> None:
        assert ann.denied("entity/team/create", **inputs) == 400
        assert ann.denied("entity/team/update", teamId=ann.own_team, **inputs) == 400
        assert ann.ask("entity/team/list")["total"] == 1

    def test_codes_are_unique(self, ann: Client, ben: Client) -> None:
        shop = team(ann, code="shop")
        assert ben.denied("entity/team/create", name="Shop", code="shop") == 409
        assert ben.denied("entity/team/update", teamId=ben.own_team, code="shop") == 409
        assert team(ben, "Shop") != shop

    def test_an_empty_team_can_be_deleted(self, ann: Client) -> None:
        assert ann.ask("entity/team/delete", teamId=team(ann)) == {}
        assert ann.ask("entity/team/list")["total"] == 1
        assert ann.denied("entity/team/delete", teamId=ann.own_team) == 409

    @pytest.mark.parametrize("keep", [True, "true", "on", "1", 1])
    def test_links_are_kept_if_asked(self, ann: Client, keep: object) -> None:
        shop = team(ann)
        link = ann.link(shop)
        for no in ("false", "off", False, "", None):
            assert ann.denied("entity/team/delete", teamId=shop, keepLinks=no) == 409
        ann.ask("entity/team/delete", teamId=shop, keepLinks=keep)
        assert ann.sees(link)
        assert sound(ann.app)


class TestPages:
    def test_a_list_comes_page_by_page(self, ann: Client) -> None:
        made = [ann.own_team]
        for number in range(24):
            ann.app.clock.advance(1)
            made.append(team(ann, f"Team {number}"))

        def page(**inputs: object) -> list[str]:
            answer = ann.ask("entity/team/list", **inputs)
            assert answer["total"] == 25
            return [one["id"] for one in answer["teams"]]

        assert page() == made[:20]
        assert page(page=1) == made[20:]
        assert page(size="10", page="2") == made[20:]
        assert page(size=1000) == made
        assert page(size=7, page=1) == made[7:14]
        assert page(page=2**31 - 1) == []


class TestMembers:
    def test_whoever_accepts_is_in(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        join(ann, shop, ben, "admin")
        answer = ben.ask("entity/team/member/list", teamId=shop)
        assert answer["total"] == 2
        first, second = answer["members"]
        assert (first["userId"], first["role"]) == (ann.userid, "owner")
        assert second == {
            "userId": ben.userid,
            "username": "ben",
            "email": "ben@nowhere.example",
            "role": "admin",
            "joinedDate": START,
        }

    def test_leaving_needs_nobody(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        join(ann, shop, ben)
        ben.ask("entity/team/member/remove", teamId=shop, userId=ben.userid)
        assert ben.denied("entity/team/member/list", teamId=shop) == 404
        assert ann.denied("entity/team/member/remove", teamId=shop, userId=ben.userid) == 404

    def test_the_last_owner_stays(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        me = {"teamId": shop, "userId": ann.userid}
        assert ann.denied("entity/team/member/remove", **me) == 409
        assert ann.denied("entity/team/member/update", **me, role="admin") == 409
        join(ann, shop, ben, "owner")
        ann.ask("entity/team/member/update", **me, role="admin")
        ann.ask("entity/team/member/remove", **me)

    def test_an_own_team_has_no_other_owner(self, ann: Client, ben: Client) -> None:
        own = ann.own_team
        body = {"teamId": own, "member": "ben", "role": "owner"}
        assert ann.denied("entity/team/member/add", **body) == 409
        join(ann, own, ben, "admin")
        body = {"teamId": own, "userId": ben.userid, "role": "owner"}
        assert ann.denied("entity/team/member/update", **body) == 409


class TestInvitations:
    def test_the_team_and_the_guest_see_it_alike(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        made = invite(ann, shop, "ben", "admin")
        shown = ann.ask("entity/team/invitation/list", teamId=shop)
        assert shown == ben.ask("entity/team/invitation/list")
        assert shown == {
            "invitations": [
                {
                    "id": made,
                    "teamId": shop,
                    "teamName": "Shop",
                    "member": "ben",
                    "role": "admin",
                    "createdTime": START,
                    "expiredTime": "2023-11-28T22:13:20.000+0000",
                }
            ],
            "total": 1,
        }
        assert ann.ask("entity/team/invitation/list") == {"invitations": [], "total": 0}

    def test_one_goes_to_an_address_that_nobody_has(self, ann: Client, app: RunningApp) -> None:
        invite(ann, team(ann), "somebody@else.example")
        assert ann.denied("entity/team/member/add", teamId=ann.own_team, member="nobody") == 404
        assert ann.denied("entity/team/member/add", teamId=ann.own_team, member="no@body@") == 400

    def test_an_address_has_to_be_verified(self, ann: Client, ben: Client) -> None:
        made = invite(ann, team(ann), "ben@nowhere.example")
        assert ben.ask("entity/team/invitation/list")["total"] == 0
        for answer in ("accept", "decline"):
            assert ben.denied(f"entity/team/invitation/{answer}", invitationId=made) == 404

    def test_declined_and_withdrawn_ones_are_gone(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        for who, how in ((ben, "decline"), (ann, "withdraw")):
            made = invite(ann, shop, "ben")
            assert who.ask(f"entity/team/invitation/{how}", invitationId=made) == {}
            assert ben.denied("entity/team/invitation/accept", invitationId=made) == 404
            assert ben.denied("entity/team/invitation/decline", invitationId=made) == 404
            assert ann.denied("entity/team/invitation/withdraw", invitationId=made) == 404
        assert len(roles(ben)) == 1

    def test_one_ends_after_two_weeks(self, ann: Client, ben: Client) -> None:
        made = invite(ann, team(ann), "ben")
        ann.app.clock.advance(INVITATION_DAYS * 86_400 - 1)
        ben.login()
        assert ben.ask("entity/team/invitation/list")["total"] == 1
        ann.app.clock.advance(1)
        assert ben.ask("entity/team/invitation/list")["total"] == 0
        assert ben.denied("entity/team/invitation/accept", invitationId=made) == 404

    def test_it_is_nobody_elses(self, ann: Client, ben: Client, cat: Client) -> None:
        made = invite(ann, team(ann), "ben")
        for how in ("accept", "decline", "withdraw"):
            assert cat.denied(f"entity/team/invitation/{how}", invitationId=made) == 404
        ben.ask("entity/team/invitation/accept", invitationId=made)

    def test_members_are_not_invited_again(self, ann: Client, ben: Client) -> None:
        shop = team(ann)
        join(ann, shop, ben)
        assert ann.denied("entity/team/member/add", teamId=shop, member="ben") == 409
        assert ann.denied("entity/team/member/add", teamId=shop, member="ann") == 409


def test_temporary_accounts_have_no_keys(app: RunningApp) -> None:
    """So whoever makes v1 calls is registered."""
    userid = app.call("temporary_account")["userid"]
    assert app.refused("create_api_key", userid=userid, name="v1")["code"] == "not_registered"


def test_times_are_cut_not_rounded(ann: Client) -> None:
    ann.app.clock.advance(0.999_999)
    assert ann.now % SECOND == 999_999
    made = ann.ask("entity/team/create", name="Late")["team"]
    assert made["joinedDate"] == "2023-11-14T22:13:20.999+0000"
