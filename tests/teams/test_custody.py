"""What the operator does to accounts: locking, changing, ending, and the command line for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shortd import errors
from shortd.cli import main
from shortd.custody import Changes
from shortd.models import AccountType
from shortd.store.schema import ACCOUNTS, LINKS
from shortd.testing import RunningApp, open_app
from tests.teams.people import Colleague, Newcomer, refused, sound
from tests.v2.people import PASSWORD, double_sha256, path_of, pbkdf2, temporary


def change(somebody: Colleague, **changes: object) -> None:
    custody = somebody.app.services.custody
    somebody.do(custody.change(somebody.userid, Changes(**changes)))  # type: ignore[arg-type]


def test_a_locked_account_is_gone_until_it_is_unlocked(ann: Colleague, ben: Colleague) -> None:
    app = ann.app
    entry = ann.shorten()
    limited = ann.shorten(expiration_count=5)
    assert app.get(path_of(entry)).status_code == 302
    change(ann, locked=True)
    for path in (path_of(entry), path_of(limited), path_of(entry) + "+", path_of(entry) + ".svg"):
        assert app.get(path).status_code == 404, path
    for call in ("check_credentials", "get_entries", "logout"):
        refusal = ann.refused(call)
        assert (refusal["code"], refusal["http_status"]) == ("account_locked", 403)
    login = {"username_email": "ann", "password": double_sha256(PASSWORD)}
    assert app.refused("login", **login)["code"] == "account_locked"
    wrong = {**login, "password": "0" * 64}
    assert app.refused("login", **wrong)["code"] == "bad_credentials", "told to nobody else"
    assert app.get(path_of(ben.shorten())).status_code == 302
    change(ann, locked=False)
    assert app.get(path_of(entry)).status_code == 302
    assert ann.entry(entry["shorturl"])["count"] == 2
    assert ann.entry(limited["shorturl"])["count"] == 0


def test_a_temporary_account_can_be_locked_and_nothing_else(app: RunningApp) -> None:
    guest = Colleague(app, temporary(app).userid)
    entry = guest.shorten()
    change(guest, locked=True)
    assert guest.refused("get_entries")["code"] == "account_locked"
    assert app.get(path_of(entry)).status_code == 404
    for changes in ({"type": AccountType.CUSTOM}, {"email": "a@b.example"}, {"verified": True}):
        with refused(errors.NOT_REGISTERED):
            change(guest, **changes)


def test_an_account_is_changed(ann: Colleague, ben: Colleague) -> None:
    change(ann, type=AccountType.CUSTOM, email="new@nowhere.example", username="Anna")
    account = ann.account
    assert (account.type, account.email, account.username, account.email_verified) == (
        "custom",
        "new@nowhere.example",
        "Anna",
        False,
    )
    assert ann.call("get_account_info")["api_capacity"] == 480_000
    change(ann, verified=True)
    change(ann, email="NEW@nowhere.example")
    assert ann.account.email_verified, "it is the same address"
    change(ann, email="other@nowhere.example", verified=True)
    assert ann.account.email_verified
    for changes, kind in (
        ({"email": "BEN@nowhere.example"}, errors.EMAIL_TAKEN),
        ({"username": "Ben"}, errors.USERNAME_TAKEN),
        ({"email": "nonsense"}, errors.INVALID_FIELD),
        ({"username": "a@b"}, errors.INVALID_FIELD),
        ({"type": AccountType.TEMPORARY}, errors.INVALID_FIELD),
    ):
        with refused(kind):
            change(ann, **changes)
    with refused(errors.ACCOUNT_NOT_FOUND):
        ann.do(ann.app.services.custody.change("0" * 32, Changes(locked=True)))
    assert sound(ann.app)


def test_a_new_password_ends_all_logins(ann: Colleague) -> None:
    change(ann, passwords=[pbkdf2("Other"), double_sha256("Other")])
    assert ann.refused("check_credentials")["code"] == "bad_credentials"
    for derived in (pbkdf2("Other"), double_sha256("Other")):
        ann.app.call("login", username_email="ann", password=derived)


def test_an_account_that_is_ended_leaves_nothing(ann: Colleague, ben: Colleague) -> None:
    app = ann.app
    entry, kept = ann.shorten(), ben.shorten()
    ann.call("create_api_key", name="x")
    app.run(app.services.custody.end(ann.userid, app.clock.now()))
    assert app.get(path_of(entry)).status_code == 404
    assert app.get(path_of(kept)).status_code == 302
    assert ann.refused("check_credentials")["code"] == "bad_credentials"
    with app.services.store.read() as txn:
        assert (ACCOUNTS.count(txn), LINKS.count(txn)) == (1, 1)
    Newcomer(app)("ann")
    assert sound(app)


# The command line


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SHORTD_")]:
        monkeypatch.delenv(name)
    return CliRunner(env={"SHORTD_USER_PASSWORD": PASSWORD})


def did(shell: CliRunner, *command: str) -> str:
    result = shell.invoke(main, list(command))
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(shell: CliRunner, *command: str) -> str:
    result: Result = shell.invoke(main, list(command))
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    return line


def test_accounts_are_looked_after(shell: CliRunner) -> None:
    added = did(shell, "user", "add", "ann@nowhere.example", "--username", "Ann")
    userid = added.split()[-1].rstrip(".")
    assert did(shell, "user", "list").splitlines()[1].split()[:4] == [
        userid,
        "Ann",
        "ann@nowhere.example",
        "registered",
    ]
    assert refusal(shell, "user", "add", "ANN@nowhere.example") == (
        "shortd: This e-mail address is in use."
    )
    did(shell, "user", "set", "ann", "--type", "custom", "--verified")
    did(shell, "user", "lock", "ann@nowhere.example")
    assert "custom, locked" in did(shell, "user", "list")
    did(shell, "user", "unlock", userid)
    key = did(shell, "user", "api-key", "ann", "--read-only", "--days", "1").strip()
    with open_app(Path("shortd-data")) as app:
        login = app.call("login", username_email="ann", password=double_sha256(PASSWORD))
        assert login["email_verified"]
        [shown] = app.call("list_api_keys", userid=userid, token=login["token"])["keys"]
        assert shown["scopes"] == ["read"]
        assert len(key) == 32
    assert refusal(shell, "user", "lock", "nobody") == "shortd: There is no account 'nobody'."
    assert refusal(shell, "user", "lock", "") == "shortd: There is no account ''."
    assert shell.invoke(main, ["user", "remove", "ann"], input="n\n").exit_code == 1
    did(shell, "user", "remove", "ann", "--yes")
    assert len(did(shell, "user", "list").splitlines()) == 1


def test_sign_up_may_be_closed(shell: CliRunner) -> None:
    Path("config.toml").write_text("accounts.signup = false")
    did(shell, "user", "add", "ann@nowhere.example", "--config", "config.toml")


def test_teams_and_their_things_are_looked_after(shell: CliRunner) -> None:
    for name in ("ann", "ben"):
        did(shell, "user", "add", f"{name}@nowhere.example", "--username", name)
    did(shell, "team", "add", "ann", "My Shop")
    did(shell, "team", "add-member", "my-shop", "ben", "--role", "admin")
    members = did(shell, "team", "members", "my-shop").splitlines()[1:]
    assert [line.split()[-1] for line in members] == ["owner", "admin"]
    did(shell, "team", "set-role", "my-shop", "ben", "owner")
    did(shell, "team", "remove-member", "my-shop", "ann")
    assert refusal(shell, "team", "remove-member", "my-shop", "ben") == (
        "shortd: A team needs an owner; make somebody else one first."
    )
    assert did(shell, "domain", "add", "Bücher.example", "my-shop") == (
        "xn--bcher-kva.example answers for team my-shop.\n"
    )
    did(shell, "domain", "add", "own.example", "ann")
    assert "xn--bcher-kva.example  active" in did(shell, "domain", "list", "--team", "my-shop")
    did(shell, "domain", "remove", "xn--bcher-kva.example")
    assert "ended" in did(shell, "domain", "list")
    assert refusal(shell, "domain", "remove", "no.example") == "shortd: There is no such domain."
    campaign = did(shell, "campaign", "add", "my-shop", "New Year").split()[-1].rstrip(".")
    assert "new-year" in did(shell, "campaign", "list", "my-shop")
    did(shell, "campaign", "remove", campaign)
    tracker = did(shell, "tracker", "add", "my-shop", "quora", "abc", "Ours").split()[-1]
    assert "quora     abc" in did(shell, "tracker", "list", "my-shop")
    did(shell, "tracker", "remove", tracker.rstrip("."))
    assert refusal(shell, "tracker", "add", "my-shop", "myspace", "abc", "Ours") == (
        "shortd: There is no such provider."
    )
    did(shell, "team", "remove", "my-shop")
    assert refusal(shell, "team", "members", "my-shop") == "shortd: There is no such team."
    assert "own" not in did(shell, "team", "list").split("\n", 1)[1].replace("ann", "")
    assert did(shell, "doctor") == "Everything stored agrees with itself.\n"
