"""People on the `app` of the tests above who make v1 calls."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.v1.people import Client, client


@pytest.fixture
def ann(app: RunningApp) -> Client:
    return client(app, "ann")


@pytest.fixture
def ben(app: RunningApp) -> Client:
    return client(app, "ben")


@pytest.fixture
def cat(app: RunningApp) -> Client:
    return client(app, "cat")
