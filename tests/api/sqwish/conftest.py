"""Clients on the `app` of the tests above, and one on a server that asks for no key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.testing import RunningApp, open_app
from tests.api.sqwish.people import Client, client
from tests.conftest import GENEROUS

OPEN = {**GENEROUS, "SHORTD_SQWISH__REQUIRE_KEY": "false"}
"""Settings of a server that asks for no key."""


@pytest.fixture(params=["json", "xml"])
def written(request: pytest.FixtureRequest) -> str:
    """Each of the two formats."""
    return str(request.param)


@pytest.fixture
def ann(app: RunningApp) -> Client:
    return client(app, "ann")


@pytest.fixture
def ben(app: RunningApp) -> Client:
    return client(app, "ben")


@pytest.fixture
def open_server(tmp_path: Path) -> Iterator[RunningApp]:
    """An app that asks for no key."""
    with open_app(tmp_path / "open", environ=OPEN) as running:
        yield running


@pytest.fixture
def anybody(open_server: RunningApp) -> Client:
    """Somebody without a key on `open_server`."""
    return Client(open_server)
