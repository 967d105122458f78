"""Passkeys in Chromium with a virtual authenticator: added, used by button and by autofill, named,
removed; and an authenticator app, with scripts and without."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.test_every_page import CUT
from tests.browser.test_signing_in import sign_in, sign_out, sign_up
from tests.browser.watch import Watch
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

FACTORS = "/-/account/second-factor"

Device = Callable[[Page], "VirtualAuthenticator"]

NO_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
"""Has a page for signing in ask for a passkey when its button is pressed, and not before: whoever
presses the authenticator's then cannot know which of the two he answers."""
NOTED = """
const { get } = CredentialsContainer.prototype;
CredentialsContainer.prototype.get = function (options) {
  const answer = get.call(this, options);
  window.asked = true;
  return answer;
};
"""
"""Has a page note that it has asked for a passkey."""


class VirtualAuthenticator:
    """The browser's own, which presses its button by itself."""

    def __init__(self, tab: Page, **options: object) -> None:
        self._cdp: CDPSession = tab.context.new_cdp_session(tab)
        self._cdp.send("WebAuthn.enable")
        wanted = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **options,
        }
        made = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": wanted})
        self._id = made["authenticatorId"]

    def verify(self, is_verified: bool) -> None:
        """Whether its owner's finger is the right one from here on."""
        self._cdp.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": is_verified}
        )

    def press(self, does_it: bool) -> None:
        """Whether anybody presses its button."""
        self._cdp.send(
            "WebAuthn.setAutomaticPresenceSimulation",
            {"authenticatorId": self._id, "enabled": does_it},
        )

    @property
    def credentials(self) -> list[dict[str, object]]:
        found = self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        kept: list[dict[str, object]] = found["credentials"]
        return kept


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server where browsers have passkeys."""
    port = free_port()
    url = f"http://localhost:{port}"
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": url}
    process = ServerProcess(tmp_path_factory.mktemp("passkeys") / "data", environ, port=port)
    process.start()
    yield url
    process.stop()


@pytest.fixture
def name() -> str:
    return secrets.token_hex(5)


def add(tab: Page, url: str, called: str) -> None:
    tab.goto(url + FACTORS)
    tab.get_by_label("Name of a new one").fill(called)
    tab.get_by_role("button", name="Add a passkey").click()
    expect(tab.get_by_role("status").first).to_contain_text("The passkey is added")
    expect(tab.locator("b", has_text=called)).to_be_visible()


def test_a_passkeys_life(tab: Page, watch: Watch, url: str, name: str) -> None:
    sign_up(tab, url, name)
    device = VirtualAuthenticator(tab)
    add(tab, url, "Phone")
    [made] = device.credentials
    assert made["isResidentCredential"] is True and made["rpId"] == "localhost"
    assert violations(tab) == []
    # The same device makes no second one.
    tab.get_by_label("Name of a new one").fill("Again")
    tab.get_by_role("button", name="Add a passkey").click()
    expect(tab.locator("#say")).to_contain_text("has a passkey for this account already")

    # The button takes the place of the autofill, which waits by then.
    device.press(False)
    sign_out(tab, url)
    tab.add_init_script(NOTED)
    tab.goto(f"{url}/-/login?next=/-/account")
    tab.wait_for_function("window.asked")
    assert violations(tab) == []
    device.press(True)
    tab.get_by_role("button", name="Sign in with a passkey").click()
    expect(tab).to_have_url(f"{url}/-/account")
    tab.goto(url + FACTORS)
    expect(tab.get_by_text("last used")).to_be_visible()

    tab.get_by_text("Rename").click()
    tab.get_by_label("Name", exact=True).fill("Old phone")
    tab.get_by_role("button", name="Save").click()
    expect(tab.locator("b", has_text="Old phone")).to_be_visible()
    wide = "W" * 64
    tab.get_by_text("Rename").click()
    tab.get_by_label("Name", exact=True).fill(wide)
    tab.get_by_role("button", name="Save").click()
    expect(tab.locator("b", has_text=wide)).to_be_visible()
    tab.set_viewport_size({"width": 320, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    assert tab.evaluate(CUT) == []
    assert violations(tab) == []
    tab.get_by_role("button", name=f"Remove the passkey {wide}").click()
    expect(tab.get_by_text("None yet.")).to_be_visible()
    assert watch.strangers(url) == []


def test_the_autofill_of_the_name_offers_it(tab: Page, url: str, name: str) -> None:
    sign_up(tab, url, name)
    device = VirtualAuthenticator(tab)
    add(tab, url, "Phone")
    device.press(False)
    sign_out(tab, url)
    device.press(True)
    tab.goto(f"{url}/-/login?next=/-/account")
    expect(tab).to_have_url(f"{url}/-/account")
    expect(tab.get_by_role("heading", name="Account", exact=True)).to_be_visible()


def test_who_is_not_verified_is_not_let_in(tab: Page, url: str, name: str) -> None:
    tab.add_init_script(NO_AUTOFILL)
    sign_up(tab, url, name)
    device = VirtualAuthenticator(tab)
    add(tab, url, "Phone")
    device.press(False)
    sign_out(tab, url)
    tab.goto(f"{url}/-/login")
    device.verify(False)
    device.press(True)
    tab.get_by_role("button", name="Sign in with a passkey").click()
    expect(tab.locator("#say")).to_contain_text("The browser gave no passkey.")
    expect(tab).to_have_url(f"{url}/-/login")


def test_browsers_that_do_not_read_json_themselves(tab: Page, url: str, name: str) -> None:
    tab.add_init_script(NO_AUTOFILL)
    tab.add_init_script("""
        for (const way of ["parseCreationOptionsFromJSON", "parseRequestOptionsFromJSON"])
            delete PublicKeyCredential[way];
        delete PublicKeyCredential.prototype.toJSON;
    """)
    sign_up(tab, url, name)
    device = VirtualAuthenticator(tab)
    add(tab, url, "Phone")
    device.press(False)
    sign_out(tab, url)
    tab.goto(f"{url}/-/login?next=/-/account")
    device.press(True)
    tab.get_by_role("button", name="Sign in with a passkey").click()
    expect(tab).to_have_url(f"{url}/-/account")


def test_a_page_that_is_open_for_long(tab: Page, url: str, name: str) -> None:
    tab.add_init_script(NO_AUTOFILL)
    sign_up(tab, url, name)
    device = VirtualAuthenticator(tab)
    add(tab, url, "Phone")
    device.press(False)
    sign_out(tab, url)
    tab.clock.install()
    tab.goto(f"{url}/-/login?next=/-/account")
    tab.clock.set_fixed_time(time.time() + 3600)
    device.press(True)
    with tab.expect_request("**/-/login/passkey/options"):
        tab.get_by_role("button", name="Sign in with a passkey").click()
    expect(tab).to_have_url(f"{url}/-/account")


@pytest.mark.parametrize("scripts", [True, False])
def test_an_app_and_its_codes(
    chromium: Browser, watch: Watch, url: str, name: str, scripts: bool
) -> None:
    context = chromium.new_context(java_script_enabled=scripts)
    tab = watch.attach(context)
    sign_up(tab, url, name)
    tab.get_by_role("link", name="Passkeys and second factor").click()
    expect(tab.get_by_role("button", name="Add a passkey")).to_be_visible(visible=scripts)
    tab.get_by_role("button", name="Set up an app").click()
    expect(tab.get_by_alt_text("QR code for the authenticator app")).to_be_visible()
    app = pyotp.TOTP(tab.locator("#secret").inner_text().replace(" ", ""))
    tab.get_by_label("The six digits it shows now").fill(app.now())
    tab.get_by_role("button", name="Use this app").click()
    expect(tab.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = tab.locator("#codes").inner_text().split()
    assert len(codes) == 10
    sign_out(tab, url)
    sign_in(tab, url, name)
    expect(tab.get_by_role("heading", name="One more proof")).to_be_visible()
    tab.get_by_label("Code").fill("000000")
    tab.get_by_role("button", name="Sign in", exact=True).click()
    expect(tab.get_by_role("alert")).to_contain_text("This code is wrong")
    tab.get_by_label("Code").fill(codes[0])
    tab.get_by_role("button", name="Sign in", exact=True).click()
    expect(tab).to_have_url(re.compile(r".*/-/account$"))
    context.close()
    assert watch.complaints == []
