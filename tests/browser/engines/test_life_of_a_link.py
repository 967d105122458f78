"""The life of a link in Firefox and WebKit; what each control does is tested in Chromium."""

from __future__ import annotations

import httpx

from tests.browser.engines.engine import Engine
from tests.server_process import PLAIN, ServerProcess

PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def visit(short_url: str) -> int:
    """Somebody else's visit: the status of the answer."""
    return httpx.get(short_url, headers=PERSON, verify=PLAIN).status_code


def test_the_life_of_a_link(engine: Engine, site: ServerProcess) -> None:
    engine.open(site.url)
    engine.fill("Long address", "https://example.org/spring")
    engine.press("Shorten")
    short_url = engine.offered()
    shown = short_url.partition("://")[2]
    engine.sees("Made in this browser")
    engine.fill("Long address", "https://example.org/autumn")
    engine.press("Shorten")
    engine.sees("example.org/autumn")

    engine.open(f"{site.url}/-/dashboard")
    engine.sees("example.org/autumn")
    engine.fill("Search", "spring")
    found = f"{site.url}/-/dashboard?q=spring"
    engine.wait(lambda: engine.address == found, found)
    engine.misses("example.org/autumn")
    assert shown in engine.text()

    # Counts move by themselves.
    assert visit(short_url) == 302
    engine.wait(lambda: engine.find('//*[@data-count][normalize-space()="1"]'), "a count of 1")

    engine.press("More for")
    engine.follow("Edit")
    engine.fill("Title", "Spring campaign")
    engine.press("Save")
    engine.sees(f"Saved {shown}")

    engine.open(f"{site.url}/-/dashboard?q=spring")
    engine.sees("Spring campaign")
    for is_undone in (True, False):
        engine.press("More for")
        engine.press("Delete")
        engine.misses("Spring campaign")
        assert visit(short_url) == 404
        if is_undone:
            engine.press("Undo")
            engine.sees("Spring campaign")
            assert visit(short_url) == 302
    engine.open(f"{site.url}/-/dashboard")
    assert "example.org/autumn" in engine.text()
    assert shown not in engine.text()
