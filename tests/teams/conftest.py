"""People in teams: registered accounts on the `app` of the tests above, and what they do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shortd.testing import RunningApp
from tests.teams.people import Colleague, Newcomer


@pytest.fixture
def newcomer(app: RunningApp) -> Newcomer:
    """Makes registered accounts, by their usernames."""
    return Newcomer(app)


@pytest.fixture
def ann(newcomer: Callable[[str], Colleague]) -> Colleague:
    return newcomer("ann")


@pytest.fixture
def ben(newcomer: Callable[[str], Colleague]) -> Colleague:
    return newcomer("ben")


@pytest.fixture
def cat(newcomer: Callable[[str], Colleague]) -> Colleague:
    return newcomer("cat")
