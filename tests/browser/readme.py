"""The pictures of README, from a server that somebody has used for two months.

    python -m tests.browser.readme

Writes docs/pictures/*.png.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from shortd.testing import FakeClock, RunningApp, open_app
from shortd.testing.population import AGENTS
from tests.api.v2.people import double_sha256
from tests.browser.conftest import ARGUMENTS, light_chromium
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PASSWORD = double_sha256("Trial151! and more")
DAYS = 60
DAY = 86_400
# Where visitors come from, and what they speak, the likeliest first.
REFERRERS = ("", "https://www.google.com/", "https://mastodon.social/", "https://news.example.org/")
PROGRAMS = ("iphone", "android phone", "chrome", "firefox", "safari", "iphone", "ipad")
LANGUAGES = ("en-GB", "de-DE", "fr-FR", "es-ES", "nl-NL", "pl-PL")
LINKS = (
    ("autumn26", "https://example.org/campaigns/2026/autumn/landing", "Autumn campaign", "print"),
    ("backend", "https://jobs.example.org/open/backend-engineer", "Backend engineer", ""),
    ("getapp", "https://apps.example.org/get", "Get the app", "print"),
    ("handbook", "https://docs.example.org/handbook/onboarding", "Handbook", "team"),
    ("guests", "https://home.example.org/guests", "Guest Wi-Fi", ""),
)


def live_in(data_dir: Path) -> dict[str, int]:
    """Two months of somebody's links: their ids by ending. Ends in the present."""
    clock = FakeClock(round((time.time() - DAYS * DAY) * 1_000_000))
    chance = random.Random(26)
    with open_app(data_dir, environ=GENEROUS, clock=clock) as app:
        who = app.call("signup", email="ada@nowhere.example", username="ada", password=PASSWORD)
        keys = {"userid": who["userid"], "token": who["token"]}
        ids = {}
        for code, url, title, tag in LINKS:
            made = app.call("url", **keys, url=url, code=code, title=title, tags=tag.split())
            ids[code] = made["entry"]["id"]
        for day in range(DAYS):
            for place, code in enumerate(ids):
                wave = 1 + math.sin((day + 3 * place) / 5) + day / DAYS
                for _ in range(round(chance.random() * 9 * wave / (1 + place))):
                    _visit(app, code, chance)
            app.drain()
            clock.advance(DAY)
    return ids


def _visit(app: RunningApp, code: str, chance: random.Random) -> None:
    app.visit(
        f"{'/' + code}{'?qr' if chance.random() < 0.15 else ''}",
        user_agent=AGENTS[chance.choice(PROGRAMS)],
        language=LANGUAGES[min(chance.randrange(8), chance.randrange(6), 5)],
        referrer=REFERRERS[min(chance.randrange(4), chance.randrange(4))],
        address=f"198.51.100.{chance.randrange(250)}",
    )


@contextmanager
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=light_chromium(), args=ARGUMENTS)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        ids = live_in(Path(folder) / "data")
        # As README has it.
        site = ServerProcess(Path(folder) / "data", GENEROUS, port=8080)
        site.start()
        try:
            who = site.call("login", username_email="ada", password=PASSWORD)
            with browser() as chromium:
                for name, path, scheme in (
                    ("home", "/", "light"),
                    ("links", "/-/dashboard", "dark"),
                    ("statistics", f"/-/links/{ids['autumn26']}", "light"),
                ):
                    take(chromium, site, who, name, path, scheme)
        finally:
            site.stop()


def take(
    chromium: Browser,
    site: ServerProcess,
    who: dict[str, str],
    name: str,
    path: str,
    scheme: Literal["light", "dark"] | str,
) -> None:
    """One picture. That of home is somebody's who has no account."""
    context = chromium.new_context(
        viewport={"width": 1180, "height": 760},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    if name != "home":
        value = f"{who['userid']}.{who['token']}"
        context.add_cookies([{"name": "shortd", "value": value, "url": site.url}])
    tab = context.new_page()
    tab.goto(site.url + path)
    if name == "home":
        tab.get_by_label("Long address").fill(
            "https://example.org/a/very/long/address?with=queries"
        )
        tab.get_by_role("button", name="Shorten").click()
        tab.locator(".mine li").wait_for()
    tab.wait_for_load_state()
    tab.screenshot(path=FOLDER / f"{name}.png")
    context.close()


if __name__ == "__main__":
    main()
