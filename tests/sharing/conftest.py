"""Fixtures: people who share files on the `app` of the tests above."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.sharing.sharing import Sharer, sharer


@pytest.fixture
def owner(app: RunningApp) -> Sharer:
    """Owner of a temporary account."""
    return sharer(app)


@pytest.fixture
def other(app: RunningApp) -> Sharer:
    """Owner of another one."""
    return sharer(app)
