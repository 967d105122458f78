"""People on the `app` of the tests above who make v1 calls, and a server of the document's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shortd.testing import RunningApp
from tests.api.v1.people import Client, client
from tests.api.v1.replaying import Scene
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess


@pytest.fixture
def ann(app: RunningApp) -> Client:
    return client(app, "ann")


@pytest.fixture
def ben(app: RunningApp) -> Client:
    return client(app, "ben")


@pytest.fixture
def cat(app: RunningApp) -> Client:
    return client(app, "cat")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    environ = {**GENEROUS, "SHORTD_LINKS__FETCH_TITLES": "false"}
    server = ServerProcess(tmp_path_factory.mktemp("document") / "data", environ)
    server.start()
    try:
        yield Scene(server)
    finally:
        server.stop()
