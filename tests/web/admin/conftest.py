"""An operator, and somebody whom he looks after."""

from __future__ import annotations

from typing import Any

import pytest

from shortd.control.commands import run
from shortd.store.schema import AUDIT
from shortd.testing import RunningApp
from tests.web.surfer import OWN, Surfer

MAIL = {"SHORTD_MAIL__SMTP_URL": "smtp://127.0.0.1:9"}


def command(app: RunningApp, name: str, /, **args: Any) -> None:
    """One of the operator's commands."""
    app.run(run(app.services, name, args))


def make_operator(app: RunningApp, name: str = "olga", own: str = OWN) -> Surfer:
    """Somebody who has signed up, was made an operator, and has signed in anew."""
    surfer = Surfer(app, own)
    surfer.sign_up(name)
    command(app, "user set", user=name, changes={"operator": True})
    assert surfer.sign_in(name).status_code == 303
    return surfer


def lines(app: RunningApp) -> list[Any]:
    """The log, the newest first."""
    with app.services.store.read() as txn:
        return [entry for _, entry in AUDIT.scan(txn, reverse=True)]


@pytest.fixture
def olga(app: RunningApp) -> Surfer:
    return make_operator(app)


@pytest.fixture
def ben(app: RunningApp) -> Surfer:
    surfer = Surfer(app)
    surfer.sign_up("ben")
    return surfer
