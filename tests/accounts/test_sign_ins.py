"""Every way of signing in is told to observers once, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from litestar import Request, Response, get

from shortd.plugin import Access, Account, Event, Person, Plugin, SignIn, hookimpl
from shortd.testing import RunningApp, open_app
from tests.api.v1.people import client as v1_client
from tests.api.v2.people import PASSWORD, double_sha256
from tests.authenticator import Authenticator
from tests.conftest import GENEROUS
from tests.issuers.conftest import Issuer, issuer, issuer_process  # noqa: F401
from tests.issuers.conftest import sign_in as sign_in_there
from tests.issuers.provider import CLIENT, SECRET
from tests.web.account.test_passkeys import add as add_passkey
from tests.web.account.test_passkeys import sign_in as sign_in_by_passkey
from tests.web.account.test_second_factor import password as half_way
from tests.web.account.test_second_factor import set_up
from tests.web.admin.conftest import command
from tests.web.surfer import FIREFOX, Surfer

OWN = "https://s.example.org"
PROXY = "10.0.0.2"


class Watch(Plugin[None, None]):
    """Hears of sign-ins, in both ways, and lets somebody in."""

    name = "watch"

    def start(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.sign_ins: list[SignIn] = []

    @hookimpl
    def account_signed_in(self, account: Account, sign_in: SignIn, event: Event) -> None:
        self.heard.append((account.username, sign_in.how))
        self.sign_ins.append(sign_in)

    @hookimpl
    def routes(self) -> Sequence[Any]:
        @get("/in", access=Access.PUBLIC)
        async def let_in(request: Request[Any, Any, Any]) -> Response[bytes]:
            person = Person("1", "bea@nowhere.example", username="bea")
            return await self.sign_in(request, person, create=True)

        return [let_in]


class Way:
    """A server where people sign in in any way, and who hears of it."""

    def __init__(self, app: RunningApp, issuer: Issuer) -> None:  # noqa: F811
        self.app = app
        self.issuer = issuer
        self.ann = Surfer(app, OWN)
        self.ann.sign_up("ann")

    def browser(self, address: str = "192.0.2.1") -> Surfer:
        return Surfer(self.app, OWN, address)

    def heard(self) -> list[tuple[str, str]]:
        self.app.observe()
        plugin = self.app.plugin(Watch)
        heard, plugin.heard = plugin.heard, []
        return heard


@pytest.fixture
def way(tmp_path: Any, issuer: Issuer) -> Iterator[Way]:  # noqa: F811
    config = (
        f"[auth.oidc.home]\nissuer = '{issuer.url}'\nclient_id = \"{CLIENT}\"\n"
        f'client_secret = "{SECRET}"\ncreate = true\n'
        f"[auth.proxy]\nfrom = ['{PROXY}']\ncreate = true\n"
    )
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": OWN}
    with open_app(tmp_path / "data", plugins=[Watch], config=config, environ=environ) as app:
        issuer.tell(now=app.clock.now() // 1_000_000)
        way = Way(app, issuer)
        assert way.heard() == []
        yield way


def test_passwords(way: Way) -> None:
    assert way.browser().sign_in("ann").status_code == 303
    assert way.heard() == [("ann", "password")]
    told = way.app.plugin(Watch).sign_ins[-1]
    assert told == SignIn("password", "192.0.2.1", FIREFOX)
    assert way.browser().sign_in("ann", "wrong").status_code == 422
    assert way.browser().sign_in("nobody").status_code == 422
    assert way.heard() == []
    way.app.call("login", username_email="ann", password=double_sha256(PASSWORD))
    assert way.heard() == [("ann", "password")]
    way.app.refused("login", username_email="ann", password=double_sha256("wrong"))
    assert way.heard() == []


def test_a_second_factor_is_the_last_step(way: Way) -> None:
    phone, _ = set_up(way.ann)
    browser = way.browser()
    fields = half_way(browser)
    assert way.heard() == []
    assert browser.send("/-/login/code", {**fields, "code": "000000"}).status_code == 422
    assert way.heard() == []
    way.app.clock.advance(60)
    browser.send("/-/login/code", {**half_way(browser), "code": phone.code()})
    assert way.heard() == [("ann", "password")]


def test_passkeys(way: Way) -> None:
    key = Authenticator(OWN)
    add_passkey(way.ann, key)
    assert sign_in_by_passkey(way.browser(), key).status_code == 303
    assert way.heard() == [("ann", "passkey")]


def test_issuers_proxies_links_and_plugins(way: Way) -> None:
    assert sign_in_there(way.browser(), way.issuer).status_code == 303
    [(_, how)] = way.heard()
    assert how == "issuer"
    proxied = {"remote_user": "cleo", "remote_email": "cleo@nowhere.example"}
    for _ in range(3):
        assert way.browser(PROXY).get("/-/account", **proxied).status_code == 200
    assert way.heard() == [("cleo", "proxy")]
    account = way.app.services.accounts.accounts.named("ann")
    assert account is not None
    made = way.app.services.accounts.login_links.make(account, way.app.clock.now())
    link = way.app.run(made)
    path = f"/-/login/link/{link}"
    browser = way.browser()
    browser.get(path)
    assert way.heard() == []
    assert browser.send(path).status_code == 303
    assert way.heard() == [("ann", "link")]
    assert way.browser().get("/-/x/watch/in").status_code == 303
    assert way.heard() == [("bea", "plugin")]


def test_a_key_that_makes_a_login(way: Way) -> None:
    v1_client(way.app, "vera")
    assert way.heard() == [("vera", "key")]


def test_nobody_signs_in_otherwise(way: Way) -> None:
    """Not by looking, nor by signing out, nor to a locked account, nor for a program."""
    assert way.ann.is_in()
    answer = way.ann.send("/-/account/keys/token", {"program": "script"})
    assert answer.status_code == 200, answer.text
    command(way.app, "user lock", user="ann")
    assert way.browser().sign_in("ann").status_code != 303
    assert way.heard() == []
