"""Fixtures: Firefox and WebKit, one process each for all tests here, and a server with a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.engines.engine import NAME, Engine
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess, free_port
from tests.tools import needed, needed_library, unusable


def new_firefox(folder: Path, _named_port: int) -> Engine:
    program = needed("firefox-esr")
    needed_library("marionette_driver")
    from tests.browser.engines.firefox import Firefox

    return Firefox(program, folder)


def new_webkit(folder: Path, named_port: int) -> Engine:
    driver, xvfb, browser = needed("WebKitWebDriver"), needed("Xvfb"), needed_minibrowser()
    needed_library("selenium")
    from tests.browser.engines.webkit import WebKit

    return WebKit(browser, driver, xvfb, folder, named_port)


def needed_minibrowser() -> str:
    """The path of WebKit's own browser, which is on nobody's PATH."""
    for path in Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser"):
        return str(path)
    unusable("MiniBrowser of webkit2gtk-4.1 is not installed")


ENGINES = {"firefox": new_firefox, "webkit": new_webkit}


@pytest.fixture(scope="package")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that is known by a name, over plain http."""
    port = free_port()
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": f"http://{NAME}:{port}"}
    process = ServerProcess(tmp_path_factory.mktemp("named") / "data", environ, port=port)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="package", params=ENGINES)
def browser(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    named: ServerProcess,
) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path_factory.mktemp(request.param), named.port)
    yield engine
    engine.close()


@pytest.fixture
def engine(browser: Engine, site: ServerProcess) -> Iterator[Engine]:
    """A browser that nobody knows. In the end, it may not have complained of anything."""
    browser.open(f"{site.url}/-/keyboard")
    browser.forget()
    yield browser
    assert browser.complaints() == []
