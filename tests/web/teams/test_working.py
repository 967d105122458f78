"""Working as a team: what lists show, and where new links and files go."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.api.v2.envelopes import everything
from tests.web.links.test_dashboard import listed
from tests.web.share.test_share import share
from tests.web.surfer import Surfer
from tests.web.teams.world import DOMAIN, QUORA, UNKNOWN, World, done

URL = "https://example.org/"


def make(surfer: Surfer, ending: str, team: str = "") -> None:
    answer = surfer.send("/-/new", {"url": URL, "ending": ending, "team": team})
    assert answer.status_code == 303, answer.text
    assert (f"&team={team}" in answer.headers["location"]) is bool(team)


def switch(page: str) -> dict[str, str]:
    """The teams that one can work as, with their addresses; what is on has "*"."""
    menu = re.search(r'popover id="teams">(.*?)</div>', page, re.DOTALL)
    if menu is None:
        return {}
    found = re.findall(r'href="([^"]+)"( aria-current="true")?>(?:<svg.*?</svg>)?([^<]+)<', menu[1])
    return {name + ("*" if on else ""): unescape(address) for address, on, name in found}


def test_the_list_is_that_of_the_team(world: World) -> None:
    ann, ben = world.owner, world.people["ben"]
    make(ann, "mine")
    make(ann, "ours", world.team)
    make(ben, "theirs", world.team)
    make(ben, "his")
    own = switch(ann.get("/-/dashboard").text)["ann"].partition("team=")[2]
    assert listed(ann) == ["theirs", "ours", "mine"]
    assert listed(ann, f"?team={world.team}") == ["theirs", "ours"]
    assert listed(ann, f"?team={own}") == ["mine"]
    answer = world.people["cat"].get(f"/-/dashboard?team={world.team}")
    assert answer.headers["location"] == "/-/dashboard"


def test_the_switch_keeps_what_is_asked_for_else(world: World) -> None:
    page = world.owner.get(f"/-/dashboard?q=spring&campaign={world.ids['campaign']}").text
    assert switch(page) == {
        "All teams*": "/-/dashboard?q=spring",
        "ann": f"/-/dashboard?q=spring&team={switch(page)['ann'].partition('team=')[2]}",
        "Shop": f"/-/dashboard?q=spring&team={world.team}",
    }
    page = world.owner.get(f"/-/dashboard?team={world.team}").text
    assert "Working as: Shop" in page and "Shop*" in switch(page)
    assert f'href="/?team={world.team}" data-key="n"' in page
    assert page.count(f'href="/-/dashboard?team={world.team}"') >= 2
    assert f'name="team" value="{world.team}"' in page, "new links are the team's"
    assert switch(world.people["cat"].get("/-/dashboard").text) == {}


def test_rows_of_others_name_their_maker(world: World) -> None:
    make(world.people["ben"], "theirs", world.team)
    make(world.owner, "ours", world.team)
    for path in (f"/-/dashboard?team={world.team}", f"/?team={world.team}"):
        page = world.owner.get(path).text
        assert page.count("by ben") == 1 and "by ann" not in page
    assert "by ben" not in world.owner.get("/").text, "what one has made last is one's own"


def test_what_is_made_is_the_teams(world: World) -> None:
    ben = world.people["ben"]
    page = ben.get(f"/?team={world.team}").text
    assert "Working as: Shop" in page
    assert f'name="team" value="{world.team}"' in page
    answer = ben.send("/-/new", {"url": f"{URL}1\n{URL}2", "team": world.team})
    page = ben.follow(answer).text
    assert "2 links are ready" in page and "Working as: Shop" in page
    assert len(listed(world.owner)) == 2
    share(ben, team=world.team)
    assert len(listed(world.owner, f"?team={world.team}&is=file")) == 1
    assert f'value="{world.team}"' in ben.get(f"/-/share?team={world.team}").text


def test_a_refused_form_stays_with_the_team(world: World) -> None:
    answer = world.owner.send("/-/new", {"url": "nothing", "team": world.team})
    assert answer.status_code == 422
    assert f'name="team" value="{world.team}"' in answer.text


@pytest.mark.parametrize("team", ["shop", UNKNOWN, "no-id"])
def test_nobody_else_makes_links_for_a_team(world: World, team: str) -> None:
    wanted = world.team if team == "shop" else team
    cat = world.people["cat"]
    rows = everything(world.app)
    answers = [
        cat.send("/-/new", {"url": URL, "team": wanted}),
        share(cat, team=wanted),
        cat.send("/-/share/begin", {"way": "open", "team": wanted}),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert "You are in no such team." in answer.text
        assert f'name="team" value="{wanted}"' not in answer.text
    assert everything(world.app) == rows
    for path in ("/", "/-/share", "/-/new"):
        page = cat.get(f"{path}?team={wanted}")
        assert page.status_code == 200 and wanted not in page.text


def test_who_has_no_account_has_no_team(world: World) -> None:
    nobody = Surfer(world.app)
    answer = nobody.send("/-/new", {"url": URL, "team": world.team})
    assert answer.status_code == 422
    nobody.send("/-/new", {"url": URL})
    answer = nobody.send("/-/new", {"url": URL, "team": world.team})
    assert answer.status_code == 422 and switch(answer.text) == {}


def test_a_domain_of_the_team_can_be_chosen(world: World) -> None:
    world.prove()
    done(world.owner.send(f"{world.path}/domains/look", {"domain": world.ids["domain"]}))
    ben, name = world.people["ben"], f"{DOMAIN}:8080"
    page = ben.get(f"/?team={world.team}").text
    [number] = re.findall(rf'<option value="(\d+)">{name}</option>', page)
    assert name not in ben.get("/").text
    form = {"url": URL, "ending": "there", "host": number}
    assert ben.send("/-/new", form).status_code == 422, "it is none of the own team's"
    answer = ben.send("/-/new", {**form, "team": world.team})
    assert f"{name}/" in ben.follow(answer).text
    assert world.app.get(f"http://{name}/there").headers["location"] == URL
    share(ben, team=world.team, host=name, ending="file")
    assert world.app.get(f"http://{name}/file").status_code in (200, 302)


def test_links_move_between_teams(world: World) -> None:
    ann = world.owner
    make(ann, "mine")
    page = ann.get("/-/dashboard").text
    [link] = re.findall(r'data-link="(\d+)"', page)
    form = {"do": "move", "id": link, "place": f"team:{world.team}"}
    done(ann.send("/-/links/bulk", form))
    assert listed(world.people["ben"]) == ["mine"]
    form["place"] = f"campaign:{world.ids['campaign']}"
    done(ann.send("/-/links/bulk", form))
    assert listed(ann, f"?team={world.team}&campaign={world.ids['campaign']}") == ["mine"]
    assert "1 link" in ann.get(world.path).text
    rows = everything(world.app)
    done(world.people["ben"].send("/-/links/bulk", form | {"place": "team:x"}))
    assert listed(ann, f"?campaign={world.ids['campaign']}") == ["mine"], rows


def test_a_member_changes_what_is_his_alone(world: World) -> None:
    ben = world.people["ben"]
    make(world.owner, "ours", world.team)
    make(ben, "theirs", world.team)
    page = ben.get("/-/dashboard").text
    ids = dict(
        zip(
            re.findall(r'data-url="[^"]*/([^"/]+)"', page),
            re.findall(r'data-link="(\d+)"', page),
            strict=True,
        )
    )
    for ending, may in (("ours", False), ("theirs", True)):
        delete = f"/-/links/{ids[ending]}/delete"
        assert (f'formaction="{delete}"' in page) is may
        assert ben.send(delete).status_code == (303 if may else 403)
    assert listed(ben) == ["ours"]
    assert listed(world.people["adam"]) == ["ours"]
    done(world.people["adam"].send(f"/-/links/{ids['ours']}/delete"))
    assert listed(ben) == []


def edit_page(surfer: Surfer) -> str:
    """The address of the settings of the one link in somebody's list."""
    [link] = re.findall(r'data-link="(\d+)"', surfer.get("/-/dashboard").text)
    return f"/-/links/{link}/edit"


def test_who_may_not_change_a_link_finds_no_way_to(world: World) -> None:
    make(world.owner, "ours", world.team)
    address = edit_page(world.owner)
    mine, theirs = (world.people[name].get(address).text for name in ("ann", "ben"))
    assert mine.count(">Save</button>") >= 5 and "<fieldset disabled" not in mine
    assert "Save</button>" not in theirs and "Set the password" not in theirs
    assert '<fieldset class="stack groups" disabled>' in theirs
    assert 'value="https://example.org/"' in theirs, "but sees what there is"
    form = {"destination": "https://evil.example/", "ending": "ours", "host": "0"}
    answer = world.people["ben"].send(f"{address}/where", form)
    assert "Your role in the team does not allow this." in answer.text
    assert answer.status_code == 422 and world.owner.get(address).text == mine


def test_trackers_of_the_team_are_copied(world: World) -> None:
    ben = world.people["ben"]
    make(ben, "theirs", world.team)
    address = edit_page(ben)
    page = ben.get(address).text
    assert "Kept by the team" in page and "Pixel" in page
    copies = address.replace("/edit", "/trackers")
    form = {"tracker": world.ids["tracker"]}
    for wrong in ("none", UNKNOWN, "x" * 65):
        answer = ben.send(copies, {"tracker": wrong})
        assert answer.status_code == 422 and 'role="alert"' in answer.text
    page = ben.follow(ben.send(copies, form)).text
    assert f'value="{QUORA}"' in page, "as one of the link's own"
    rows = everything(world.app)
    bob = world.people["bob"]
    assert "Kept by the team" not in bob.get(address).text
    assert bob.send(copies, form).status_code == 403
    assert world.people["cat"].send(copies, form).status_code == 404
    assert everything(world.app) == rows
