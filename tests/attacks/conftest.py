"""Servers to attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.siege import Target
from tests.conftest import GENEROUS
from tests.server.conftest import launch, running
from tests.server_process import ServerProcess

__all__ = ["launch"]


@pytest.fixture(scope="module", params=["true", "false"], ids=["lane", "pages"])
def target(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Target]:
    """One for all tests of a module. In the end it stops well."""
    folder = tmp_path_factory.mktemp("attacked")
    environ = {**GENEROUS, "SHORTD_SERVER__FAST_LANE": request.param}
    with running(ServerProcess(folder / "data", environ)) as server:
        yield Target(server)
