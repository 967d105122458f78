"""What teams have, through v1: campaigns, domains and trackers."""

from __future__ import annotations

import pytest

from shortd.teams.providers import PROVIDERS
from shortd.testing import RunningApp
from tests.api.v1.people import Client, Json
from tests.api.v1.test_teams import START, join, team
from tests.teams.people import sound

FACEBOOK, ANALYTICS = (provider.id for provider in PROVIDERS[:2])
NAME = "go.shop.example"


def campaign(owner: Client, of: str, name: str = "Sale", **inputs: str) -> Json:
    made: Json = owner.ask("entity/campaign/create", teamId=of, name=name, **inputs)["campaign"]
    return made


class TestCampaigns:
    def test_a_new_one_is_listed_as_it_was_answered(self, ann: Client) -> None:
        shop = team(ann)
        made = campaign(ann, shop, "New year flash sale", code="new_year_flash_sale")
        assert ann.ask("entity/campaign/list", teamId=shop) == {"campaigns": [made], "total": 1}
        assert made == {
            "id": made["id"],
            "code": "new_year_flash_sale",
            "name": "New year flash sale",
            "links": 0,
            "teamId": shop,
            "createdTime": START,
        }

    def test_its_links_are_counted(self, ann: Client) -> None:
        own = ann.own_team
        made = campaign(ann, own)
        ann.link(own, campaign=made["id"])
        ann.link(own, campaign=made["id"])
        [shown] = ann.ask("entity/campaign/list", teamId=own)["campaigns"]
        assert shown["links"] == 2

    def test_without_a_team_all_are_listed(self, ann: Client, ben: Client, cat: Client) -> None:
        shop = team(ann)
        join(ann, shop, ben)
        theirs = [campaign(ann, shop, name)["id"] for name in ("One", "Two")]
        ann.app.clock.advance(1)
        own = campaign(ben, ben.own_team)["id"]
        campaign(cat, cat.own_team)
        listed = ben.ask("entity/campaign/list")
        assert listed["total"] == 3
        first, *others = (one["id"] for one in listed["campaigns"])
        assert first == own, "newest first"
        assert set(others) == set(theirs)
        assert ben.ask("entity/campaign/list", teamId="")["total"] == 3

    def test_names_and_codes_change_by_themselves(self, ann: Client) -> None:
        made = campaign(ann, ann.own_team)["id"]
        ann.ask("entity/campaign/update", campaignId=made, name="Sales")
        ann.ask("entity/campaign/update", campaignId=made, code="sales", name="")
        [shown] = ann.ask("entity/campaign/list")["campaigns"]
        assert (shown["name"], shown["code"]) == ("Sales", "sales")

    def test_codes_are_unique_in_a_team(self, ann: Client) -> None:
        shop = team(ann)
        campaign(ann, shop, code="sale")
        other = campaign(ann, shop, "Other")["id"]
        again = {"teamId": shop, "name": "Sale", "code": "sale"}
        assert ann.denied("entity/campaign/create", **again) == 409
        assert ann.denied("entity/campaign/update", campaignId=other, code="sale") == 409
        campaign(ann, ann.own_team, code="sale")

    def test_a_deleted_one_leaves_its_links(self, ann: Client) -> None:
        made = campaign(ann, ann.own_team)["id"]
        link = ann.link(ann.own_team, campaign=made)
        assert ann.ask("entity/campaign/delete", campaignId=made) == {}
        assert ann.ask("entity/campaign/list") == {"campaigns": [], "total": 0}
        assert ann.denied("entity/campaign/delete", campaignId=made) == 404
        assert ann.sees(link)
        assert sound(ann.app)


class TestDomains:
    def test_the_servers_own_are_every_teams(self, ann: Client) -> None:
        for one in (ann.own_team, team(ann)):
            assert ann.ask("entity/domain/subscriptions", teamId=one) == {
                "subscriptions": [
                    {
                        "domainId": "0" * 24,
                        "domainName": "127.0.0.1:8080",
                        "status": "Y",
                        "registerDate": None,
                        "expiredDate": None,
                        "domainOwner": "operator",
                    }
                ],
                "total": 1,
            }

    def test_one_of_its_own_is_claimed_shown_and_given_up(self, ann: Client) -> None:
        shop = team(ann, code="shop")

        def status() -> str:
            listed = ann.ask("entity/domain/subscriptions", teamId=shop)["subscriptions"]
            return str(listed[1]["status"])

        claimed = ann.ask("entity/domain/subscribe", teamId=shop, domainName=NAME)
        shown, record = claimed["subscription"], claimed["record"]
        assert shown == {
            "domainId": shown["domainId"],
            "domainName": NAME,
            "status": "P",
            "registerDate": START,
            "expiredDate": None,
            "domainOwner": "shop",
        }
        domain = {"domainId": shown["domainId"]}
        assert ann.denied("entity/domain/verify", **domain) == 409
        assert ann.ask("entity/domain/subscribe", teamId=shop, domainName=f"{NAME}.") == claimed
        assert status() == "P"
        ann.app.records[record["name"]] = [record["text"]]
        ann.app.clock.advance(5)
        verified = ann.ask("entity/domain/verify", **domain)
        assert verified["record"] == record
        assert verified["subscription"]["status"] == status() == "Y"
        assert verified["subscription"]["registerDate"] == "2023-11-14T22:13:25.000+0000"
        assert ann.ask("entity/domain/verify", **domain) == verified
        assert ann.ask("entity/domain/unsubscribe", **domain) == {}
        assert status() == "E"
        again = ann.ask("entity/domain/subscribe", teamId=shop, domainName=NAME)
        assert again["subscription"]["domainId"] == domain["domainId"]
        assert again["subscription"]["status"] == "P"

    def test_its_own_ways(self, ann: Client) -> None:
        claimed = ann.ask("entity/domain/subscribe", teamId=team(ann), domainName=NAME)
        domain = {"domainId": claimed["subscription"]["domainId"]}
        usual: dict[str, str | bool] = {
            **dict.fromkeys(("root", "unknown", "ended"), ""),
            **dict.fromkeys(("ignoreCase", "wideCodes"), False),
            "www": True,
        }
        answer = ann.ask("entity/domain/update", **domain)
        assert answer == {"subscription": claimed["subscription"], "options": usual}
        given = {"root": " https://a.example/ü ", "ended": "https://b.example/", "www": "off"}
        answer = ann.ask("entity/domain/update", **domain, **given, ignoreCase="true", unknown="")
        changed: dict[str, str | bool] = {
            "root": "https://a.example/ü",
            "ended": "https://b.example/",
        }
        changed |= {"www": False, "ignoreCase": True}
        assert answer["options"] == usual | changed
        assert ann.ask("entity/domain/update", **domain)["options"] == usual | changed
        for name in ("root", "unknown", "ended"):
            for wrong in ("ftp://a.example/", "no address", f"https://{NAME}/x", "https://" * 9999):
                assert ann.denied("entity/domain/update", **domain, **{name: wrong}) == 400
        # Its www. is another's place, until it is the same host.
        www = {"unknown": f"https://www.{NAME}/"}
        assert ann.ask("entity/domain/update", **domain, **www)["options"]["unknown"]
        assert ann.denied("entity/domain/update", **domain, www="on") == 400
        minus = {"root": "-", "ended": "-", "unknown": "-", "www": "1", "ignoreCase": "0"}
        assert ann.ask("entity/domain/update", **domain, **minus)["options"] == usual
        assert ann.denied("entity/domain/update", domainId="0" * 24, root="-") == 404

    def test_the_first_to_show_it_has_it(self, ann: Client, ben: Client) -> None:
        claims = [
            one.ask("entity/domain/subscribe", teamId=one.own_team, domainName=NAME)
            for one in (ann, ben)
        ]
        ann.app.records[f"_shortd.{NAME}"] = [one["record"]["text"] for one in claims]
        mine, theirs = (one["subscription"]["domainId"] for one in claims)
        ben.ask("entity/domain/verify", domainId=theirs)
        assert ann.denied("entity/domain/verify", domainId=mine) == 409
        assert ann.denied("entity/domain/verify", domainId=theirs) == 404

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("127.0.0.1", 400),
            ("localhost", 400),
            ("http://go.shop.example/", 400),
            ("go.shop.example:8080", 400),
            ("go shop.example", 400),
            ("x" * 254, 400),
            ("-.example", 400),
            ("\u0000.example", 400),
        ],
    )
    def test_names_that_cannot_be(self, ann: Client, name: str, code: int) -> None:
        body = {"teamId": ann.own_team, "domainName": name}
        assert ann.denied("entity/domain/subscribe", **body) == code

    def test_international_names_are_one_in_either_form(self, ann: Client) -> None:
        body = {"teamId": ann.own_team, "domainName": "Käse.example"}
        claimed = ann.ask("entity/domain/subscribe", **body)
        assert claimed["subscription"]["domainName"] == "xn--kse-qla.example"
        body["domainName"] = "xn--kse-qla.example"
        assert ann.ask("entity/domain/subscribe", **body) == claimed


class TestTrackers:
    def test_providers_are_the_documents(self, ann: Client) -> None:
        listed = ann.ask("entity/tracker/list")
        assert list(listed) == ["trackers"]
        assert len(listed["trackers"]) == 9
        assert listed["trackers"][0] == {"id": FACEBOOK, "name": "Facebook Pixel"}

    def test_a_new_one_is_listed_as_it_was_answered(self, ann: Client) -> None:
        shop = team(ann)
        body = {"teamId": shop, "trackerId": ANALYTICS, "code": "UA-9999999988", "name": "Mine"}
        made = ann.ask("entity/team/tracker/create", **body)["teamTracker"]
        assert made == {
            "id": made["id"],
            "trackerId": ANALYTICS,
            "code": "UA-9999999988",
            "name": "Mine",
            "createdTime": START,
        }
        ann.app.clock.advance(1)
        body = {"teamId": shop, "trackerId": FACEBOOK, "code": "121145523322155", "name": "Ours"}
        newer = ann.ask("entity/team/tracker/create", **body)["teamTracker"]
        listed = ann.ask("entity/team/tracker/list", teamId=shop)
        assert listed == {"teamTrackers": [newer, made], "total": 2}
        assert ann.ask("entity/team/tracker/delete", teamTrackerId=made["id"]) == {}
        assert ann.ask("entity/team/tracker/list", teamId=shop)["teamTrackers"] == [newer]
        assert ann.denied("entity/team/tracker/delete", teamTrackerId=made["id"]) == 404

    def test_there_are_no_other_providers(self, ann: Client) -> None:
        body = {"teamId": ann.own_team, "trackerId": "0" * 24, "code": "1", "name": "Mine"}
        assert ann.denied("entity/team/tracker/create", **body) == 404

    def test_a_code_is_one_of_its_providers(self, ann: Client) -> None:
        shop = team(ann)
        body = {"teamId": shop, "trackerId": FACEBOOK, "code": "UA-1", "name": "Mine"}
        status = ann.send("entity/team/tracker/create", **body).json()["status"]
        assert status["code"] == 400
        assert status["message"] == "code: This is no id of Facebook, such as 121145523322155."
        made = ann.ask("entity/team/tracker/create", **{**body, "code": "121145523322155"})
        one = {"teamTrackerId": made["teamTracker"]["id"]}
        # Neither half alone may make it another's.
        assert ann.denied("entity/team/tracker/update", **one, trackerId=ANALYTICS) == 400
        assert ann.denied("entity/team/tracker/update", **one, code="UA-1") == 400
        ann.ask("entity/team/tracker/update", **one, trackerId=ANALYTICS, code="G-ABCDEFGH12")
        [kept] = ann.ask("entity/team/tracker/list", teamId=shop)["teamTrackers"]
        assert (kept["trackerId"], kept["code"]) == (ANALYTICS, "G-ABCDEFGH12")

    @pytest.mark.parametrize("code", [" ", "x" * 65, "a\nb", "\u0000"])
    def test_codes_that_cannot_be(self, ann: Client, code: str) -> None:
        body = {"teamId": ann.own_team, "trackerId": FACEBOOK, "code": code, "name": "Mine"}
        assert ann.denied("entity/team/tracker/create", **body) == 400


def test_what_ends_with_a_team(app: RunningApp, ann: Client) -> None:
    shop = team(ann)
    campaign(ann, shop)
    ann.ask("entity/domain/subscribe", teamId=shop, domainName=NAME)
    body = {"teamId": shop, "trackerId": FACEBOOK, "code": "1234567890", "name": "Mine"}
    ann.ask("entity/team/tracker/create", **body)
    ann.ask("entity/team/delete", teamId=shop)
    for name in ("entity/campaign/list", "entity/domain/subscriptions", "entity/team/tracker/list"):
        assert ann.denied(name, teamId=shop) == 404
    assert ann.ask("entity/campaign/list")["total"] == 0
    assert sound(app)
