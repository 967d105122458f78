"""The call `change_password`: the new password, and what becomes of other logins."""

from __future__ import annotations

import pytest

from shortd.testing import RunningApp
from tests.api.v2.envelopes import everything
from tests.api.v2.people import PASSWORD, Person, double_sha256, pbkdf2

OLD = double_sha256(PASSWORD)
NEW = double_sha256("NewPassword12!")
NAME = "member@nowhere.example"


def log_in(app: RunningApp, password: str) -> Person:
    output = app.call("login", username_email=NAME, password=password)
    return Person(app, output["userid"], output["token"])


def opens(app: RunningApp, password: str) -> bool:
    response = app.post("login", {"username_email": NAME, "password": password})
    return response.status_code == 200


def test_the_new_password_replaces_the_old(app: RunningApp, member: Person) -> None:
    assert member.call("change_password", password=OLD, password_new=NEW) == {}
    assert opens(app, NEW)
    assert not opens(app, OLD)


def test_every_other_login_ends(app: RunningApp, member: Person) -> None:
    others = [log_in(app, OLD), log_in(app, OLD)]
    member.call("change_password", password=OLD, password_new=NEW)
    for other in others:
        error = other.refused("get_entries")
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")
    assert member.entries() == []
    assert len(everything(app)["tokens"]) == 1


def test_other_accounts_keep_their_logins(app: RunningApp, member: Person) -> None:
    output = app.call("signup", email="other@nowhere.example", password=OLD)
    other = Person(app, output["userid"], output["token"])
    member.call("change_password", password=OLD, password_new=NEW)
    assert other.entries() == []


def test_the_current_password_must_be_right(app: RunningApp, member: Person) -> None:
    before = everything(app)
    error = member.refused("change_password", password=NEW, password_new=NEW)
    assert (error["http_status"], error["code"]) == (401, "bad_credentials")
    assert error["field"] == "password"
    assert everything(app) == before
    assert opens(app, OLD)


def test_the_token_must_be_right(app: RunningApp, member: Person) -> None:
    error = member.refused("change_password", token="x" * 32, password=OLD, password_new=NEW)
    assert (error["http_status"], error["field"]) == (401, "token")
    assert opens(app, OLD)


def test_not_for_temporary_accounts(guest: Person) -> None:
    error = guest.refused("change_password", password=OLD, password_new=NEW)
    assert (error["http_status"], error["code"]) == (403, "not_registered")


@pytest.mark.parametrize("current", ["password", "password_alt"])
def test_both_derivations_change_together(app: RunningApp, current: str) -> None:
    old = {"password": pbkdf2(PASSWORD), "password_alt": OLD}
    output = app.call("signup", email=NAME, **old)
    member = Person(app, output["userid"], output["token"])
    new = {"password": "ab" * 32, "password_alt": "cd" * 32}
    member.call(
        "change_password",
        password=old[current],
        password_new=new["password"],
        password_alt=new["password_alt"],
    )
    assert opens(app, new["password"])
    assert opens(app, new["password_alt"])
    assert not opens(app, old["password"])
    assert not opens(app, old["password_alt"])


def test_an_old_derivation_does_not_stay_behind(app: RunningApp) -> None:
    """Without `password_alt`, the other derivation of the old password opens no more."""
    output = app.call("signup", email=NAME, password=OLD, password_alt="ab" * 32)
    member = Person(app, output["userid"], output["token"])
    member.call("change_password", password=OLD, password_new=NEW)
    assert opens(app, NEW)
    assert not opens(app, "ab" * 32)


def test_guessers_wait_but_the_owner_does_not(app: RunningApp, member: Person) -> None:
    """The delays themselves are the business of test_throttle."""
    for _ in range(4):
        assert not opens(app, NEW)
    assert opens(app, OLD)
