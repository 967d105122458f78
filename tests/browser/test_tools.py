"""What `/-/tools` gives a browser: a bookmark that works everywhere, and an app to install."""

from __future__ import annotations

import json
from urllib.parse import urlencode, urljoin

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.watch import Watch
from tests.server_process import ServerProcess

FOREIGN = "https://foreign.example/a?b=c&d=%20'#e"
TITLE = 'Tom & "Jerry" <b>\'s #1</b>'
STRICT = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


def strict_page(route: Route) -> None:
    body = "<!doctype html><html lang=en><title></title><h1>Foreign</h1>"
    route.fulfill(
        body=body,
        content_type="text/html",
        headers={"content-security-policy": STRICT, "cross-origin-opener-policy": "same-origin"},
    )


def test_the_bookmark_shortens_a_page_that_allows_nothing(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/tools")
    bookmark = tab.locator("#bookmarklet").get_attribute("href")
    assert bookmark
    context = tab.context
    context.route("https://foreign.example/**", strict_page)
    tab.goto(FOREIGN)
    tab.evaluate("(title) => { document.title = title; }", TITLE)
    # As a bookmark is opened: by the browser, in the page that is shown.
    with context.expect_page() as opened:
        context.new_cdp_session(tab).send("Page.navigate", {"url": bookmark})
    form = opened.value
    expect(form.locator("#url")).to_have_value(tab.url)
    expect(form.locator("#title")).to_have_value(TITLE)
    form.get_by_role("button", name="Shorten", exact=True).click()
    expect(form.locator("#made")).to_contain_text(site.url.partition("://")[2])
    expect(tab.get_by_role("heading")).to_have_text("Foreign")


def test_pressed_where_it_is_shown_it_says_what_to_do(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/tools")
    tab.locator("#bookmarklet").click()
    expect(tab.locator("#say")).to_contain_text("Drag it to your bookmarks bar")
    expect(tab).to_have_url(f"{site.url}/-/tools")


def test_what_is_shown_is_copied(tab: Page, site: ServerProcess) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    tab.goto(f"{site.url}/-/tools")
    for name in ("v2-lines", "keyword-line", "bookmark-line"):
        shown = tab.locator(f"#{name}")
        tab.locator("#heard").evaluate("(heard) => { heard.textContent = ''; }")
        shown.locator("xpath=..").get_by_role("button").click()
        text = shown.text_content()
        expect(tab.locator("#heard")).to_have_text("Copied")
        assert tab.evaluate("navigator.clipboard.readText()") == text


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_pages_can_be_installed(
    chromium: Browser, watch: Watch, site: ServerProcess, language: str
) -> None:
    context = chromium.new_context(extra_http_headers={"accept-language": language})
    tab = watch.attach(context)
    tab.goto(site.url)
    browser = context.new_cdp_session(tab)
    found = browser.send("Page.getAppManifest")
    assert found["errors"] == []
    assert found["url"] == f"{site.url}/-/manifest.webmanifest"
    # A window of its own, which forgets everything, is the only thing against it.
    refused = browser.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {one["errorId"] for one in refused} <= {"in-incognito"}
    read, told = found["manifest"], json.loads(found["data"])
    assert (told["lang"], told["name"]) == (language, site.url.partition("://")[2])
    assert read["startUrl"] == read["scope"] == read["id"] == f"{site.url}/"
    for icon in told["icons"]:
        loaded = tab.evaluate(
            "(src) => new Promise((resolve) => { const image = new Image(); image.src = src;"
            " image.onload = () => resolve([image.naturalWidth, image.naturalHeight]); })",
            urljoin(found["url"], icon["src"]),
        )
        assert icon["sizes"] in ("any", "x".join(map(str, loaded)))
    purposes = {(icon["sizes"], icon["purpose"]) for icon in told["icons"]}
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= purposes
    metas = tab.locator("meta[name=theme-color]")
    colours = metas.evaluate_all("(all) => all.map((meta) => meta.content)")
    assert told["theme_color"] == told["background_color"] == colours[0] != colours[1]
    [shortcut] = told["shortcuts"]
    tab.goto(urljoin(found["url"], shortcut["url"]))
    expect(tab.locator("#url")).to_be_visible()
    context.close()
    assert watch.complaints == []


def test_what_a_phone_shares_is_shortened(tab: Page, site: ServerProcess) -> None:
    tab.goto(site.url)
    found = tab.context.new_cdp_session(tab).send("Page.getAppManifest")
    target = json.loads(found["data"])["share_target"]
    assert target["method"] == "GET"
    names = target["params"]
    # As Chromium on Android shares a page.
    shared = {names["title"]: "News", names["text"]: "https://example.org/news"}
    tab.goto(f"{urljoin(found['url'], target['action'])}?{urlencode(shared)}")
    expect(tab.locator("#title")).to_have_value("News")
    tab.get_by_role("button", name="Shorten", exact=True).click()
    expect(tab.locator("#made")).to_contain_text(site.url.partition("://")[2])
    expect(tab.get_by_role("main")).to_contain_text("example.org/news")
