"""What the operator does to accounts: locking, changing, ending."""

from __future__ import annotations

from shortd import errors
from shortd.models.accounts import AccountType
from shortd.store.schema import ACCOUNTS, LINKS
from shortd.testing import RunningApp
from shortd.upkeep.administration import Changes
from tests.api.v2.people import PASSWORD, double_sha256, path_of, pbkdf2, temporary
from tests.teams.people import Colleague, Newcomer, refused, sound


def change(somebody: Colleague, **changes: object) -> None:
    custody = somebody.app.services.upkeep.administration
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
        ann.do(ann.app.services.upkeep.administration.change("0" * 32, Changes(locked=True)))
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
    app.run(app.services.upkeep.administration.end(ann.userid, app.clock.now()))
    assert app.get(path_of(entry)).status_code == 404
    assert app.get(path_of(kept)).status_code == 302
    assert ann.refused("check_credentials")["code"] == "bad_credentials"
    with app.services.store.read() as txn:
        assert (ACCOUNTS.count(txn), LINKS.count(txn)) == (1, 1)
    Newcomer(app)("ann")
    assert sound(app)
