"""The pages that mails lead to, in Chromium: with scripts, without, and without WebCrypto."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, Request, expect

from tests.api.v2.people import double_sha256, pbkdf2
from tests.browser.test_pages import FAINT, evaluate
from tests.browser.watch import Watch
from tests.mail.post_office import link_of, parsed
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    pass

PASSWORD = "Ünlock 50% & + more"
DONE = "Your new password is set"
DIFFERENT = "These are two different passwords."
NO_SUBTLE = "Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined })"
"""What a page of plain http on another machine finds."""


class Somebody:
    """A person with an account on the site, and a mailbox."""

    def __init__(self, site: ServerProcess) -> None:
        self.site = site
        self.email = f"{secrets.token_hex(6)}@nowhere.example"
        self.credentials = site.call("signup", email=self.email, password="ab" * 32)
        self.credentials = {name: self.credentials[name] for name in ("userid", "token")}

    def verify_link(self) -> str:
        self.site.call("verify_email", **self.credentials)
        return self._link("verify")

    def reset_link(self) -> str:
        self.site.call("forgot_password", username_email=self.email)
        return self._link("reset")

    def type(self) -> str:
        return str(self.site.call("get_account_info", **self.credentials)["type"])

    def opens(self, password: str) -> None:
        """Logs in; raises if the password is not the one."""
        self.site.call("login", username_email=self.email, password=password)

    def _link(self, page: str) -> str:
        """Of the newest mail, which the server writes within a second or two."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for file in sorted(Path(self.site.data_dir, "outbox").glob("*.eml"), reverse=True):
                mail = parsed(file.read_bytes())
                if mail["To"] == self.email and f"/-/{page}?" in link_of(mail):
                    return link_of(mail)
            time.sleep(0.05)
        raise AssertionError(f"no mail came: {self.site.log}")


@pytest.fixture
def somebody(site: ServerProcess) -> Somebody:
    return Somebody(site)


def type_in(tab: Page, password: str, again: str | None = None) -> None:
    tab.get_by_label("New password").fill(password)
    tab.get_by_label("Once more").fill(password if again is None else again)
    tab.get_by_role("button", name="Set the password").click()


class TestVerify:
    def test_a_button_does_it(self, tab: Page, somebody: Somebody) -> None:
        tab.goto(somebody.verify_link())
        expect(tab.get_by_label("Address")).to_have_value(somebody.email)
        assert somebody.type() == "registered"
        tab.get_by_role("button", name="Verify").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Your address is verified")
        assert somebody.type() == "verified"

    def test_a_double_click_is_no_mistake(
        self, tab: Page, watch: Watch, somebody: Somebody
    ) -> None:
        tab.goto(somebody.verify_link())
        tab.get_by_role("button", name="Verify").dblclick()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Your address is verified")
        tab.reload()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Your address is verified")
        # The second click calls the first request off.
        watch.complaints[:] = [one for one in watch.complaints if "ERR_ABORTED" not in one]

    def test_without_scripts(self, plain_tab: Page, somebody: Somebody) -> None:
        plain_tab.goto(somebody.verify_link())
        plain_tab.get_by_role("button", name="Verify").click()
        expect(plain_tab.get_by_role("heading", level=1)).to_have_text("Your address is verified")
        assert somebody.type() == "verified"


class TestReset:
    def test_the_browser_derives_and_the_password_stays_there(
        self, tab: Page, watch: Watch, somebody: Somebody, site: ServerProcess
    ) -> None:
        sent: list[tuple[str, str]] = []
        tab.on("request", lambda request: sent.append((request.url, request.post_data or "")))
        link = somebody.reset_link()
        tab.goto(link)
        type_in(tab, PASSWORD)
        expect(tab.get_by_role("heading", level=1)).to_have_text(DONE)
        [body] = [parse_qs(body) for url, body in sent if url == f"{site.url}/-/reset"]
        assert body["password_pbkdf2"] == [pbkdf2(PASSWORD)]
        assert body["password_sha256"] == [double_sha256(PASSWORD)]
        assert not {"password", "again"} & body.keys()
        assert PASSWORD not in json.dumps(sent, ensure_ascii=False)
        assert watch.strangers(site.url) == []
        somebody.opens(pbkdf2(PASSWORD))
        somebody.opens(double_sha256(PASSWORD))

    def test_no_address_of_the_page_is_told_on(self, tab: Page, somebody: Somebody) -> None:
        requests: list[Request] = []
        tab.on("request", lambda request: requests.append(request))
        tab.goto(somebody.reset_link())
        assert len(requests) >= 4
        referrers = {request.header_value("referer") for request in requests}
        assert referrers <= {None, f"{somebody.site.url}/"}

    def test_two_different_passwords(self, tab: Page, somebody: Somebody) -> None:
        tab.goto(somebody.reset_link())
        type_in(tab, PASSWORD, "another")
        again = tab.get_by_label("Once more")
        assert again.evaluate("field => field.validationMessage") == DIFFERENT
        type_in(tab, PASSWORD)
        expect(tab.get_by_role("heading", level=1)).to_have_text(DONE)

    def test_a_used_link_says_so(self, tab: Page, somebody: Somebody) -> None:
        link = somebody.reset_link()
        tab.goto(link)
        type_in(tab, PASSWORD)
        expect(tab.get_by_role("heading", level=1)).to_have_text(DONE)
        tab.goto(link)
        type_in(tab, "another")
        expect(tab.get_by_text("This code has been used already.")).to_be_visible()
        somebody.opens(pbkdf2(PASSWORD))

    def test_without_scripts_the_server_derives(self, plain_tab: Page, somebody: Somebody) -> None:
        plain_tab.goto(somebody.reset_link())
        type_in(plain_tab, PASSWORD, "another")
        expect(plain_tab.get_by_role("alert")).to_have_text(DIFFERENT)
        type_in(plain_tab, PASSWORD)
        expect(plain_tab.get_by_role("heading", level=1)).to_have_text(DONE)
        somebody.opens(pbkdf2(PASSWORD))
        somebody.opens(double_sha256(PASSWORD))

    def test_a_password_is_the_same_however_it_is_typed(
        self, tab: Page, somebody: Somebody
    ) -> None:
        tab.goto(somebody.reset_link())
        type_in(tab, "Cafe\u0301 Zoe\u0308", "Caf\u00e9 Zo\u00eb")
        expect(tab.get_by_role("heading", level=1)).to_have_text(DONE)
        somebody.opens(pbkdf2("Caf\u00e9 Zo\u00eb"))
        somebody.opens(double_sha256("Caf\u00e9 Zo\u00eb"))

    def test_without_webcrypto_the_server_derives(self, tab: Page, somebody: Somebody) -> None:
        tab.add_init_script(NO_SUBTLE)
        tab.goto(somebody.reset_link())
        assert evaluate(tab, "crypto.subtle === undefined")
        type_in(tab, PASSWORD)
        expect(tab.get_by_role("heading", level=1)).to_have_text(DONE)
        somebody.opens(pbkdf2(PASSWORD))
        somebody.opens(double_sha256(PASSWORD))

    def test_it_stands_out_and_fits(self, tab: Page, somebody: Somebody) -> None:
        tab.goto(somebody.reset_link())
        tab.set_viewport_size({"width": 320, "height": 800})
        assert evaluate(tab, "document.documentElement.scrollWidth") == 320
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert evaluate(tab, FAINT) == []

    def test_the_keyboard_is_enough(self, tab: Page, somebody: Somebody) -> None:
        tab.goto(somebody.reset_link())
        tab.get_by_label("New password").focus()
        tab.keyboard.type("Trial151!")
        tab.keyboard.press("Tab")
        tab.keyboard.type("Trial151!")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("heading", level=1)).to_have_text(DONE)
        somebody.opens(hashlib.sha256(hashlib.sha256(b"Trial151!").digest()).hexdigest())
