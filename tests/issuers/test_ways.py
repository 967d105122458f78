"""Accounts without a password: proving who one is, linking, unlinking, and all that a password
opens elsewhere."""

from __future__ import annotations

import re

import pytest

from shortd.clock import SECOND
from shortd.control.commands import run
from shortd.testing import RunningApp
from tests.api.v2.people import double_sha256
from tests.issuers.conftest import Issuer, Start, sign_in
from tests.issuers.test_signing_in import sign_up
from tests.web.surfer import Surfer, new_password

PROVE = "/-/account/confirm/home"
LINK = "/-/account/ways/home"
ACCOUNT = "/-/account"
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def app(start: Start) -> RunningApp:
    return start("create = true")


@pytest.fixture
def ann(app: RunningApp, issuer: Issuer) -> Surfer:
    """Somebody who came by the issuer, where she had signed in an hour ago."""
    surfer = Surfer(app)
    assert sign_in(surfer, issuer).status_code == 303
    return surfer


def go(surfer: Surfer, path: str) -> str:
    """What a link of a page of ours leads to."""
    answer = surfer.get(path, **OURS)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def prove(surfer: Surfer, issuer: Issuer) -> None:
    answer = surfer.get(issuer.visit(surfer.get(PROVE, **OURS)))
    assert answer.status_code == 303, answer.text


def identities(app: RunningApp, email: str = "ann@example.org") -> int:
    account = app.services.accounts.accounts.named(email)
    assert account is not None
    return len(app.services.accounts.identities.of_account(account.userid))


# Proving


def test_the_issuer_is_told_to_ask_again(ann: Surfer, issuer: Issuer) -> None:
    there = go(ann, PROVE)
    assert "prompt=login" in there and "max_age=600" in there


def test_what_opens_or_ends_the_account_asks_for_a_proof(ann: Surfer, issuer: Issuer) -> None:
    page = ann.get(ACCOUNT).text
    assert page.count('href="/-/account/confirm?next=/-/account"') == 3
    assert "Your password now" not in page
    forms = {
        "email": {"email": "new@example.org"},
        "password": new_password("Password 1"),
        "delete": {"name": "ann"},
    }
    for name, form in forms.items():
        answer = ann.send(f"{ACCOUNT}/{name}", form)
        assert answer.status_code == 422, name
        assert "This needs a sign-in of the last ten minutes" in answer.text
    assert ann.is_in()
    assert ann.call("check_credentials")["email"] == "ann@example.org"


def test_a_proof_opens_them_for_ten_minutes(ann: Surfer, issuer: Issuer, app: RunningApp) -> None:
    prove(ann, issuer)
    assert ACCOUNT + "/confirm" not in ann.get(ACCOUNT).text
    assert ann.send(f"{ACCOUNT}/email", {"email": "new@example.org"}).status_code == 303
    assert ann.call("check_credentials")["email"] == "new@example.org"
    app.clock.advance(601)
    assert ann.send(f"{ACCOUNT}/email", {"email": "more@example.org"}).status_code == 422


def test_an_account_may_be_deleted(ann: Surfer, issuer: Issuer, app: RunningApp) -> None:
    prove(ann, issuer)
    assert ann.send(f"{ACCOUNT}/delete", {"name": "x"}).status_code == 422
    assert ann.send(f"{ACCOUNT}/delete", {"name": "ann"}).status_code == 303
    assert app.services.accounts.accounts.named("ann@example.org") is None
    assert sign_in(Surfer(app), issuer).status_code == 303, "and made anew"


def test_a_password_may_be_set_and_opens_it_then(
    ann: Surfer, issuer: Issuer, app: RunningApp
) -> None:
    prove(ann, issuer)
    assert ann.send(f"{ACCOUNT}/password", new_password("Password 1")).status_code == 303
    assert Surfer(app).sign_in("ann", "Password 1").status_code == 303
    assert ann.is_in()
    assert identities(app) == 1, "the issuer still opens it"
    assert ann.send(f"{ACCOUNT}/email", {"email": "new@example.org"}).status_code == 422
    assert sign_in(Surfer(app), issuer).status_code == 303


def test_v2_sets_a_password_only_with_a_proof(ann: Surfer, issuer: Issuer, app: RunningApp) -> None:
    new = {"password": "0" * 64, "password_new": double_sha256("Password 1")}
    refused = app.refused("change_password", **ann.credentials, **new)
    assert (refused["code"], refused["http_status"]) == ("proof_required", 403)
    prove(ann, issuer)
    ann.call("change_password", **new)
    assert Surfer(app).sign_in("ann", "Password 1").status_code == 303


def test_a_program_gets_a_login(ann: Surfer, issuer: Issuer, app: RunningApp) -> None:
    keys = "/-/account/keys"
    answer = ann.send(f"{keys}/token", {"program": "cron"})
    assert answer.headers["location"] == "/-/account/confirm?next=%2F-%2Faccount%2Fkeys"
    prove(ann, issuer)
    page = ann.send(f"{keys}/token", {"program": "cron"})
    assert page.status_code == 200
    token = page.text.partition('id="token" value="')[2][:32]
    own = {"userid": ann.credentials["userid"], "token": token}
    assert app.call("check_credentials", **own)["email"] == "ann@example.org"
    assert "cron" in ann.get(ACCOUNT).text
    new = {"password": "0" * 64, "password_new": "0" * 64}
    assert app.refused("change_password", **own, **new)["code"] == "proof_required"
    assert token not in ann.get(keys).text


@pytest.mark.parametrize(
    ("auth_time", "detail"),
    [(None, "auth_time is missing"), (-700, "auth_time is"), (+700, "auth_time is")],
)
def test_an_issuer_that_has_not_asked_again_proves_nothing(
    ann: Surfer, issuer: Issuer, auth_time: int | str | None, detail: str
) -> None:
    claimed = auth_time + issuer.told.now if isinstance(auth_time, int) else auth_time
    issuer.tell(claims={"auth_time": claimed})
    answer = ann.get(issuer.visit(ann.get(PROVE, **OURS)))
    assert answer.status_code == 403
    assert "did not ask again" in answer.text and detail in answer.text
    assert ann.send(f"{ACCOUNT}/email", {"email": "new@example.org"}).status_code == 422


def test_somebody_else_proves_nothing(ann: Surfer, issuer: Issuer) -> None:
    issuer.tell(claims={"sub": "bob-2"})
    answer = ann.get(issuer.visit(ann.get(PROVE, **OURS)))
    assert answer.status_code == 403 and "as somebody else" in answer.text


def test_a_sign_in_of_just_now_is_a_proof(start: Start, issuer: Issuer) -> None:
    surfer = Surfer(start("create = true"))
    issuer.tell(claims={"auth_time": issuer.told.now - 60})
    sign_in(surfer, issuer)
    assert surfer.send(f"{ACCOUNT}/email", {"email": "new@example.org"}).status_code == 303


def test_who_has_a_password_proves_himself_by_it(app: RunningApp) -> None:
    surfer = sign_up(app)
    app.clock.advance(601)
    confirm = "/-/account/confirm"
    assert surfer.send(confirm, {"password": "wrong one"}).status_code == 422
    answer = surfer.send(confirm, {"password": "Password 1", "next": "/-/account/keys"})
    assert answer.headers["location"] == "/-/account/keys"
    assert surfer.send("/-/account/keys/token", {"program": "x"}).status_code == 200


# Linking


def test_an_issuer_is_linked_to_an_account(app: RunningApp, issuer: Issuer) -> None:
    surfer = sign_up(app, "bob")
    assert f'href="{LINK}"' in surfer.get(ACCOUNT).text
    answer = surfer.get(issuer.visit(surfer.get(LINK, **OURS)))
    assert answer.headers["location"] == ACCOUNT
    page = surfer.follow(answer).text
    assert "Home opens this account from now on." in page
    assert "ann@example.org" in page, "as who she is there"
    assert f'href="{LINK}"' not in page
    again = Surfer(app)
    assert sign_in(again, issuer).status_code == 303
    assert again.credentials["userid"] == surfer.credentials["userid"]


def test_linking_asks_for_a_proof(app: RunningApp, issuer: Issuer) -> None:
    surfer = sign_up(app, "bob")
    app.clock.advance(601)
    assert go(surfer, LINK).startswith("/-/account/confirm?next=")


@pytest.mark.parametrize("path", [LINK, PROVE])
def test_nobody_else_begins_it(app: RunningApp, issuer: Issuer, path: str) -> None:
    """A stranger who signs a browser in at the issuer as himself must not link himself here."""
    surfer = sign_up(app, "bob")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"referer": "https://evil.example/"},
        {},
    ):
        assert surfer.get(path, **headers).status_code == 403
    assert surfer.get(path, referer="http://127.0.0.1:8080/-/account").status_code == 303


def test_it_is_finished_as_the_same_account(app: RunningApp, issuer: Issuer) -> None:
    bob, carl = sign_up(app, "bob"), sign_up(app, "carl")
    path = issuer.visit(bob.get(LINK, **OURS))
    bob.cookies["shortd"] = carl.cookies["shortd"]
    answer = bob.get(path)
    assert answer.status_code == 403 and "not signed in to the account any more" in answer.text
    assert identities(app, "carl@example.org") == identities(app, "bob@example.org") == 0


def test_nobody_is_linked_to_two_accounts(ann: Surfer, app: RunningApp, issuer: Issuer) -> None:
    bob = sign_up(app, "bob")
    answer = bob.get(issuer.visit(bob.get(LINK, **OURS)))
    assert answer.status_code == 403 and "linked to another account" in answer.text
    assert identities(app) == 1 and identities(app, "bob@example.org") == 0


def test_the_list_holds_for_linking_as_well(start: Start, issuer: Issuer) -> None:
    app = start('allow = ["group:links"]')
    bob = sign_up(app, "bob")
    answer = bob.get(issuer.visit(bob.get(LINK, **OURS)))
    assert answer.status_code == 403 and "not among those" in answer.text


# Unlinking


def way_of(surfer: Surfer) -> str:
    page = surfer.get(ACCOUNT).text.partition('action="/-/account/ways/end"')[2]
    return page.partition('name="id" value="')[2][:24]


def test_the_last_way_stays(ann: Surfer, app: RunningApp, issuer: Issuer) -> None:
    end = "/-/account/ways/end"
    way = {"id": way_of(ann)}
    assert ann.send(end, way).headers["location"].startswith("/-/account/confirm")
    prove(ann, issuer)
    answer = ann.send(end, way)
    assert "Nothing else opens this account" in ann.follow(answer).text
    assert identities(app) == 1
    ann.send(f"{ACCOUNT}/password", new_password("Password 1"))
    prove(ann, issuer)
    assert "opens this account no more" in ann.follow(ann.send(end, way)).text
    assert identities(app) == 0
    assert sign_in(Surfer(app), issuer).status_code == 403


def test_nobody_unlinks_others(ann: Surfer, app: RunningApp, issuer: Issuer) -> None:
    bob = sign_up(app, "bob")
    bob.send("/-/account/ways/end", {"id": way_of(ann)})
    assert identities(app) == 1


def test_signing_out_everywhere_keeps_the_way_back(
    ann: Surfer, app: RunningApp, issuer: Issuer
) -> None:
    ann.send("/-/account/sessions/end-all", {"end_keys": "on"})
    assert not ann.is_in()
    assert sign_in(ann, issuer).status_code == 303


def test_what_is_linked_is_in_the_takeout(ann: Surfer) -> None:
    rows = ann.get("/-/account/data.json").json()
    (row,) = [row for row in rows if row["type"] == "identity"]
    assert (row["subject"], row["called"]) == ("ann-1", "ann@example.org")
    assert "digest" not in row


def test_uses_are_told(ann: Surfer, app: RunningApp, issuer: Issuer) -> None:
    app.clock.advance(7200)
    issuer.tell(now=app.clock.now() // SECOND)
    assert sign_in(Surfer(app), issuer).status_code == 303
    account = app.services.accounts.accounts.named("ann@example.org")
    assert account is not None
    (row,) = app.services.accounts.identities.of_account(account.userid)
    assert row.use_utime == app.clock.now()


def test_what_was_typed_is_not_lost_on_the_way(
    ann: Surfer, app: RunningApp, issuer: Issuer
) -> None:
    """The login ends, the form is kept on the page, and sent behind a sign-in in another tab."""
    ann.send("/-/account/sessions/end-all")
    kept = ann.send(f"{ACCOUNT}/name", {"username": "Ann the second"})
    assert kept.status_code == 403
    assert 'href="/-/login/oidc/home" target="_blank"' in kept.text
    assert f'<form class="box" method="post" action="{ACCOUNT}/name">' in kept.text
    assert 'name="username" value="Ann the second"' in kept.text
    assert sign_in(ann, issuer).status_code == 303
    assert ann.send(f"{ACCOUNT}/name", {"username": "Ann the second"}).status_code == 303


def test_ways_that_the_settings_have_no_more_are_none(
    ann: Surfer, app: RunningApp, issuer: Issuer
) -> None:
    gone = {"oidc": ["https://gone.example", "1"]}
    for more in (gone, {"proxy": "ann"}):
        app.run(run(app.services, "user link", {"user": "ann@example.org", **more}))
    prove(ann, issuer)
    form = r'name="id" value="(\w{24})">\s*<button class="b small" aria-label="Unlink ([^"]+)"'
    ends = {label: {"id": way} for way, label in re.findall(form, ann.get(ACCOUNT).text)}
    assert ends.keys() == {"Home", "https://gone.example", "The proxy in front"}
    stays = {}
    for label in sorted(ends):
        answer = ann.follow(ann.send("/-/account/ways/end", ends[label]))
        stays[label] = "Nothing else opens this account" in answer.text
    assert stays == {"Home": True, "https://gone.example": False, "The proxy in front": False}
    assert identities(app) == 1
