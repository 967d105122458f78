"""Two people in one team, each in a browser of his own: with scripts, and without."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import stop_time
from tests.browser.shelf import filled_team, new_shelf
from tests.browser.watch import Watch
from tests.server_process import ServerProcess


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def tabs(
    request: pytest.FixtureRequest, chromium: Browser, watch: Watch
) -> Iterator[tuple[Page, Page]]:
    contexts = [chromium.new_context(java_script_enabled=request.param) for _ in range(2)]
    first, second = (watch.attach(context) for context in contexts)
    yield first, second
    for context in contexts:
        context.close()
    assert watch.complaints == []


def signed_in(site: ServerProcess, tab: Page, name: str) -> str:
    """Somebody new in a browser: his name."""
    name = f"{name}-{uuid4().hex[:8]}"
    new_shelf(site, name).enter(tab.context)
    return name


def test_two_people_in_one_team(tabs: tuple[Page, Page], site: ServerProcess) -> None:
    ann, ben = tabs
    signed_in(site, ann, "ann")
    name = signed_in(site, ben, "ben")
    # Ann makes a team, and invites.
    ann.goto(f"{site.url}/-/teams")
    ann.get_by_label("Name").fill("Shop")
    ann.get_by_role("button", name="Make a team").click()
    expect(ann.get_by_role("heading", level=1)).to_have_text("Shop")
    team = ann.url.rpartition("/")[2]
    ann.get_by_label("Name or e-mail address").fill("nobody-of-this-name")
    ann.get_by_role("button", name="Invite").click()
    expect(ann.get_by_role("alert")).to_have_text("There is no such account.")
    ann.get_by_label("Name or e-mail address").fill(name)
    ann.get_by_role("button", name="Invite").click()
    expect(ann.locator("#offers li")).to_contain_text(name)
    # Ben is told, joins, and works as the team.
    ben.goto(f"{site.url}/-/dashboard")
    ben.get_by_role("link", name="An invitation to a team").click()
    ben.get_by_role("button", name="Join Shop").click()
    expect(ben.get_by_role("heading", level=1)).to_have_text("Shop")
    for button in ("Invite", "Save", "Delete the team", "Make the campaign"):
        expect(ben.get_by_role("button", name=button)).to_have_count(0)
    ben.get_by_role("link", name="New link for this team").click()
    expect(ben.get_by_role("button", name="Working as: Shop")).to_be_visible()
    ben.get_by_label("Long address").fill("example.org/spring")
    ben.get_by_role("button", name="Shorten").click()
    expect(ben.locator("#made")).to_be_visible()
    # Ann finds it, and who made it, by the switch in the list.
    ann.goto(f"{site.url}/-/dashboard")
    ann.get_by_role("button", name="Working as: all teams").click()
    ann.get_by_role("link", name="Shop", exact=True).click()
    expect(ann).to_have_url(f"{site.url}/-/dashboard?team={team}")
    expect(ann.locator(".row")).to_contain_text(f"by {name}")
    expect(ann.get_by_role("link", name="New", exact=True)).to_have_attribute(
        "href", f"/?team={team}"
    )
    # An admin, and then out of it with his link.
    ann.goto(f"{site.url}/-/teams/{team}")
    place = ann.locator("#members li", has_text=name)
    place.locator("summary").click()
    place.get_by_label("Role").select_option("admin")
    place.get_by_role("button", name="Change the role").click()
    expect(place.locator(".tag")).to_have_text("admin")
    ben.goto(f"{site.url}/-/teams/{team}")
    expect(ben.get_by_role("button", name="Invite")).to_be_visible()
    expect(ben.locator("#delete")).to_have_count(0)
    place.locator("summary").click()
    place.get_by_label("Links made for the team go along").check()
    place.get_by_role("button", name="Remove from the team").click()
    expect(ann.locator("#members li")).to_have_count(1)
    ben.reload()
    expect(ben.get_by_role("heading", level=1)).to_have_text("No link answers here")
    ben.goto(f"{site.url}/-/dashboard")
    expect(ben.locator(".row")).to_contain_text("example.org")
    # The end, by its name.
    ann.locator("#delete summary").click()
    ann.get_by_label("Type its name: Shop").fill("shop")
    ann.get_by_role("button", name="Delete the team").click()
    expect(ann.get_by_role("alert")).to_have_text("This is not the team's name.")
    ann.get_by_label("Type its name: Shop").fill("Shop")
    ann.get_by_role("button", name="Delete the team").click()
    expect(ann.locator("#say")).to_contain_text("Shop is deleted.")


def test_a_domain_and_its_record(tab: Page, site: ServerProcess) -> None:
    owner, _, path = filled_team(site)
    owner.enter(tab.context)
    # A second key is waited for no longer than 1.5 seconds.
    stop_time(tab)
    tab.goto(site.url + path)
    tab.keyboard.press("g")
    tab.keyboard.press("m")
    expect(tab).to_have_url(f"{site.url}/-/teams")
    tab.clock.resume()
    tab.get_by_role("link", name="docs", exact=True).click()
    expect(tab).to_have_url(site.url + path)
    tab.wait_for_load_state()
    domain = tab.locator("#domains li").last
    domain.get_by_role("button", name="Copy the record's name").click()
    expect(domain.get_by_role("button", name="Copy the record's name")).to_be_visible()
    domain.locator("summary").last.click()
    domain.get_by_label("To give it up, type its name").fill("no")
    domain.get_by_role("button", name="Give the domain up").click()
    expect(tab.get_by_role("alert")).to_have_text("This is not the domain's name.")
    expect(domain.get_by_label("To give it up, type its name")).to_be_focused()


def test_pasting_into_the_list_of_a_team(tab: Page, site: ServerProcess) -> None:
    owner, _, path = filled_team(site)
    owner.enter(tab.context)
    team = path.rpartition("/")[2]
    tab.goto(f"{site.url}/-/dashboard?team={team}")
    tab.evaluate("""() => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", "https://example.org/pasted");
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }""")
    expect(tab.get_by_label("Long address")).to_have_value("https://example.org/pasted")
    expect(tab.get_by_role("button", name="Working as: docs")).to_be_visible()
    tab.get_by_label("Long address").press("Enter")
    expect(tab.locator("#made")).to_be_visible()
    tab.goto(f"{site.url}/-/dashboard?team={team}")
    expect(tab.locator(".row").first).to_contain_text("/pasted")
