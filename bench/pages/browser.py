"""What a browser sees of the pages: bytes, first paint, shifts, long tasks."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.pages.places import Place
from tests.browser.conftest import ARGUMENTS, light_chromium
from tests.server_process import ServerProcess

SLOW_4G = {
    # What the browser's own developer tools call slow 4G: as Lighthouse has it, in their units.
    "offline": False,
    "latency": 150 * 3.75,
    "downloadThroughput": 1.6e6 / 8 * 0.9,
    "uploadThroughput": 0.75e6 / 8 * 0.9,
}
SLOWER = 4
LONG_MS = 50
"""Shorter tasks are not told."""

# Told from the first task on; those before a page's own scripts as well.
_LISTEN = """
globalThis.seen = { tasks: [], shifts: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.tasks.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_TOLD = """async () => {
  // What comes after the page's own scripts belongs to it as well.
  await new Promise((done) => setTimeout(done, 400));
  const paint = performance.getEntriesByName("first-paint")[0];
  const parts = [...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")];
  const bodies = parts.reduce((sum, part) => sum + part.encodedBodySize, 0);
  return { paint: paint ? paint.startTime : NaN, bodies, ...seen };
}"""


@dataclass
class Seen:
    """Of one page, by round."""

    paints: list[float] = field(default_factory=list)
    """ms."""
    shifts: list[float] = field(default_factory=list)
    tasks: list[float] = field(default_factory=list)
    """ms of the longest; 0 where none was long."""
    bodies: list[int] = field(default_factory=list)
    """Bytes of the first visit, packed."""
    first: list[int] = field(default_factory=list)
    """The same with the heads of answers."""
    later: list[int] = field(default_factory=list)
    """Those of the next one."""
    requests: int = 0
    """Of the first visit."""


class Wire:
    """What a page has had from its server."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self._session = context.new_cdp_session(page)
        self._session.send("Network.enable")
        self._session.on("Network.loadingFinished", self._note)
        self.bytes = 0
        self.requests = 0

    def slow_down(self) -> None:
        self._session.send("Network.emulateNetworkConditions", SLOW_4G)
        self._session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})

    def start(self) -> None:
        self.bytes = self.requests = 0

    def _note(self, event: Any) -> None:
        size = int(event["encodedDataLength"])
        self.bytes += size
        # What the browser had already comes from nowhere.
        self.requests += size > 0


def measure(server: ServerProcess, place: Place, rounds: int) -> dict[str, Seen]:
    """Each page as somebody new sees it, and again."""
    statistic = "statistics, a year"
    pages = {
        "home, nobody signed in": ("", "/"),
        "home": (place.cookie, "/"),
        "list": (place.cookie, place.lists["list"]),
        statistic: (place.cookie, place.pages[statistic]),
        "sign in": ("", "/-/login"),
        "sign up": ("", "/-/signup"),
        **{
            title: (place.cookie, address)
            for title, address in place.pages.items()
            if title not in ("home", statistic)
        },
    }
    seen: dict[str, Seen] = {}
    slow = Seen()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=light_chromium(), args=ARGUMENTS)
        for number in range(rounds + 1):
            for title, (cookie, address) in pages.items():
                # A browser that was just started takes its time.
                kept = seen.setdefault(title, Seen()) if number else Seen()
                _look(browser, server, cookie, address, kept)
            _look(browser, server, "", "/", slow if number else Seen(), is_slow=True)
        browser.close()
    return {**seen, f"home, slow 4G, {SLOWER}x slower": slow}


def _look(
    browser: Browser,
    server: ServerProcess,
    cookie: str,
    address: str,
    seen: Seen,
    *,
    is_slow: bool = False,
) -> None:
    with _context(browser, server, cookie) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        wire = Wire(context, page)
        if is_slow:
            wire.slow_down()
        page.goto(server.url + address)
        told = page.evaluate(_TOLD)
        seen.paints.append(told["paint"])
        seen.shifts.append(told["shifts"])
        seen.tasks.append(max(told["tasks"], default=0))
        seen.bodies.append(told["bodies"])
        seen.first.append(wire.bytes)
        seen.requests = max(seen.requests, wire.requests)
        wire.start()
        page.goto(server.url + address)
        page.evaluate(_TOLD)
        seen.later.append(wire.bytes)


@contextmanager
def _context(browser: Browser, server: ServerProcess, cookie: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(_LISTEN)
    if cookie:
        name, _, value = cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": server.url}])
    yield context
    context.close()


def show(seen: dict[str, Seen]) -> None:
    table = Table(
        *("page", "first paint ms", "least to most", "shift", f"longest > {LONG_MS} ms"),
        *("KiB first", "with heads", "requests", "KiB after"),
    )
    for title, page in seen.items():
        long = [task for task in page.tasks if task]
        table.add_row(
            title,
            f"{statistics.median(page.paints):.0f}",
            f"{min(page.paints):.0f} to {max(page.paints):.0f}",
            f"{max(page.shifts):.3f}",
            f"{max(long):.0f}, {len(long)} of {len(page.tasks)}" if long else "none",
            f"{statistics.median(page.bodies) / 1024:.1f}",
            f"{statistics.median(page.first) / 1024:.1f}",
            str(page.requests),
            f"{statistics.median(page.later) / 1024:.1f}",
        )
    Console(width=max(100, Console().width)).print(table)
