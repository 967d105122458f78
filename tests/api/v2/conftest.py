"""Fixtures: people with accounts on the `app` of the tests above."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.api.v2.people import Person, registered, temporary


@pytest.fixture
def guest(app: RunningApp) -> Person:
    """Owner of a temporary account."""
    return temporary(app)


@pytest.fixture
def stranger(app: RunningApp) -> Person:
    """Owner of another one."""
    return temporary(app)


@pytest.fixture
def member(app: RunningApp) -> Person:
    """Owner of a registered account named "Member"."""
    return registered(app, username="Member")
