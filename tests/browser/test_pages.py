"""Every page in a real browser: whole, quiet, at home, usable by keyboard and on a phone."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from shortd.api.v2.registry import CALLS
from shortd.languages import open_languages
from tests.browser.conftest import NewLink
from tests.browser.watch import Watch
from tests.bundles import new_bundle
from tests.server_process import PLAIN, ServerProcess

HOSTILE = (
    "https://example.com/\"><script>alert(1)</script>?a='onmouseover='alert(2)"
    '&b={{7*7}}&lt;img/src=x/onerror=alert(3)&gt;#"><img/src=//evil.example/x.png>'
)


@pytest.fixture(
    params=[
        *("home", "docs", "preview", "hidden", "hostile", "missing", "gone", "verify"),
        *("password", "protected", "bundle"),
    ]
)
def address(
    request: pytest.FixtureRequest, site: ServerProcess, new_link: NewLink, protected: str
) -> str:
    """The address of each kind of page."""
    match request.param:
        case "password":
            return protected
        case "protected":
            return f"{protected}+"
        case "home":
            return f"{site.url}/"
        case "docs":
            return f"{site.url}/-/docs"
        case "preview":
            return f"{new_link()}+"
        case "bundle":
            names = ["a/" * 200 + "x" * 200, "z" * 200, HOSTILE, *map(str, range(60))]
            entry = new_bundle(site, dict.fromkeys(names, b"a"), filename="w" * 400)
            visit = httpx.get(entry["shorturl"], verify=PLAIN)
            return site.url + visit.headers["location"]
        case "hidden":
            return f"{new_link(expiration_count=1)}+"
        case "hostile":
            return f"{new_link(HOSTILE)}+"
        case "gone":
            return new_link(expiration_utime=1)
        case "verify":
            return f"{site.url}/-/verify?email=somebody@nowhere.example&code={'0' * 32}"
        case _:
            return f"{site.url}/nosuch"


def evaluate(tab: Page, expression: str) -> Any:
    return tab.evaluate(expression)


def test_a_page_asks_its_own_server_only(
    tab: Page, watch: Watch, site: ServerProcess, address: str
) -> None:
    tab.goto(address, wait_until="networkidle")
    assert watch.strangers(site.url) == []
    assert any("/-/static/style." in url for url in watch.requests)
    images = "[...document.images].map((image) => image.complete && image.naturalWidth > 0)"
    assert set(evaluate(tab, images)) == {True}
    # The style sheet has arrived, and holds.
    assert evaluate(tab, "getComputedStyle(document.body).display") == "flex"
    scripts = evaluate(tab, "document.scripts.length")
    with_scripts = {f"{site.url}/", f"{site.url}/-/docs"}
    assert (scripts > 0) is (address in with_scripts), "a visitor's page needs none"


def test_the_watch_sees_what_a_page_must_not_do(
    tab: Page, watch: Watch, site: ServerProcess
) -> None:
    tab.goto(f"{site.url}/nosuch")
    stranger = f"http://localhost:{site.port}/x.png"
    markup = f"<p style='color: red' onclick='x'><img src='{stranger}'>"
    expected = ("inline style violates", "inline event handler violates", stranger)
    with ExitStack() as arriving:
        arriving.enter_context(tab.expect_event("requestfailed"))
        for words in expected:
            arriving.enter_context(tab.expect_console_message(partial(_says, words)))
        tab.evaluate("(markup) => document.body.insertAdjacentHTML('beforeend', markup)", markup)
    for words in expected:
        assert any(words in complaint for complaint in watch.complaints), words
    assert watch.strangers(site.url) == [stranger]
    watch.complaints.clear()


def _says(words: str, message: ConsoleMessage) -> bool:
    return words in message.text


def test_a_page_fits_its_window(tab: Page, address: str) -> None:
    tab.goto(address)
    cut = """[...document.querySelectorAll("body *")].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width && box.left >= 0 && box.right > innerWidth + 1;
    }).map((element) => element.outerHTML.slice(0, 80))"""
    for width in (320, 360, 768, 1100):
        tab.set_viewport_size({"width": width, "height": 800})
        assert evaluate(tab, "document.documentElement.scrollWidth") == width
        assert evaluate(tab, cut) == [], width


def test_text_stands_out(tab: Page, address: str) -> None:
    tab.goto(address)
    backgrounds = set()
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert evaluate(tab, FAINT) == [], scheme
        backgrounds.add(evaluate(tab, "getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


# Text whose contrast with what is behind it is below 4.5 (WCAG 1.4.3), as [text, ratio].
FAINT = """(() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("body *")].filter((element) =>
        !element.closest("[aria-hidden=true]") && [...element.childNodes].some(
            (node) => node.nodeType === Node.TEXT_NODE && node.data.trim())
    ).map((element) => {
        const one = luminance(channels(getComputedStyle(element).color));
        const other = luminance(behind(element));
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        return [element.textContent.trim().slice(0, 40), ratio];
    }).filter(([, ratio]) => ratio < 4.5);
})()"""


def test_a_page_has_its_landmarks_and_one_heading(tab: Page, address: str) -> None:
    tab.goto(address)
    for role in ("banner", "main", "contentinfo"):
        expect(tab.get_by_role(role)).to_have_count(1)
    expect(tab.get_by_role("heading", level=1)).to_have_count(1)
    assert tab.title()


def test_the_keyboard_reaches_the_content_first(tab: Page, address: str) -> None:
    tab.goto(address)
    skip = tab.get_by_role("link", name="Skip to the content")
    expect(skip).not_to_be_in_viewport()
    # Some pages have put the focus into their one field.
    tab.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
    tab.locator("body").evaluate("(body) => { body.tabIndex = -1; body.focus(); }")
    tab.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(f"{address}#main")
    # The next stop is inside the content, or behind it where it has none.
    tab.keyboard.press("Tab")
    assert not evaluate(tab, "document.activeElement.closest('header')")


def test_every_stop_of_the_keyboard_is_seen(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/keyboard")
    stops = []
    for _ in range(evaluate(tab, "document.links.length")):
        tab.keyboard.press("Tab")
        stops.append(evaluate(tab, "document.activeElement.textContent.trim()"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert evaluate(tab, outline) == "solid"
    assert stops[-1] == [*open_languages()][-1].name
    assert "Sign in" in stops


class TestReference:
    def test_every_call_can_be_reached_from_the_contents(
        self, tab: Page, site: ServerProcess
    ) -> None:
        tab.goto(f"{site.url}/-/docs")
        contents = tab.get_by_role("navigation", name="Contents")
        for name in CALLS:
            contents.get_by_role("link", name=name, exact=True).click()
            expect(tab.get_by_role("heading", name=name, exact=True)).to_be_in_viewport()

    def test_a_search_leaves_what_has_all_the_words(self, tab: Page, site: ServerProcess) -> None:
        tab.goto(f"{site.url}/-/docs")
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.keyboard.press("/")
        tab.keyboard.type("Link TESTING")
        expect(tab.get_by_role("status")).to_have_text("1 found")
        expect(tab.get_by_role("heading", level=3)).to_have_text(["entity/link/testing"])
        contents = tab.get_by_role("navigation", name="Contents")
        expect(contents.get_by_role("listitem")).to_have_text(["entity/link/testing"])
        tab.keyboard.press("Enter")
        expect(tab).to_have_url(f"{site.url}/-/docs#call-v1-entity-link-testing")
        # A link to what is hidden shows it.
        tab.evaluate("location.hash = '#error-code_taken'")
        expect(tab.locator("#error-code_taken")).to_be_in_viewport()
        expect(tab.get_by_role("heading", name="signup", exact=True)).to_be_visible()
        assert asked == []

    def test_nothing_of_it_has_to_be_scrolled_sideways(
        self, tab: Page, site: ServerProcess
    ) -> None:
        tab.set_viewport_size({"width": 320, "height": 800})
        tab.goto(f"{site.url}/-/docs")
        wide = (
            "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        )
        assert evaluate(tab, f"{wide}.map(e => e.textContent)") == []

    def test_all_is_there_without_scripts(self, plain_tab: Page, site: ServerProcess) -> None:
        plain_tab.goto(f"{site.url}/-/docs#call-sqwish-upload")
        expect(plain_tab.get_by_role("heading", name="upload", exact=True)).to_be_in_viewport()
        expect(plain_tab.locator("article:visible")).to_have_count(
            plain_tab.locator("article").count()
        )
        expect(plain_tab.get_by_role("searchbox")).to_have_count(0)

    def test_every_type_is_explained(self, tab: Page, site: ServerProcess) -> None:
        tab.goto(f"{site.url}/-/docs")
        words = set(" ".join(tab.locator(".type code").all_text_contents()).split())
        capitalized = {word for word in words if word[0].isupper()} - {"Output"}
        assert "Entry" in capitalized
        for word in capitalized:
            expect(tab.locator(f"#shape-{word}")).to_have_count(1)

    def test_it_has_no_markup_of_its_source(self, tab: Page, site: ServerProcess) -> None:
        tab.goto(f"{site.url}/-/docs")
        text = tab.locator("main").inner_text()
        assert "`" not in text
        assert "NOTES" not in text


class TestPreview:
    def test_it_says_where_the_link_goes(self, tab: Page, new_link: NewLink) -> None:
        short_url = new_link("https://www.example.com/some/page?with=query")
        tab.goto(f"{short_url}+")
        assert tab.get_by_role("heading", level=1).inner_text() == short_url
        link = tab.get_by_role("link", name="https://www.example.com/some/page?with=query")
        button = tab.get_by_role("link", name="Go there")
        assert button.get_attribute("href") == link.get_attribute("href")
        assert link.get_attribute("href") == "https://www.example.com/some/page?with=query"
        expect(tab.get_by_role("heading", level=2)).to_contain_text("www.example.com")

    def test_its_qr_code_is_drawn_and_counts_nothing(
        self, tab: Page, new_link: NewLink, site: ServerProcess, userid: str
    ) -> None:
        short_url = new_link()
        tab.goto(f"{short_url}+")
        image = tab.get_by_role("img", name=f"QR code of {short_url}")
        assert image.evaluate("(image) => image.naturalWidth") == 350
        entry = site.call("get_entry", userid=userid, shorturl=short_url)["entry"]
        assert (entry["count"], entry["count_qr"]) == (0, 0)

    def test_a_limited_link_keeps_its_secret(
        self, tab: Page, new_link: NewLink, site: ServerProcess, userid: str
    ) -> None:
        short_url = new_link("https://secret.example.com/", expiration_count=1)
        tab.goto(f"{short_url}+")
        assert "secret.example" not in tab.content()
        expect(tab.get_by_role("main")).to_contain_text("not shown")
        entry = site.call("get_entry", userid=userid, shorturl=short_url)["entry"]
        assert entry["count"] == 0

    def test_a_hostile_destination_is_text(self, tab: Page, new_link: NewLink) -> None:
        tab.goto(f"{new_link('https://example.com/')}+")
        quiet = evaluate(tab, "[...document.querySelectorAll('*')].map((e) => e.tagName)")
        dialogs = []
        tab.on("dialog", lambda dialog: dialogs.append(dialog.message))
        tab.goto(f"{new_link(HOSTILE)}+")
        assert evaluate(tab, "[...document.querySelectorAll('*')].map((e) => e.tagName)") == quiet
        shown = tab.locator(".destination")
        assert "%7B%7B7*7%7D%7D" in shown.inner_text()
        assert "&lt;img" in shown.inner_text()
        shown.get_by_role("link").hover()
        handlers = "[...document.querySelectorAll('*')].filter((e) => e.onmouseover || e.onerror)"
        assert evaluate(tab, f"{handlers}.length") == 0
        assert dialogs == []

    def test_a_lookalike_host_shows_its_true_spelling(self, tab: Page, new_link: NewLink) -> None:
        # The first letter is Cyrillic.
        tab.goto(f"{new_link('https://еxample.com/login')}+")  # noqa: RUF001
        expect(tab.get_by_role("heading", level=2)).to_contain_text("xn--")
        assert tab.get_by_role("main").inner_text().replace("·", "").isascii()


@pytest.mark.parametrize(
    ("state", "status", "heading"),
    [
        ({"expiration_utime": 1}, 410, "This link has ended"),
        (None, 404, "No link answers here"),
    ],
)
@pytest.mark.parametrize("suffix", ["", "+", ".svg", ".png"])
def test_what_is_not_there_says_so(
    tab: Page,
    site: ServerProcess,
    new_link: NewLink,
    state: dict[str, int] | None,
    status: int,
    heading: str,
    suffix: str,
) -> None:
    short_url = new_link(**state) if state else f"{site.url}/nosuch"
    response = tab.goto(short_url + suffix)
    assert response is not None
    assert response.status == status
    expect(tab.get_by_role("heading", level=1)).to_have_text(heading)
    tab.get_by_role("link", name="To the home page").click()
    expect(tab).to_have_url(f"{site.url}/")


def test_a_disabled_link_looks_like_none(
    tab: Page, site: ServerProcess, new_link: NewLink, userid: str
) -> None:
    short_url = new_link()
    site.call("set_enabled", userid=userid, shorturl=short_url, enabled=False)
    tab.goto(short_url)
    disabled = tab.content()
    tab.goto(f"{site.url}/nosuch")
    assert tab.content() == disabled
