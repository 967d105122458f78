"""Fixtures: an SMTP server, and an app that sends through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from shortd.testing import RunningApp, open_app
from tests.api.v2.people import Person, registered
from tests.conftest import GENEROUS
from tests.mail.authority import Authority
from tests.mail.post_office import PostOffice, post_office

PUBLIC_URL = "https://s.example.org"
AppWith = Callable[..., AbstractContextManager[RunningApp]]


@pytest.fixture
def app_with(tmp_path: Path) -> AppWith:
    """Opens an app with further settings."""

    @contextmanager
    def open_with(**settings: str) -> Iterator[RunningApp]:
        environ = {f"SHORTD_{name}": value for name, value in settings.items()}
        environ = {**GENEROUS, "SHORTD_PUBLIC_URL": PUBLIC_URL, **environ}
        with open_app(tmp_path / "data", environ=environ) as app:
            yield app

    return open_with


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def app(app_with: AppWith, office: PostOffice) -> Iterator[RunningApp]:
    with app_with(MAIL__SMTP_URL=office.url) as app:
        yield app


@pytest.fixture
def member(app: RunningApp) -> Person:
    """Owner of a registered account: member@nowhere.example, named "Member"."""
    return registered(app, username="Member")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
