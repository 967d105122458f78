"""A team as browsers meet it."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.web.teams.world import World


@pytest.fixture
def world(app: RunningApp) -> World:
    return World(app)
