from __future__ import annotations

import pytest

from tests.testing.environment import Environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """One for all tests that install something: each removes what it has installed."""
    return Environment(tmp_path_factory.mktemp("venv"))
