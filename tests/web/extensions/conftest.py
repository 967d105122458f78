"""An app with a plugin that has a route of each kind, and who may ask it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from litestar import Request, Response, delete, get, patch, post, put

from shortd.models.accounts import Scope
from shortd.models.common import NEVER
from shortd.plugin import (
    Access,
    Caller,
    Person,
    Plugin,
    Refused,
    SignInOffer,
    hookimpl,
)
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.web.admin.conftest import command, make_operator
from tests.web.surfer import Surfer

OTHER = "http://other.example"
HOSTS = {"SHORTD_HOSTS": f'["{OTHER}"]'}
METHODS = {"GET": get, "POST": post, "PUT": put, "PATCH": patch, "DELETE": delete}


class Desk(Plugin[None, None]):
    """Has pages of all kinds."""

    name = "desk"
    pages: ClassVar[Mapping[str, str]] = {
        "Desk": "/account",
        "Keys & doors": "/operator",
        "100 % open": "/public",
    }

    def start(self) -> None:
        self.served: list[str] = []

    @hookimpl
    def authenticate(self) -> Sequence[SignInOffer]:
        return [SignInOffer("Sign in with a badge", "/badge")]

    @hookimpl
    def routes(self) -> Sequence[Any]:
        handlers: list[Any] = []
        for access in (*Access, None):
            for made in METHODS.values():
                given = {} if access is None else {"access": access}
                path = f"/{access or 'plain'}"
                handlers.append(
                    made(path, media_type="text/plain", status_code=200, **given)(self.who)
                )

        @get("/page", access=Access.PUBLIC)
        async def page(caller: Caller) -> Response[bytes]:
            return await self.page(caller, "A <title>", "<p>{{ said }}</p>", said="<b>&")

        @get("/template", access=Access.PUBLIC)
        async def template(caller: Caller) -> Response[bytes]:
            name = self.template(caller.request.query_params["name"])
            return await self.page(caller, "T", name, status=418)

        @get("/badge", access=Access.PUBLIC)
        async def badge(request: Request[Any, Any, Any]) -> Response[bytes]:
            query = request.query_params
            person = Person(
                query.get("subject", ""),
                query.get("email", ""),
                "verified" in query,
                query.get("name", ""),
            )
            return await self.sign_in(
                request,
                person,
                wanted=query.get("next", ""),
                create="create" in query,
                link_by_email="link" in query,
            )

        @get("/refused", access=Access.PUBLIC)
        async def refused() -> str:
            raise Refused("forbidden", "Not %(when)s.", when="now")

        return [*handlers, page, template, badge, refused]

    async def who(self, caller: Caller) -> str:
        self.served.append(caller.account.username if caller.account else "")
        return f"{caller.account and caller.account.username} {caller.is_operator}"


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("desk")
    with open_app(folder, plugins=[Desk], environ=GENEROUS | HOSTS, tolerant=True) as app:
        yield app


@pytest.fixture(scope="package")
def people(running: RunningApp) -> dict[str, Surfer]:
    """Who may ask, by what he is."""
    found = {name: Surfer(running) for name in ("stranger", "temporary", "account", "locked")}
    found["temporary"].send("/-/new", {"url": "https://example.com/"})
    found["account"].sign_up("ann")
    found["locked"].sign_up("lou")
    command(running, "user lock", user="lou")
    found["operator"] = make_operator(running)
    return found


def key_of(app: RunningApp, name: str, *scopes: str) -> str:
    """A new API key of an account."""
    account = app.services.accounts.accounts.named(name)
    assert account is not None
    made = app.services.accounts.api_keys.create(
        account, "test", [Scope(one) for one in scopes], app.clock.now(), NEVER
    )
    return app.run(made).key
