"""Signing up, in and out in Chromium: with scripts, without, by keys alone, and over plain http on
a name, where nothing can be derived."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, Request, expect

from tests.api.v2.people import double_sha256, pbkdf2
from tests.browser.conftest import stop_time
from tests.browser.watch import Watch
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "Pässword 50% & +"
WIRED = "P%C3%A4ssword"


class Wire:
    """What a tab sends."""

    def __init__(self, tab: Page) -> None:
        self.bodies: list[str] = []
        tab.on("request", self._note)

    def _note(self, request: Request) -> None:
        self.bodies.append(request.url + (request.post_data or ""))

    def has(self, text: str) -> bool:
        return any(text in body for body in self.bodies)


@pytest.fixture
def name() -> str:
    return secrets.token_hex(5)


def sign_up(tab: Page, url: str, name: str, password: str = PASSWORD) -> None:
    tab.goto(f"{url}/-/signup?next=/-/account")
    tab.get_by_label("E-mail").fill(f"{name}@nowhere.example")
    tab.get_by_label("Name (optional)").fill(name)
    tab.get_by_label("Password").fill(password)
    tab.get_by_label("Once more").fill(password)
    tab.get_by_role("button", name="Sign up").click()
    expect(tab.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    tab.wait_for_load_state()


def sign_in(tab: Page, url: str, name: str, password: str = PASSWORD) -> None:
    tab.goto(f"{url}/-/login?next=/-/account")
    tab.get_by_label("Name or e-mail").fill(name)
    tab.get_by_label("Password").fill(password)
    tab.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(tab: Page, url: str) -> None:
    tab.goto(f"{url}/-/logout")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab).to_have_url(f"{url}/")
    tab.wait_for_load_state()


def test_the_password_never_leaves_the_browser(tab: Page, site: ServerProcess, name: str) -> None:
    wire = Wire(tab)
    sign_up(tab, site.url, name)
    expect(tab.get_by_role("status").first).to_contain_text("Welcome")
    sign_out(tab, site.url)
    sign_in(tab, site.url, name)
    expect(tab.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    tab.wait_for_load_state()
    tab.get_by_label("Your password now").fill(PASSWORD)
    tab.get_by_label("New password").fill("Änother 1")
    tab.get_by_label("Once more").fill("Änother 1")
    tab.get_by_role("button", name="Change the password").click()
    expect(tab.get_by_role("status").first).to_contain_text("Your password is changed")
    assert wire.has(pbkdf2(PASSWORD))
    assert wire.has(double_sha256("Änother 1"))
    for secret in (WIRED, PASSWORD, "nother 1", "nother+1"):
        assert not wire.has(secret)
    for derive in (pbkdf2, double_sha256):
        site.call("login", username_email=name, password=derive("Änother 1"))


def test_without_scripts_it_is_the_same(plain_tab: Page, site: ServerProcess, name: str) -> None:
    wire = Wire(plain_tab)
    sign_up(plain_tab, site.url, name)
    assert wire.has(WIRED)
    sign_out(plain_tab, site.url)
    sign_in(plain_tab, site.url, name, "wrong password")
    expect(plain_tab.get_by_role("alert")).to_contain_text("do not fit together")
    expect(plain_tab.get_by_label("Name or e-mail")).to_have_value(name)
    plain_tab.wait_for_load_state()
    assert "Scripts are off here" in plain_tab.content()
    plain_tab.get_by_label("Password").fill(PASSWORD)
    plain_tab.get_by_role("button", name="Sign in").click()
    expect(plain_tab).to_have_url(f"{site.url}/-/account")


def test_by_keys_alone(tab: Page, site: ServerProcess, name: str) -> None:
    site.call("signup", email=f"{name}@nowhere.example", password=pbkdf2(PASSWORD), username=name)
    tab.goto(f"{site.url}/-/login?next=/-/account")
    expect(tab.get_by_label("Name or e-mail")).to_be_focused()
    tab.keyboard.type(name)
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Forgotten?")).to_be_focused()
    tab.keyboard.press("Tab")
    tab.keyboard.type("wrong")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_be_visible()
    expect(tab.locator("#wrong")).to_be_focused()
    tab.get_by_label("Password").focus()
    tab.keyboard.type(PASSWORD)
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(f"{site.url}/-/account")
    tab.wait_for_load_state()


def test_two_different_passwords_are_not_sent(tab: Page, site: ServerProcess, name: str) -> None:
    wire = Wire(tab)
    tab.goto(f"{site.url}/-/signup")
    tab.get_by_label("E-mail").fill(f"{name}@nowhere.example")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_label("Once more").fill("another one")
    tab.get_by_role("button", name="Sign up").click()
    assert tab.get_by_label("Once more").evaluate("field => field.validationMessage") == (
        "These are two different passwords."
    )
    assert not wire.has("password_new")
    tab.get_by_label("Once more").fill(PASSWORD)
    tab.get_by_role("button", name="Sign up").click()
    tab.wait_for_url("**/-/dashboard")


def test_after_signing_out_nothing_comes_back(tab: Page, site: ServerProcess, name: str) -> None:
    sign_up(tab, site.url, name)
    sign_out(tab, site.url)
    for _ in range(2):
        tab.go_back()
        expect(tab.get_by_role("heading", name="Account", exact=True)).not_to_be_visible()
    tab.goto(f"{site.url}/-/account")
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()


def test_over_plain_http_on_a_name(
    chromium: Browser, watch: Watch, tmp_path: Path, name: str
) -> None:
    """Browsers derive nothing there, and say less of where a form comes from."""
    process = ServerProcess(tmp_path / "data", GENEROUS)
    url = f"http://nas.lan:{process.port}"
    process.environ["SHORTD_PUBLIC_URL"] = url
    process.start()
    context = chromium.new_context()
    tab = watch.attach(context)
    try:
        tab.goto(f"{url}/-/login")
        expect(tab.get_by_text("not encrypted (http)")).to_be_visible()
        sign_up(tab, url, name)
        sign_out(tab, url)
        sign_in(tab, url, name)
        expect(tab).to_have_url(f"{url}/-/account")
        tab.wait_for_load_state()
        (cookie,) = [one for one in context.cookies() if one["name"] == "shortd"]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    finally:
        context.close()
        process.stop()
    assert watch.complaints == []


def test_a_form_outlives_its_login(tab: Page, site: ServerProcess, name: str) -> None:
    sign_up(tab, site.url, name)
    tab.get_by_label("Name", exact=True).fill(f"{name}-2")
    tab.context.clear_cookies(name="shortd")
    tab.get_by_role("button", name="Change the name").click()
    expect(tab.get_by_text("what you have just typed can be sent")).to_be_visible()
    # The browser says that the answer was a refusal.
    tab.get_by_label("Name or e-mail").fill(name)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in", exact=True).click()
    tab.get_by_role("button", name="Send it now").click()
    expect(tab.get_by_label("Name", exact=True)).to_have_value(f"{name}-2")


def test_a_password_can_be_looked_at(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/login")
    password = tab.get_by_label("Password")
    password.fill(PASSWORD)
    eye = tab.get_by_role("button", name="Show what is typed")
    eye.click()
    expect(password).to_have_attribute("type", "text")
    expect(password).to_be_focused()
    expect(eye).to_have_attribute("aria-pressed", "true")
    eye.click()
    expect(password).to_have_attribute("type", "password")


def test_a_login_that_ends_is_told_of(tab: Page, site: ServerProcess, name: str) -> None:
    sign_up(tab, site.url, name)
    stop_time(tab)
    tab.goto(f"{site.url}/-/dashboard")
    left = tab.locator("[data-left]").evaluate("element => Number(element.dataset.left)")
    # 30 days are more than a browser counts; the page is told of less.
    tab.route(
        "**/-/tags",
        lambda route: route.fulfill(
            response=(answer := route.fetch()),
            body=answer.text().replace(f'data-left="{_left(answer.text())}"', 'data-left="180000"'),
        ),
    )
    assert left > 29 * 86_400_000
    tab.goto(f"{site.url}/-/tags")
    tab.clock.run_for(59_000)
    expect(tab.locator("#say")).to_be_empty()
    tab.clock.run_for(2_000)
    expect(tab.locator("#say")).to_contain_text("ends in two minutes")


def _left(page: str) -> str:
    return page.partition('data-left="')[2].partition('"')[0]
