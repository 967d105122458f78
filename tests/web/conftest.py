"""Browsers at the pages of an app."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.web.surfer import Surfer


@pytest.fixture
def surfer(app: RunningApp) -> Surfer:
    return Surfer(app)


@pytest.fixture
def ann(surfer: Surfer) -> Surfer:
    """Somebody with an account, signed in."""
    surfer.sign_up("ann")
    return surfer
