"""Making links: codes, teams and domains, titles, and where nobody may be asked for one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from msgspec import structs

from shortd.testing import RunningApp
from tests.api.v1.linking import MAIN, goes, make, shown
from tests.api.v1.people import Client, refused
from tests.api.v1.samples import DEFAULT_HOST, UNKNOWN
from tests.links.sites import PUBLIC, Reply, Site, is_public, open_site

TITLE = "JSON Formatter & Validator | Format.asia"


@pytest.fixture
def site(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that the server takes for a public one, at page.example, and no other."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [PUBLIC[0]] if host == "page.example" else [host]

    titles = app.services.links.titles
    patient = structs.replace(titles._settings, title_seconds=60)
    monkeypatch.setattr(titles, "_settings", patient)
    monkeypatch.setattr(titles, "_resolve", resolve)
    monkeypatch.setattr(titles, "_is_public", is_public)
    opening = open_site()
    found = app.run(opening.__aenter__())
    found.replies["/"] = Reply(b"<title>JSON Formatter &amp; Validator | Format.asia</title>")
    yield found
    app.run(opening.__aexit__(None, None, None))


@pytest.fixture
def sentinel(app: RunningApp) -> Iterator[Site]:
    """One that nobody may ask."""
    opening = open_site("127.0.0.9")
    found = app.run(opening.__aenter__())
    found.replies["/"] = Reply(b"<title>a secret</title>")
    yield found
    app.run(opening.__aexit__(None, None, None))
    assert found.connections == 0


def create(somebody: Client, destination: str = MAIN, **inputs: object) -> dict[str, str]:
    given = {"teamId": somebody.own_team, "domainId": DEFAULT_HOST, **inputs}
    answer: dict[str, str] = somebody.ask("entity/link/create", destination=destination, **given)
    return answer


def test_a_new_link(ann: Client) -> None:
    made = create(ann, noTitle=True)
    assert list(made) == ["linkId", "linkShort", "linkDestination", "linkTitle"]
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/[A-Za-z0-9]{5}", made["linkShort"])
    assert made["linkDestination"] == made["linkTitle"] == MAIN
    assert re.fullmatch(r"[0-9a-f]{24}", made["linkId"])
    assert ann.app.visit(made["linkShort"]).headers["location"] == MAIN


def test_what_nobody_sees_around_an_address_is_cut_off(ann: Client) -> None:
    unseen = "\u200b \ufeff\u00ad"
    made = create(ann, unseen + MAIN + unseen, noTitle=True)
    assert made["linkDestination"] == MAIN
    assert ann.app.visit(made["linkShort"]).headers["location"] == MAIN


def test_codes_grow_when_the_short_ones_are_used_up(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.api.v1.link_calls.DRAWN_LENGTHS", (1, 2))
    codes = [create(ann, noTitle=True)["linkShort"].rpartition("/")[2] for _ in range(80)]
    assert len(set(codes)) == 80
    assert {len(code) for code in codes} == {1, 2}


def test_campaign_parameters_are_added_on_the_way(ann: Client) -> None:
    parameters = {"utmSource": "mail", "utmMedium": "", "utmCampaign": "Früh ling", "utmTerm": "-"}
    made = create(ann, MAIN, noTitle=True, **parameters)
    assert made["linkDestination"] == MAIN
    expected = MAIN.replace("#", "&utm_source=mail&utm_campaign=Fr%C3%BCh%20ling#")
    assert ann.app.visit(made["linkShort"]).headers["location"] == expected


class TestPlaces:
    def test_a_team_and_its_campaign(self, ann: Client, ben: Client) -> None:
        team = ann.found().id
        ann.hire(team, ben)
        campaign = ann.ask("entity/campaign/create", teamId=team, name="Sale")["campaign"]["id"]
        link = make(ben, teamId=team, campaignId=campaign)
        row = shown(ann, link)
        assert (row["teamId"], row["campaignId"]) == (team, campaign)

    def test_a_domain_of_the_team(self, ann: Client, ben: Client) -> None:
        team = ann.found().id
        domain = ann.do(ann.app.services.teams.domains.confirm(team, "go.example.org", ann.now)).id
        made = create(ann, noTitle=True, teamId=team, domainId=domain)
        assert made["linkShort"].startswith("http://go.example.org:8080/")
        assert ann.app.visit(made["linkShort"]).headers["location"] == MAIN
        assert shown(ann, made["linkId"])["domainId"] == domain
        for somebody, where in ((ann, ann.own_team), (ben, ben.own_team)):
            place = {"teamId": where, "domainId": domain}
            assert somebody.denied("entity/link/create", destination=MAIN, **place) == 404

    def test_what_one_has_no_part_in_is_not_there(self, ann: Client, ben: Client) -> None:
        team, other = ann.found().id, ann.found("Other").id
        ann.hire(other, ben)
        campaign = ann.ask("entity/campaign/create", teamId=team, name="Sale")["campaign"]["id"]
        own = {"teamId": ben.own_team, "domainId": DEFAULT_HOST}
        for place, message in (
            ({**own, "teamId": team}, "You are in no such team."),
            ({**own, "teamId": ann.own_team}, "You are in no such team."),
            ({**own, "teamId": UNKNOWN}, "You are in no such team."),
            ({**own, "teamId": UNKNOWN, "domainId": UNKNOWN}, "You are in no such team."),
            ({**own, "domainId": UNKNOWN}, "The team has no such domain."),
            ({**own, "campaignId": campaign}, "There is no such campaign."),
            ({**own, "teamId": other, "campaignId": campaign}, "There is no such campaign."),
            ({**own, "campaignId": UNKNOWN}, "There is no such campaign."),
        ):
            status = refused(ben.send("entity/link/create", destination=MAIN, **place))
            assert (status["code"], status["message"]) == (404, message)
        assert ben.ask("entity/link/list")["total"] == 0


class TestTitles:
    def test_the_pages_own(self, ann: Client, site: Site) -> None:
        made = create(ann, f"http://page.example:{site.port}/")
        assert made["linkTitle"] == TITLE
        assert shown(ann, made["linkId"])["title"] == TITLE
        [asked] = site.asked
        assert asked["host"] == f"page.example:{site.port}"

    @pytest.mark.parametrize("no_title", [True, "true", "on"])
    def test_none_if_none_is_wanted(self, ann: Client, site: Site, no_title: object) -> None:
        destination = f"http://page.example:{site.port}/"
        made = create(ann, destination, noTitle=no_title)
        assert made["linkTitle"] == shown(ann, made["linkId"])["title"] == destination
        assert site.connections == 0

    def test_the_destination_where_the_page_has_none(self, ann: Client, site: Site) -> None:
        for path in ("missing", "empty"):
            site.replies["/empty"] = Reply(b"<p>text")
            destination = f"http://page.example:{site.port}/{path}"
            assert create(ann, destination)["linkTitle"] == destination

    def test_who_has_no_part_in_the_team_has_nobody_asked(self, ann: Client, site: Site) -> None:
        destination = f"http://page.example:{site.port}/"
        for place in (
            {"teamId": UNKNOWN, "domainId": DEFAULT_HOST},
            {"teamId": ann.own_team, "domainId": UNKNOWN},
        ):
            assert ann.denied("entity/link/create", destination=destination, **place) == 404
        assert site.connections == 0

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.9", "127.9", "0x7f000009", "[::ffff:127.0.0.9]", "[::ffff:7f00:9]"],
    )
    def test_no_other_network_is_asked(
        self, ann: Client, site: Site, sentinel: Site, host: str
    ) -> None:
        destination = f"http://{host}:{sentinel.port}/"
        assert create(ann, destination)["linkTitle"] == destination

    def test_nor_by_a_redirect(self, ann: Client, site: Site, sentinel: Site) -> None:
        away = {"location": f"http://127.0.0.9:{sentinel.port}/"}
        site.replies["/away"] = Reply(status=302, headers=away)
        destination = f"http://page.example:{site.port}/away"
        assert create(ann, destination)["linkTitle"] == destination
        assert site.connections == 1

    def test_nor_by_a_name_that_stands_for_both(
        self, ann: Client, site: Site, sentinel: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def resolve(host: str, port: int) -> Sequence[str]:
            return [PUBLIC[0], "127.0.0.9"]

        monkeypatch.setattr(ann.app.services.links.titles, "_resolve", resolve)
        destination = f"http://both.example:{sentinel.port}/"
        assert create(ann, destination)["linkTitle"] == destination

    def test_nor_by_a_name_that_changes(
        self, ann: Client, site: Site, sentinel: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns = iter([[PUBLIC[0]], ["127.0.0.9"]])

        async def resolve(host: str, port: int) -> Sequence[str]:
            return next(turns)

        monkeypatch.setattr(ann.app.services.links.titles, "_resolve", resolve)
        destination = f"http://turning.example:{site.port}/"
        assert create(ann, destination)["linkTitle"] == TITLE, "asked once, and at that address"
        assert create(ann, destination)["linkTitle"] == destination


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("ftp://main.example/", "destination: The URL must begin with http"),
        ("javascript:alert(1)", "destination: The URL must begin with http"),
        ("https://main.example/a b", "destination: The URL contains spaces"),
        ("https://a:b@main.example/", "destination: The URL contains a user name"),
        ("http://127.0.0.1:8080/abcde", "destination: This URL leads back"),
        ("-", "destination: The URL must begin with http"),
    ],
)
def test_destinations_that_cannot_be(ann: Client, destination: str, message: str) -> None:
    place = {"teamId": ann.own_team, "domainId": DEFAULT_HOST}
    status = refused(ann.send("entity/link/create", destination=destination, **place))
    assert status["code"] == 400
    assert status["message"].startswith(message)
    assert ann.ask("entity/link/list")["total"] == 0


def test_a_link_can_be_visited_at_once(ann: Client) -> None:
    assert goes(ann, make(ann)) == MAIN
