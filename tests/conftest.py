"""Fixtures: an app in this process with a clock that stands still, and real servers."""

from __future__ import annotations

import gc
import inspect
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import settings

from shortd.testing import RunningApp, open_app

# Collecting makes hundreds of thousands of objects that stay: to look for waste among them, again
# and again, takes a third of the time of it, and an eighth of the time of the tests.
gc.disable()

# Helper modules assert, too, and are to show the values when they fail.
HELPERS = (path for path in Path(__file__).parent.rglob("*.py") if path.stem != "__init__")
pytest.register_assert_rewrite(
    *(
        ".".join(("tests", *path.relative_to(Path(__file__).parent).with_suffix("").parts))
        for path in HELPERS
        if path != Path(__file__)
    )
)

from tests import processes  # noqa: E402
from tests.refused_calls import check_refusal  # noqa: E402
from tests.server_process import ServerProcess  # noqa: E402

# A settings file that lies in this folder or in /etc is nothing to do with tests.
os.environ["SHORTD_CONFIG"] = os.devnull

# How long an example takes says more about the machine than about it.
settings.register_profile("unhurried", deadline=None, max_examples=60)
settings.load_profile("unhurried")
# So does how long a server takes to answer; httpx's own bound is 5 s.
PATIENCE = inspect.signature(httpx.get).parameters["timeout"].default
PATIENCE.connect = PATIENCE.read = PATIENCE.write = PATIENCE.pool = 60.0

# structlog's own way would be tracebacks with all variables in them, which take 0.1 s each.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.set_exc_info,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

GENEROUS = {
    **{
        f"SHORTD_LIMITS__{kind}__API_CAPACITY": "1000000000"
        for kind in ("CLIENT", "TEMPORARY", "REGISTERED", "VERIFIED")
    },
    "SHORTD_ACCOUNTS__TEMPORARY_CLIENT_BYTES": "1000000000000",
    "SHORTD_ACCOUNTS__TEMPORARY_SHARE": "1",
    # Room that is kept on the disk is written at each start.
    "SHORTD_STORAGE__RESERVE_BYTES": "1048576",
}
"""Limits that no test meets by accident."""


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def refusals_are_told() -> Iterator[None]:
    """Holds what every call in this process is refused for against the reference."""
    request = RunningApp.request

    def checked(app: RunningApp, *args: Any, **options: Any) -> httpx.Response:
        response = request(app, *args, **options)
        check_refusal(response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunningApp, "request", checked)
        yield


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with open_app(tmp_path / "data", environ=GENEROUS) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A real `shortd serve` on loopback, stopped at the end."""
    process = ServerProcess(tmp_path / "data", GENEROUS)
    process.start()
    try:
        yield process
        process.stop()
    finally:
        process.kill()


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Ends the processes that a test has left, and takes back what commands say of logging."""
    logger = logging.getLogger()
    level, configuration = logger.level, structlog.get_config()
    try:
        yield
    finally:
        processes.end_all()
        logger.setLevel(level)
        structlog.configure(**configuration)
