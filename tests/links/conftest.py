"""Fixtures: a keeper of links on the `app` of the tests above."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.links.keeper import Keeper


@pytest.fixture
def keeper(app: RunningApp) -> Keeper:
    return Keeper(app)
