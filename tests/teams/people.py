"""Registered people who work in teams, through the services that no API shows yet, and v2."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from shortd.errors import ErrorKind, ShortdError
from shortd.hosts.destinations import Destination
from shortd.links import NewLink
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.models.teams import Role, Team
from shortd.store.check import faults
from shortd.store.schema import ACCOUNTS
from shortd.teams import TeamView
from shortd.testing import RunningApp
from tests.api.v2.people import PASSWORD, Person, double_sha256

T = TypeVar("T")
TARGET = "https://target.example/"


class Colleague(Person):
    """Somebody with a username."""

    @property
    def account(self) -> Account:
        with self.app.services.store.read() as txn:
            account = ACCOUNTS.get(txn, (self.userid,))
        assert account is not None
        return account

    @property
    def now(self) -> int:
        return self.app.clock.now()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a service's coroutine; time goes on a little."""
        self.app.clock.advance(1)
        return self.app.run(work)

    def found(self, name: str = "Shop", code: str | None = None) -> Team:
        """Makes a team that is his."""
        teams = self.app.services.teams.teams
        return self.do(teams.create(self.account, name, code, self.now))

    def hire(self, team: str, guest: Colleague, role: Role = Role.MEMBER) -> None:
        """Invites somebody, who accepts."""
        invitations = self.app.services.teams.invitations
        invited = self.do(
            invitations.invite(self.account, team, guest.account.username, role, self.now)
        )
        self.do(invitations.accept(guest.account, invited.id, self.now))

    def leave(self, team: str) -> None:
        self.do(self.app.services.teams.members.remove(self.account, team, self.userid))

    def teams(self) -> list[TeamView]:
        return self.app.services.teams.teams.of_account(self.account)

    def link(
        self, team: str = "", *, campaign: str = "", code: str | None = None, host: str = ""
    ) -> Link:
        """Makes a link for a team."""
        services = self.app.services
        place = services.hosts.named(host) if host else services.hosts.default
        assert place is not None
        new = NewLink(
            destination=Destination(TARGET, TARGET),
            host=place,
            code=code,
            team=team,
            campaign=campaign,
        )
        [link] = self.do(services.links.links.create(self.account, [new], self.now))
        return link

    def short_url(self, link: Link) -> str:
        return self.app.services.hosts.short_url(link)

    def sees(self, link: Link) -> bool:
        answer = self.post("get_entry", shorturl=self.short_url(link))
        assert answer.status_code in (200, 404)
        return answer.status_code == 200

    def change(self, link: Link) -> int:
        """The HTTP status of an attempt to change it."""
        return self.post("set_tag", shorturl=self.short_url(link), tag=7).status_code


class Newcomer:
    """Makes registered accounts."""

    def __init__(self, app: RunningApp) -> None:
        self._app = app

    def __call__(self, name: str) -> Colleague:
        output = self._app.call(
            "signup",
            email=f"{name}@nowhere.example",
            username=name,
            password=double_sha256(PASSWORD),
        )
        return Colleague(self._app, output["userid"], output["token"])


@contextlib.contextmanager
def refused(kind: ErrorKind) -> Iterator[None]:
    """What is done in this block has to be refused in this way."""
    with pytest.raises(ShortdError) as caught:
        yield
    assert caught.value.kind is kind


def sound(app: RunningApp) -> bool:
    """Whether what is stored agrees with itself."""
    with app.services.store.read() as txn:
        found = list(faults(txn))
    assert found == []
    return True
