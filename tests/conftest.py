"""Fixtures: an app in this process with a clock that stands still, and real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from shortd.testing import RunningApp, open_app
from tests.server_process import ServerProcess

# How long an example takes says more about the machine than about it.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# structlog's own way would be tracebacks with all variables in them, which take 0.1 s each.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.set_exc_info,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

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
