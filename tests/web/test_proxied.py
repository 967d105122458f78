"""Sign-in by a proxy's header: whom it is believed from, for what, and what guards it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shortd import errors
from shortd.control import commands
from shortd.testing import RunningApp, StartApp
from shortd.upkeep.administration import Changes
from tests.api.v2.people import double_sha256
from tests.web.surfer import Surfer

PROXY, STRANGER = "10.0.0.2", "192.0.2.66"
NAMED = {"remote-user": "ann", "remote-email": "ann@example.org"}
ACCOUNT = "/-/account"
CONFIG = "[auth.proxy]\nfrom = ['10.0.0.0/24', '2001:db8::/64']\n"


class Named(Surfer):
    """A browser behind the proxy, which adds its headers to all that it sends."""

    def __init__(self, app: RunningApp, address: str = PROXY, **headers: str) -> None:
        super().__init__(app, address=address)
        self.headers = headers or NAMED

    def _ask(self, method: str, path: str, content: Any, headers: Any) -> httpx.Response:
        return super()._ask(method, path, content, {**self.headers, **headers})


@pytest.fixture
def app(shortd_app: StartApp) -> RunningApp:
    return shortd_app(config=CONFIG + "create = true")


@pytest.fixture
def strict(shortd_app: StartApp) -> RunningApp:
    """A server where nobody gets an account by the header alone."""
    return shortd_app(config=CONFIG)


def command(app: RunningApp, name: str, **args: Any) -> str:
    ((text,),) = app.run(commands.run(app.services, name, args))
    return str(text)


def add(app: RunningApp, name: str = "ann") -> None:
    accounts, now = app.services.accounts.accounts, app.clock.now()
    app.run(accounts.add(f"{name}@example.org", name, [double_sha256("Password 1")], now))


def test_whom_the_proxy_names_is_in(app: RunningApp) -> None:
    surfer = Named(app)
    page = surfer.get(ACCOUNT)
    assert page.status_code == 200
    assert "ann@example.org" in page.text and "sign out there" in page.text
    account = app.services.accounts.accounts.named("ann")
    assert account is not None and not account.email_verified and account.password is None


def test_nobody_is_told_that_he_is_out_who_is_not(app: RunningApp) -> None:
    surfer = Named(app)
    for answer in (surfer.get("/-/logout"), surfer.send("/-/logout")):
        assert answer.headers["location"] == ACCOUNT
    assert "sign out there" in surfer.get("/").text


def test_no_browser_gets_a_cookie(app: RunningApp) -> None:
    surfer = Named(app)
    for path in (ACCOUNT, "/", "/-/dashboard"):
        assert "set-cookie" not in surfer.get(path).headers
    assert surfer.cookies == {}
    assert not Surfer(app, address=PROXY).is_in(), "without the header nobody is in"


def test_it_is_asked_at_every_request(app: RunningApp) -> None:
    ann = Named(app)
    assert "ann@example.org" in ann.get(ACCOUNT).text
    ann.headers = {"remote-user": "bob", "remote-email": "bob@example.org"}
    assert "bob@example.org" in ann.get(ACCOUNT).text
    ann.headers = {"x-other": "1"}
    assert ann.get(ACCOUNT).status_code == 303


def test_one_login_stands_for_many_requests(app: RunningApp) -> None:
    surfer = Named(app)
    for _ in range(5):
        surfer.get(ACCOUNT)
    account = app.services.accounts.accounts.named("ann")
    assert account is not None
    logins = app.services.accounts.logins.of_account(account, None, app.clock.now())
    assert len(logins) == 1


@pytest.mark.parametrize("forwarded", [None, PROXY, "10.0.0.9, 192.0.2.1"])
def test_nobody_else_is_believed(app: RunningApp, forwarded: str | None) -> None:
    """Least of all for saying that he has come from the proxy."""
    more = {} if forwarded is None else {"x-forwarded-for": forwarded, "x-real-ip": PROXY}
    surfer = Named(app, STRANGER, **NAMED, **more)
    with capture_logs() as lines:
        assert surfer.get(ACCOUNT).status_code == 303
    (line,) = [line for line in lines if line["event"] == "proxy_header_ignored"]
    assert (line["address"], line["header"]) == (STRANGER, "remote-user")
    assert app.services.accounts.accounts.named("ann") is None


@pytest.mark.parametrize("trusted", [PROXY, STRANGER])
def test_trusted_proxies_are_not_asked_about_it(shortd_app: StartApp, trusted: str) -> None:
    """Whose X-Forwarded-For is believed names nobody by that, and whose name is believed may
    forward: the connection's own peer counts."""
    app = shortd_app(config=f"server.trusted_proxies = ['{trusted}']\n{CONFIG}create = true")
    through = Named(app, STRANGER, **NAMED, **{"x-forwarded-for": PROXY})
    assert through.get(ACCOUNT).status_code == 303
    behind = Named(app, PROXY, **NAMED, **{"x-forwarded-for": STRANGER})
    assert behind.get(ACCOUNT).status_code == 200


def test_the_log_is_not_anybodys_to_fill(app: RunningApp) -> None:
    surfer = Named(app, STRANGER)
    with capture_logs() as lines:
        for _ in range(50):
            surfer.get("/-/login")
    assert len([line for line in lines if line["event"] == "proxy_header_ignored"]) == 5


@pytest.mark.parametrize("peer", ["2001:db8::7", "::ffff:10.0.0.2"])
def test_peers_have_addresses_of_both_kinds(app: RunningApp, peer: str) -> None:
    assert Named(app, peer).get(ACCOUNT).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.1.2", "2001:db8:0:1::7", "::ffff:10.0.1.2", ""])
def test_others_are_others(app: RunningApp, peer: str) -> None:
    assert Named(app, peer).get(ACCOUNT).status_code == 303


@pytest.mark.parametrize("name", ["", " ", "\x01", "\udcff", "x" * 2000])
def test_a_name_that_is_none_opens_nothing(app: RunningApp, name: str) -> None:
    headers: Any = {**NAMED, "remote-user": name.encode("utf-8", "surrogateescape")}
    answer = app.request("GET", ACCOUNT, headers=headers, address=PROXY)
    assert answer.status_code in (303, 401)


def test_a_header_that_comes_twice_says_nothing(app: RunningApp) -> None:
    headers: Any = [("remote-user", "ann"), ("Remote-User", "bob"), ("remote-email", "a@b.example")]
    answer = app.request("GET", ACCOUNT, headers=headers, address=PROXY)
    assert answer.status_code != 200
    assert app.services.accounts.accounts.named("ann") is None


def test_switched_off_it_is_a_header_like_any(shortd_app: StartApp) -> None:
    app = shortd_app()
    assert Named(app, "127.0.0.1").get(ACCOUNT).status_code == 303


# APIs


def test_apis_never_hear_of_it(app: RunningApp) -> None:
    surfer = Named(app)
    surfer.get(ACCOUNT)
    answer = app.post("check_credentials", {}, headers=NAMED, address=PROXY)
    assert answer.status_code == 400
    answer = app.post("url", {"url": "https://example.com/"}, headers=NAMED, address=PROXY)
    assert answer.status_code != 200
    v1 = app.request("POST", "/v1/entity/team/list", content="{}", headers=NAMED, address=PROXY)
    assert v1.status_code == 401
    sqwish = app.request(
        "GET", "/shorten.json?url=https://example.com/", headers=NAMED, address=PROXY
    )
    assert sqwish.status_code != 200


def test_scripts_of_our_pages_make_calls_by_it(app: RunningApp) -> None:
    page = {"shortd-page": "1", "origin": "http://127.0.0.1:8080", **NAMED}
    answer = app.post("check_credentials", {}, headers=page, address=PROXY)
    assert answer.json()["output"]["email"] == "ann@example.org"
    for origin in ("https://evil.example", "null"):
        foreign = {**page, "origin": origin}
        assert app.post("check_credentials", {}, headers=foreign, address=PROXY).status_code == 403


# The guard


def test_foreign_forms_do_nothing(app: RunningApp) -> None:
    """A browser behind the proxy is signed in wherever it is sent from: no cookie rule helps."""
    surfer = Named(app)
    surfer.get(ACCOUNT)
    form = {"username": "owned"}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ):
        answer = surfer.send(f"{ACCOUNT}/name", form, origin=None, headers=headers)
        assert answer.status_code == 403, headers
    assert surfer.send(f"{ACCOUNT}/name", form).status_code == 303


# Whose account it is


def test_a_name_opens_no_account_of_that_name(strict: RunningApp) -> None:
    add(strict)
    surfer = Named(strict)
    assert surfer.get(ACCOUNT).status_code == 303
    page = surfer.get("/-/login").text
    assert "The proxy in front names you ann" in page
    assert surfer.sign_in("ann", "Password 1").status_code == 303, "a password still does"
    assert surfer.is_in()


def test_nor_does_an_address(app: RunningApp) -> None:
    add(app)
    assert Named(app).get(ACCOUNT).status_code == 303


def test_the_operator_links_them(strict: RunningApp) -> None:
    add(strict)
    told = command(strict, "user link", user="ann", proxy="Ann of the proxy")
    assert told.startswith("Ann of the proxy of the proxy opens ")
    surfer = Named(strict, **{"remote-user": "Ann of the proxy"})
    assert "ann@example.org" in surfer.get(ACCOUNT).text
    assert Named(strict, **{"remote-user": "ann of the proxy"}).get(ACCOUNT).status_code == 303


def test_one_name_is_linked_to_one_account(strict: RunningApp) -> None:
    add(strict, "ann")
    add(strict, "bob")
    command(strict, "user link", user="ann", proxy="x")
    with pytest.raises(errors.ShortdError) as caught:
        command(strict, "user link", user="bob", proxy="x")
    assert caught.value.message == "This is linked to another account already."


def test_somebody_of_an_issuer_is_linked_too(strict: RunningApp) -> None:
    add(strict)
    told = command(strict, "user link", user="ann", oidc=["https://id.example.org", "7"])
    assert told.startswith("7 of https://id.example.org opens ")


def test_a_locked_account_stays_shut(app: RunningApp) -> None:
    surfer = Named(app)
    surfer.get(ACCOUNT)
    account = app.services.accounts.accounts.named("ann")
    assert account is not None
    app.run(app.services.upkeep.administration.change(account.userid, Changes(locked=True)))
    assert surfer.get(ACCOUNT).status_code == 303


def test_links_that_were_made_here_come_along(app: RunningApp) -> None:
    surfer = Named(app)
    surfer.get(ACCOUNT)
    surfer.headers = {"x-other": "1"}
    surfer.send("/-/new", {"url": "https://example.com/kept"})
    surfer.headers = NAMED
    assert "<b>example.com</b>/kept" in surfer.get("/-/dashboard").text


def test_whoever_is_named_has_proved_himself(app: RunningApp) -> None:
    surfer = Named(app)
    for email in ("a@example.org", "b@example.org"):
        assert surfer.send(f"{ACCOUNT}/email", {"email": email}).status_code == 303
        app.clock.advance(3600)


def test_a_cookie_of_another_does_not_count(app: RunningApp) -> None:
    """Of two people at one browser, the proxy knows who is there now."""
    add(app, "bob")
    surfer = Named(app, **{"x-other": "1"})
    surfer.sign_in("bob", "Password 1")
    assert "bob@example.org" in surfer.get(ACCOUNT).text
    surfer.headers = NAMED
    assert "ann@example.org" in surfer.get(ACCOUNT).text


def test_an_account_that_is_gone_is_made_anew(app: RunningApp) -> None:
    surfer = Named(app)
    surfer.get(ACCOUNT)
    assert surfer.send(f"{ACCOUNT}/delete", {"name": "ann"}).status_code == 303
    assert surfer.get(ACCOUNT).status_code == 200
