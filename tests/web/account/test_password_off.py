"""`[auth] password = false`, and the operator's link, which is the way in whatever is off."""

from __future__ import annotations

import pytest

from shortd.control import commands
from shortd.testing import RunningApp, StartApp
from tests.api.v2.people import double_sha256
from tests.web.surfer import Surfer, derived, new_password

OFF = "[auth]\npassword = false\n[auth.proxy]\nfrom = ['10.0.0.1']"


@pytest.fixture
def off(shortd_app: StartApp) -> RunningApp:
    return with_ann(shortd_app(config=OFF))


def with_ann(app: RunningApp) -> RunningApp:
    accounts = app.services.accounts.accounts
    app.run(accounts.add("ann@example.org", "ann", [double_sha256("Password 1")], 0))
    return app


def link_of(app: RunningApp, user: str = "ann") -> str:
    ((text,),) = app.run(commands.run(app.services, "user login-link", {"user": user}))
    return str(text).removeprefix("http://127.0.0.1:8080")


def test_there_are_no_forms(off: RunningApp) -> None:
    surfer = Surfer(off)
    page = surfer.get("/-/login").text
    assert 'type="password"' not in page and "/-/signup" not in page and "/-/forgot" not in page
    for path in ("/-/signup", "/-/forgot"):
        assert surfer.get(path).headers["location"] == "/-/login"


def test_forms_that_are_sent_all_the_same_open_nothing(off: RunningApp) -> None:
    surfer = Surfer(off)
    forms = {
        "/-/login": {"name": "ann", **derived("password", "Password 1")},
        "/-/signup": {"email": "bob@example.org", **new_password("Password 1")},
        "/-/forgot": {"name": "ann"},
    }
    for path, form in forms.items():
        answer = surfer.send(path, form)
        assert answer.status_code == 403 and "Passwords open nothing" in answer.text
    old = f"/-/reset?email=ann@example.org&code={'0' * 32}"
    for answer in (surfer.get(old), surfer.send("/-/reset", {"email": "ann@example.org"})):
        assert answer.status_code == 403 and "Passwords open nothing" in answer.text
    assert "shortd" not in surfer.cookies
    assert off.services.accounts.accounts.named("bob@example.org") is None


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        ("login", {"username_email": "ann", "password": double_sha256("Password 1")}),
        ("signup", {"email": "bob@example.org", "password": double_sha256("Password 1")}),
        ("forgot_password", {"username_email": "ann"}),
        (
            "reset_password",
            {"email": "ann@example.org", "unique_code": "0" * 32, "password": "0" * 64},
        ),
    ],
)
def test_apis_take_none_either(off: RunningApp, call: str, inputs: dict[str, str]) -> None:
    refused = off.refused(call, **inputs)
    assert (refused["code"], refused["http_status"]) == ("password_off", 403)


def test_an_account_has_no_password_then(off: RunningApp) -> None:
    surfer = Surfer(off)
    surfer.send(link_of(off))
    page = surfer.get("/-/account").text
    assert 'type="password"' not in page
    both = {**derived("password", "Password 1"), **new_password("Password 2")}
    assert surfer.send("/-/account/password", both).status_code == 422
    assert surfer.send("/-/account/email", {"email": "b@example.org"}).status_code == 303
    off.clock.advance(601)
    own = derived("password", "Password 1")
    answer = surfer.send("/-/account/email", {"email": "c@example.org", **own})
    assert answer.status_code == 422
    assert surfer.send("/-/account/confirm", own).status_code == 422


def test_operators_are_told_of_no_passwords(shortd_app: StartApp) -> None:
    app = with_ann(shortd_app(config=f"{OFF}\n[mail]\nsmtp_url = 'smtp://127.0.0.1:9'"))
    olga = Surfer(app)
    app.run(commands.run(app.services, "user set", {"user": "ann", "changes": {"operator": True}}))
    olga.send(link_of(app))
    form = {"email": "new@example.org", "username": "new"}
    page = olga.get("/-/admin/people/new").text
    assert "shortd user login-link" in page and "how to choose" not in page
    made = olga.send("/-/admin/people/new", form)
    shown = olga.follow(made).text
    assert "The account is made." in shown and "password" not in shown.lower()
    assert olga.send(f"{made.headers['location']}/reset", {"reason": ""}).status_code == 403
    assert not app.services.mail.delivery.outbox.due(app.clock.now(), 10)
    app.run(commands.run(app.services, "user add", {"email": "bob@example.org"}))
    bob = Surfer(app)
    assert bob.send(link_of(app, "bob@example.org")).status_code == 303


# The operator's link


def test_a_link_signs_in_once(off: RunningApp) -> None:
    surfer, path = Surfer(off), link_of(off)
    page = surfer.get(path)
    assert page.status_code == 200 and f'action="{path}"' in page.text
    assert not surfer.is_in(), "to look at it opens nothing"
    assert surfer.get(path).status_code == 200, "and uses nothing up"
    assert surfer.send(path).headers["location"] == "/-/dashboard"
    assert surfer.is_in()
    again = Surfer(off)
    assert again.send(path).status_code == 403
    assert again.get(path).status_code == 403
    assert not again.is_in()


def test_a_link_is_good_for_a_quarter_of_an_hour(off: RunningApp) -> None:
    path = link_of(off)
    off.clock.advance(900)
    assert Surfer(off).send(path).status_code == 403


def test_a_new_link_takes_the_place_of_the_old(off: RunningApp) -> None:
    old, new = link_of(off), link_of(off)
    assert Surfer(off).send(old).status_code == 403
    assert Surfer(off).send(new).status_code == 303


def test_a_link_is_of_pages_of_ours_alone(off: RunningApp) -> None:
    path = link_of(off)
    assert Surfer(off).send(path, origin="https://evil.example").status_code == 403
    assert Surfer(off).send(path, origin=None).status_code == 403
    assert Surfer(off).send(path).status_code == 303


@pytest.mark.parametrize("link", ["x", "..x", "x.y", "a" * 32, "a" * 32 + "." + "b" * 32, "ä.ö"])
def test_a_link_of_somebodys_making_opens_nothing(off: RunningApp, link: str) -> None:
    link_of(off)
    surfer = Surfer(off)
    assert surfer.get(f"/-/login/link/{link}").status_code == 403
    assert surfer.send(f"/-/login/link/{link}").status_code == 403


def test_another_secret_opens_nothing(off: RunningApp) -> None:
    path = link_of(off)
    assert Surfer(off).send(path[:-1] + ("a" if path[-1] != "a" else "b")).status_code == 403


def test_a_link_ends_with_all_that_opens_the_account(off: RunningApp) -> None:
    path, surfer = link_of(off), Surfer(off)
    account = off.services.accounts.accounts.named("ann")
    assert account is not None
    off.run(off.services.accounts.logins.end_all(account, None, end_keys=False))
    assert surfer.send(path).status_code == 403


def test_a_link_works_where_passwords_do_too(shortd_app: StartApp) -> None:
    app = with_ann(shortd_app())
    surfer = Surfer(app)
    assert surfer.send(link_of(app)).status_code == 303
    assert surfer.is_in()


def test_links_made_here_come_along(off: RunningApp) -> None:
    surfer = Surfer(off)
    surfer.send("/-/new", {"url": "https://example.com/"})
    surfer.send(link_of(off))
    assert len(surfer.call("get_entries", count=10)["entries"]) == 1
