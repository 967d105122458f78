"""Fixtures: an app in this process with a clock that stands still, and real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from shortd.testing import RunningApp, open_app
from tests.server_process import ServerProcess

# How long an example takes says more about the machine than about it.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

GENEROUS = {
    f"SHORTD_LIMITS__{kind}__API_CAPACITY": "1000000000"
    for kind in ("CLIENT", "TEMPORARY", "REGISTERED", "VERIFIED")
}
"""Limits that no test meets by accident."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with open_app(tmp_path / "data", environ=GENEROUS) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A real `shortd serve` on loopback, stopped at the end."""
    process = ServerProcess(tmp_path / "data", GENEROUS)
    process.start()
    yield process
    process.stop()
