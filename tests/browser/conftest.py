"""Fixtures: one Chromium and one real server for all tests here, a fresh tab for each.

The browser's fixture ends with this package: while Playwright runs, no test can start an event
loop of its own in this thread.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.tap import Tap
from tests.browser.target import Target, open_target
from tests.browser.watch import PATIENCE, Watch
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess, free_port
from tests.terms import set_terms
from tests.tools import needed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent

# They cannot even be read without it; test_needs.py then says so.
collect_ignore = (
    []
    if find_spec("playwright")
    else [path.name for path in HERE.glob("test_*.py") if path.name != "test_needs.py"]
)

WATCHED = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(Path(__file__).parent / "plugins")}
"""With a plugin that has links held."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.lan 127.0.0.1",
    # Its own name for itself is a robot's, and robots get no pages with trackers.
    "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36",
]

PASSWORD = "Pässword 1"
ARRIVED = "arrived"

NewLink = Callable[..., str]


def light_chromium() -> str:
    """The path of Debian's Chromium without a window of its own, which takes half of the work, or
    else of the whole one."""
    return shutil.which("chromium-headless-shell") or needed("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this package."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    path = light_chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("site") / "data", WATCHED)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="package")
def userid(site: ServerProcess) -> str:
    """Whose links they are."""
    return str(site.call("temporary_account")["userid"])


@pytest.fixture(scope="package")
def behind() -> Iterator[Target]:
    """Where the protected link leads."""
    with open_target() as target:
        yield target


@pytest.fixture(scope="package")
def protected(site: ServerProcess, userid: str, behind: Target) -> str:
    """The short URL of a link that asks for `PASSWORD`. The server is started anew."""
    url = f"{behind.url}/{ARRIVED}"
    short_url = str(site.call("url", userid=userid, url=url)["entry"]["shorturl"])
    site.stop()
    terms = {short_url.rpartition("/")[2]: {"password": PASSWORD}}
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": site.url}
    # In a thread, for Playwright has an event loop in this one.
    with ThreadPoolExecutor() as threads:
        threads.submit(set_terms, site.data_dir, environ, userid, terms).result()
    site.start()
    return short_url


def stop_time(tab: Page) -> None:
    """Has nothing on the pages of a tab happen by the clock, unless the test moves it."""
    tab.clock.install(time=0)
    tab.clock.pause_at(1000)


@pytest.fixture
def new_link(site: ServerProcess, userid: str) -> NewLink:
    """Makes a link, as the call `url` does: its short URL."""

    def make(url: str = "https://example.com/", **inputs: Any) -> str:
        entry = site.call("url", userid=userid, url=url, **inputs)["entry"]
        return str(entry["shorturl"])

    return make


@pytest.fixture
def target() -> Iterator[Target]:
    with open_target() as target:
        yield target


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def tab(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A tab in a profile of its own. In the end, nothing may have been complained of."""
    context = chromium.new_context(viewport={"width": 1100, "height": 800})
    yield watch.attach(context)
    context.close()
    assert watch.complaints == []


@pytest.fixture
def plain_tab(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A tab that runs no scripts."""
    context = chromium.new_context(java_script_enabled=False)
    yield watch.attach(context)
    context.close()
    assert watch.complaints == []


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tap, ServerProcess]]:
    """A server that browsers reach through a tap, under whose address it knows itself."""
    port = free_port()
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    process = ServerProcess(tmp_path_factory.mktemp("tapped") / "data", environ)
    process.start()
    with Tap(port, process.port) as tap:
        yield tap, process
    process.stop()
