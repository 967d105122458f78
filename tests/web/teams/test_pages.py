"""The pages of teams: what they show, and what they say of what cannot be."""

from __future__ import annotations

import re
from html import unescape

import pytest

from shortd.upkeep.administration import Changes
from shortd.web.teams import asking
from tests.api.v2.envelopes import everything
from tests.web.links.test_dashboard import listed
from tests.web.surfer import Surfer
from tests.web.teams.world import DOMAIN, UNKNOWN, World, done, offered, person

HOSTILE = '"><img src=x onerror=alert(1)>'


def texts(page: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_who_is_alone_has_a_team_of_his_own(ann: Surfer) -> None:
    page = ann.get("/-/teams").text
    assert "Your own team" in page and "1 member" in page
    assert "You are in no other team." in page
    own = page[page.index('href="/-/teams/') + 6 :].partition('"')[0]
    assert ann.get(own).status_code == 200
    rows = everything(ann.app)
    ann.get(own)
    assert everything(ann.app) == rows, "looking makes nothing"


def test_every_page_leads_there(ann: Surfer) -> None:
    for path in ("/", "/-/dashboard", "/-/account"):
        page = ann.get(path).text
        assert page.count('href="/-/teams"') == 2
    assert 'href="/-/teams" aria-current="page"' in ann.get("/-/teams").text
    assert "<kbd>g</kbd> <kbd>m</kbd>" in ann.get("/-/keyboard").text


def test_a_team_is_made_and_named(ann: Surfer) -> None:
    answer = ann.send("/-/teams", {"name": "The shop", "code": ""})
    page = ann.follow(answer).text
    assert "The shop is there. Now invite somebody." in page
    assert "code the-shop" in page and "1 member" in ann.get("/-/teams").text
    path = answer.headers["location"]
    page = ann.follow(ann.send(f"{path}/name", {"name": HOSTILE, "code": "store"})).text
    assert HOSTILE not in page and HOSTILE in unescape(page)
    assert "code store" in page


def test_whoever_is_invited_answers_on_his_own_page(world: World) -> None:
    dan = world.people["dan"]
    assert "An invitation to a team" in dan.get("/-/dashboard").text
    page = dan.get("/-/teams").text
    assert "You are invited" in page and "Shop" in page
    invitation = offered(dan)
    for surfer in (world.people["cat"], world.people["ben"]):
        answer = surfer.send("/-/teams/invitations/accept", {"invitation": invitation})
        assert answer.status_code == 422
        assert "There is no such invitation." in answer.text
    page = dan.follow(dan.send("/-/teams/invitations/accept", {"invitation": invitation})).text
    assert "You are in Shop now." in page
    assert "An invitation to a team" not in dan.get("/-/dashboard").text
    again = dan.send("/-/teams/invitations/decline", {"invitation": invitation})
    assert again.status_code == 422


def test_an_invitation_can_be_declined_and_withdrawn(world: World) -> None:
    dan, rows = world.people["dan"], world.owner.get(world.path).text
    assert ">dan<" in rows
    declined = dan.send("/-/teams/invitations/decline", {"invitation": offered(dan)})
    assert "You have declined the invitation." in dan.follow(declined).text
    assert ">dan<" not in world.owner.get(world.path).text
    done(world.owner.send(f"{world.path}/invite", {"guest": "dan", "role": "member"}))
    form = {"invitation": offered(dan)}
    page = world.owner.follow(world.owner.send(f"{world.path}/withdraw", form)).text
    assert "The invitation is withdrawn." in page
    assert "You are invited" not in dan.get("/-/teams").text
    stale = world.owner.send(f"{world.path}/withdraw", form)
    assert stale.status_code == 422 and "There is no such invitation." in stale.text


def test_an_invitation_by_mail_waits_for_the_address(world: World) -> None:
    guest = "DAVE@nowhere.example"
    done(world.owner.send(f"{world.path}/invite", {"guest": guest, "role": "member"}))
    assert guest.casefold() in world.owner.get(world.path).text
    assert guest.casefold() not in world.people["ben"].get(world.path).text
    dave = person(world.app, "dave")
    page = dave.get("/-/teams").text
    assert "You are invited" not in page and "once it is" in page
    administration = world.app.services.upkeep.administration
    world.app.run(administration.change(dave.credentials["userid"], Changes(verified=True)))
    page = dave.get("/-/teams").text
    assert "Shop" in page and "once it is" not in page


def test_members_see_who_is_there_and_no_addresses(world: World) -> None:
    page = texts(world.people["ben"].get(world.path).text)
    for name in ("ann owner", "adam admin", "eve admin", "ben member", "bob member"):
        assert name in page
    assert "ben@nowhere.example" in page
    assert "ann@nowhere.example" not in page
    assert "ann@nowhere.example" in world.people["adam"].get(world.path).text


def test_links_go_along_or_stay(world: World) -> None:
    for name, keep in (("ben", {}), ("bob", {"keep_links": "on"})):
        surfer = world.people[name]
        done(
            surfer.send(
                "/-/new",
                {"url": "https://example.org/", "ending": f"by-{name}", "team": world.team},
            )
        )
        form = {"userid": world.userid(name), **keep}
        page = world.owner.follow(world.owner.send(f"{world.path}/members/remove", form)).text
        assert "The team has one member less." in page
    assert listed(world.owner, f"?team={world.team}") == ["by-ben"]
    assert listed(world.people["ben"]) == []
    assert listed(world.people["bob"]) == ["by-bob"]


class TestDomains:
    def test_the_record_and_what_was_found_instead(self, world: World) -> None:
        form = {"domain": world.ids["domain"]}
        page = world.owner.get(world.path).text
        assert f"_shortd.{DOMAIN}" in page and "waits for its record" in page
        look = f"{world.path}/domains/look"
        answer = world.owner.send(look, form)
        assert answer.status_code == 422
        assert f"There is no TXT record _shortd.{DOMAIN}" in answer.text
        world.app.records[world.record[0]] = ["v=spf1 -all", HOSTILE]
        answer = world.owner.send(look, form)
        assert answer.status_code == 422
        assert "“v=spf1 -all”" in answer.text and HOSTILE not in answer.text
        world.prove()
        page = world.owner.follow(world.owner.send(look, form)).text
        assert "Links can be made on this domain." in page
        assert "answers" in page and "Look again" not in page

    def test_the_dns_may_not_answer(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        class Silent:
            async def of(self, name: str) -> list[str]:
                raise TimeoutError

        monkeypatch.setattr(world.app.services.teams.domains, "_records", Silent())
        answer = world.owner.send(f"{world.path}/domains/look", {"domain": world.ids["domain"]})
        assert answer.status_code == 503
        assert "The DNS does not answer; try again later." in answer.text
        assert f"_shortd.{DOMAIN}" in answer.text

    def test_what_it_does_is_shown_and_changed(self, world: World) -> None:
        ways, form = f"{world.path}/domains/ways", {"domain": world.ids["domain"]}
        full = {
            **form,
            "root": " https://shop.example/ü ",
            "unknown": "https://shop.example/lost",
            "ended": "",
            "ignore_case": "on",
        }
        page = world.owner.follow(world.owner.send(ways, full)).text
        assert "Saved." in page
        assert 'value="https://shop.example/ü"' in page
        box = r'<input class="sw" type="checkbox" id="\w+-\w+" name="(\w+)" checked'
        assert re.findall(box, page) == ["ignore_case"]
        for wrong, said in {
            "ftp://shop.example/": "The URL must begin with http:// or https://",
            f"https://{DOMAIN}/": "This URL leads back to this server.",
            HOSTILE: "The URL",
        }.items():
            answer = world.owner.send(ways, {**full, "unknown": wrong, "www": "on"})
            assert answer.status_code == 422
            assert said in unescape(answer.text) and HOSTILE not in answer.text
            assert set(re.findall(box, answer.text)) == {"ignore_case", "www"}
        kept = world.owner.get(world.path).text
        assert 'value="https://shop.example/lost"' in kept
        page = world.owner.follow(world.owner.send(ways, {**form, "www": "on"})).text
        assert "https://shop.example" not in page
        assert re.findall(box, page) == ["www"]

    def test_given_up_by_its_name_and_brought_back(self, world: World) -> None:
        world.prove()
        form = {"domain": world.ids["domain"]}
        done(world.owner.send(f"{world.path}/domains/look", form))
        end = f"{world.path}/domains/end"
        answer = world.owner.send(end, {**form, "name": "shop.example"})
        assert answer.status_code == 422 and 'value="shop.example"' in answer.text
        assert "This is not the domain&#39;s name." in answer.text
        page = world.owner.follow(world.owner.send(end, {**form, "name": DOMAIN})).text
        assert "given up" in page and "Bring it back" in page
        page = world.owner.follow(
            world.owner.send(f"{world.path}/domains", {"domain": DOMAIN})
        ).text
        assert "waits for its record" in page


class TestDeletion:
    def test_its_name_has_to_be_typed(self, world: World) -> None:
        for name in ("shop", "", "Shop Shop"):
            answer = world.owner.send(f"{world.path}/delete", {"name": name})
            assert answer.status_code == 422 and 'role="alert"' in answer.text
        page = world.owner.follow(world.owner.send(f"{world.path}/delete", {"name": " Shop "})).text
        assert "Shop is deleted." in page
        assert world.people["ben"].get(world.path).status_code == 404

    def test_links_are_kept_or_in_the_way(self, world: World) -> None:
        ben = world.people["ben"]
        done(
            ben.send(
                "/-/new", {"url": "https://example.org/", "ending": "spring", "team": world.team}
            )
        )
        answer = world.owner.send(f"{world.path}/delete", {"name": "Shop"})
        assert answer.status_code == 422 and "The team still has links." in answer.text
        done(world.owner.send(f"{world.path}/delete", {"name": "Shop", "keep_links": "on"}))
        assert listed(ben) == ["spring"] and listed(world.owner) == []


LONG = "x" * 200
BAD = [
    ("", {"name": ""}, "Fill this in."),
    ("", {"name": LONG}, "At most"),
    ("", {"name": "Two", "code": "Not A Code"}, "A code has up to 32"),
    ("", {"name": "Two", "code": "shop"}, "A team has this code already."),
    ("", {"name": "a\nb"}, "A name has 1 to 64"),
    ("/name", {"name": "", "code": "x"}, "Fill this in."),
    ("/name", {"name": "x" * 65, "code": "x"}, "A name has 1 to 64"),
    ("/name", {"name": "Shop", "code": ""}, "Fill this in."),
    ("/name", {"name": "Shop", "code": "-"}, "A code has up to 32"),
    ("/name", {"name": "Shop", "code": LONG}, "At most"),
    ("/delete", {"name": LONG}, "At most"),
    ("/invite", {"guest": "", "role": "member"}, "Fill this in."),
    ("/invite", {"guest": "nobody", "role": "member"}, "There is no such account."),
    ("/invite", {"guest": "ben", "role": "member"}, "in the team already"),
    ("/invite", {"guest": "a@b@c", "role": "member"}, ""),
    ("/invite", {"guest": LONG * 2, "role": "member"}, "At most"),
    ("/invite", {"guest": "cat", "role": "king"}, ""),
    ("/withdraw", {"invitation": ""}, "Fill this in."),
    ("/withdraw", {"invitation": LONG}, "At most"),
    ("/members/role", {"userid": "@ben", "role": "king"}, ""),
    ("/members/role", {"userid": "x", "role": "admin"}, ""),
    ("/members/role", {"userid": "@cat", "role": "admin"}, "The team has no such member."),
    ("/members/remove", {"userid": ""}, "Fill this in."),
    ("/members/remove", {"userid": "@cat"}, "The team has no such member."),
    ("/campaigns", {"name": ""}, "Fill this in."),
    ("/campaigns", {"name": "Two", "code": "summer"}, "A campaign has this code already."),
    ("/campaigns", {"name": "Two", "code": "%"}, "A code has up to 32"),
    ("/campaigns/change", {"campaign": "#", "name": ""}, "Fill this in."),
    ("/campaigns/change", {"campaign": "#", "name": "x", "code": "%"}, "A code has up to 32"),
    ("/campaigns/change", {"campaign": UNKNOWN, "name": "x"}, "There is no such campaign."),
    ("/campaigns/change", {"campaign": UNKNOWN, "name": ""}, "Fill this in."),
    ("/campaigns/end", {"campaign": "none"}, "There is no such campaign."),
    ("/domains", {"domain": ""}, "Fill this in."),
    ("/domains", {"domain": "localhost"}, "This is not a domain"),
    ("/domains", {"domain": "127.0.0.1"}, ""),
    ("/domains", {"domain": LONG * 2}, "At most"),
    ("/domains/look", {"domain": "none"}, "The team has no such domain."),
    ("/domains/look", {"domain": ""}, "Fill this in."),
    ("/domains/ways", {"domain": "none"}, "The team has no such domain."),
    ("/domains/ways", {"domain": "#", "root": "x" * 9000}, "At most"),
    ("/domains/end", {"domain": "none", "name": DOMAIN}, "The team has no such domain."),
    ("/domains/end", {"domain": "#", "name": ""}, "Fill this in."),
    ("/trackers", {"provider": "myspace", "code": "1", "name": "T"}, "There is no such provider"),
    ("/trackers", {"provider": "quora", "code": "", "name": "T"}, "Fill this in."),
    ("/trackers", {"provider": "quora", "code": "x" * 65, "name": "T"}, "1 to 64 printable"),
    ("/trackers", {"provider": "quora", "code": "1", "name": ""}, "Fill this in."),
    ("/trackers/change", {"tracker": "#", "provider": "", "code": "1", "name": "T"}, ""),
    (
        "/trackers/change",
        {"tracker": "none", "provider": "quora", "code": "1", "name": "T"},
        "There is no such tracker.",
    ),
    ("/trackers/end", {"tracker": ""}, "Fill this in."),
]


def test_what_cannot_be_is_said_and_was_not_typed_in_vain(world: World) -> None:
    rows = everything(world.app)
    for path, raw, said in BAD:
        form = world.filled(raw)
        answer = world.owner.send((world.path if path else "/-/teams") + path, form)
        assert answer.status_code == 422, (path, raw)
        assert 'role="alert"' in answer.text, (path, raw)
        page = unescape(answer.text)
        assert said in page, (path, raw)
        for name in ("guest", "name", "code"):
            if (
                len(form.get(name, "")) > 1
                and UNKNOWN not in form.values()
                and "none" not in form.values()
            ):
                assert f'value="{form[name]}"' in page, (path, raw)
        assert everything(world.app) == rows, (path, raw)


def test_too_many_invitations_are_refused_with_what_was_typed(world: World) -> None:
    answer = None
    for number in range(30):
        other = world.people["cat"].send("/-/teams", {"name": f"Team {number}"}).headers["location"]
        answer = world.people["cat"].send(f"{other}/invite", {"guest": "dan", "role": "member"})
        if answer.status_code != 303:
            break
    assert answer is not None and answer.status_code == 422
    assert "Too many invitations wait" in answer.text and 'value="dan"' in answer.text


def test_long_lists_come_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ROWS", 2)
    owner = world.owner
    for number in range(4):
        world.app.clock.advance(1)
        done(owner.send(f"{world.path}/campaigns", {"name": f"Campaign {number}"}))
    seen: list[str] = []
    address = world.path
    while address:
        page = owner.get(address.partition("#")[0]).text
        shown = re.findall(r'campaign=[0-9a-f]{24}">.*?</svg>([^<]+)</a>', page)
        assert 0 < len(shown) <= 2
        seen += shown
        found = re.search(r'href="([^"]+)" rel="next"', page[page.index('id="campaigns"') :])
        address = unescape(found[1]) if found and "campaigns=" in found[1] else ""
    assert seen == ["Campaign 3", "Campaign 2", "Campaign 1", "Campaign 0", "Summer"]
    members = owner.get(f"{world.path}?members=4&campaigns=2").text
    assert ">bob<" in members and ">ann<" not in members
    form = {"userid": world.userid("bob"), "role": "admin"}
    answer = owner.send(f"{world.path}/members/role?members=4&campaigns=2", form)
    assert answer.headers["location"] == f"{world.path}?members=4&campaigns=2#members"
    for query in ("members=-1", "members=x", "members=99999999", "members=%C2%B2"):
        assert owner.get(f"{world.path}?{query}").status_code == 200


def test_an_invitation_ends(world: World) -> None:
    dan = world.people["dan"]
    invitation = offered(dan)
    world.app.clock.advance(15 * 86_400)
    dan.sign_in("dan")
    assert "You are invited" not in dan.get("/-/teams").text
    answer = dan.send("/-/teams/invitations/accept", {"invitation": invitation})
    assert answer.status_code == 422


def test_campaigns_of_teams_stand_beside_the_tags(world: World) -> None:
    for name in ("ben", "ann"):
        page = world.people[name].get("/-/tags").text
        assert "Summer" in page and "Shop" in page
    assert "Summer" not in world.people["cat"].get("/-/tags").text
