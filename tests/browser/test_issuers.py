"""To an issuer and back in Chromium, under the policy of our pages: signing in, proving who one is,
linking, failing, and out again."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.test_every_page import CUT, LOOKS, evaluate
from tests.browser.test_signing_in import sign_up
from tests.browser.watch import Watch
from tests.issuers.conftest import Issuer, home, issuer, issuer_process
from tests.issuers.provider import SECRET
from tests.server_process import ServerProcess

__all__ = ["home", "issuer", "issuer_process"]


def is_for_everybody(tab: Page) -> None:
    """In both schemes and widths."""
    tab.wait_for_load_state()
    for scheme, width in LOOKS:
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        tab.set_viewport_size({"width": width, "height": 800})
        assert violations(tab) == [], (scheme, width)
        assert evaluate(tab, "document.documentElement.scrollWidth") <= width
        assert evaluate(tab, CUT) == [], width
    tab.set_viewport_size({"width": 1280, "height": 800})


def there_and_back(tab: Page) -> None:
    expect(tab.get_by_role("heading", name="Issuer")).to_be_visible()
    tab.get_by_role("link", name="Yes").click()


def test_the_whole_way(tab: Page, watch: Watch, home: ServerProcess, issuer: Issuer) -> None:
    url = home.url
    assert f"{url}/-/login/oidc/home/callback" in home.log
    assert SECRET not in home.log
    tab.goto(f"{url}/-/login?next=/-/account")
    expect(tab.get_by_role("link", name="Go on with Home")).to_be_visible()
    is_for_everybody(tab)
    tab.get_by_role("link", name="Go on with Home").click()
    there_and_back(tab)
    expect(tab).to_have_url(f"{url}/-/account")
    expect(tab.get_by_role("heading", name="Ways to sign in")).to_be_visible()
    is_for_everybody(tab)
    # What a password opens elsewhere.
    tab.get_by_text("Another address").click()
    tab.get_by_role("link", name="Show first that it is you").first.click()
    expect(tab.get_by_role("heading", name="Is it you?")).to_be_visible()
    is_for_everybody(tab)
    tab.get_by_role("link", name="Go on with Home").click()
    there_and_back(tab)
    expect(tab.get_by_role("status").first).to_contain_text("It is you.")
    expect(tab.get_by_role("link", name="Show first that it is you")).to_have_count(0)
    tab.get_by_label("New password").fill("Password 1")
    tab.get_by_label("Once more").fill("Password 1")
    tab.get_by_role("button", name="Set the password").click()
    expect(tab.get_by_role("status").first).to_contain_text("Your password is changed")
    # Out, here and there.
    tab.goto(f"{url}/-/logout")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab).to_have_url(f"{url}/-/logout/done?issuer=home")
    is_for_everybody(tab)
    tab.get_by_role("link", name="Sign out of Home, too").click()
    expect(tab).to_have_title("Signed out there")
    assert watch.strangers(url, issuer.url) == []


def test_what_failed_is_said(tab: Page, home: ServerProcess, issuer: Issuer) -> None:
    issuer.tell(claims={"aud": "an-audience-" + "x" * 80})
    tab.goto(f"{home.url}/-/login")
    tab.get_by_role("link", name="Go on with Home").click()
    there_and_back(tab)
    expect(tab.get_by_role("alert")).to_contain_text("another audience")
    is_for_everybody(tab)
    issuer.tell(claims={})
    tab.get_by_role("link", name="Try again").click()
    there_and_back(tab)
    expect(tab).to_have_url(f"{home.url}/-/dashboard")


def test_linking(tab: Page, home: ServerProcess, issuer: Issuer) -> None:
    sign_up(tab, home.url, "bob")
    tab.get_by_role("link", name="Link Home").click()
    there_and_back(tab)
    expect(tab.get_by_role("status").first).to_contain_text("Home opens this account")
    tab.get_by_role("button", name="Unlink Home").click()
    expect(tab.get_by_role("status").first).to_contain_text("opens this account no more")
