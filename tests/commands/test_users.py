"""`shortd user`: what it takes for an account, and what it says of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shortd import errors
from shortd.ids import own_team_id
from shortd.models.accounts import Passkey, SecondFactor
from shortd.names import own_team_code
from shortd.store.check import faults
from shortd.store.schema import PASSKEYS, SECOND_FACTORS
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp, open_app
from tests.api.v2.people import PASSWORD, double_sha256, pbkdf2
from tests.commands.shell import Shell
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess


def test_passwords_have_eight_characters(shell: Shell) -> None:
    add = ("user", "add", "ann@nowhere.example")
    for short in ("a", "1234567", "e\u0301" * 7):
        refusal = shell.refused(*add, SHORTD_USER_PASSWORD=short)
        assert refusal == "A password has at least 8 characters."
    assert len(shell.did("user", "list").splitlines()) == 1
    shell.did(*add)
    change = ("user", "set", "ann@nowhere.example", "--password")
    assert "at least 8" in shell.refused(*change, SHORTD_USER_PASSWORD="a")


def test_a_password_is_the_same_however_it_is_typed(shell: Shell) -> None:
    shell.did("user", "add", "a@nowhere.example", SHORTD_USER_PASSWORD="Cafe\u0301 Zoe\u0308")
    with open_app(Path("shortd-data")) as app:
        for derived in (pbkdf2("Caf\u00e9 Zo\u00eb"), double_sha256("Caf\u00e9 Zo\u00eb")):
            app.call("login", username_email="a@nowhere.example", password=derived)


def test_a_change_of_nothing_is_a_mistake(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example")
    result = shell.run("user", "set", "ann@nowhere.example")
    assert result.exit_code == 2
    assert "Say what to change" in result.stderr


@pytest.mark.parametrize(
    ("options", "kind", "verified"),
    [
        (["--verified"], "verified", True),
        (["--type", "verified"], "verified", True),
        (["--type", "custom", "--verified"], "custom", True),
        (["--type", "custom"], "custom", False),
        (["--not-verified"], "registered", False),
        (["--email", "new@nowhere.example", "--verified"], "verified", True),
    ],
)
def test_verified_is_one_notion(
    shell: Shell, options: list[str], kind: str, verified: bool
) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    shell.did("user", "set", "ann", *options)
    with open_app(Path("shortd-data")) as app:
        login = app.call("login", username_email="ann", password=double_sha256(PASSWORD))
        assert login["email_verified"] is verified
        info = app.call("get_account_info", userid=login["userid"], token=login["token"])
        assert (info["type"], info["email_verified"]) == (kind, verified)


def test_verified_is_taken_back_as_one(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann", "--type", "verified")
    for options, kind in (
        (["--not-verified"], "registered, its address not known"),
        (["--verified"], "verified, its address known"),
        (["--email", "new@nowhere.example"], "registered, its address not known"),
        (["--type", "verified"], "verified, its address known"),
        (["--type", "registered"], "registered, its address not known"),
        (["--type", "custom", "--verified"], "custom, its address known"),
        (["--username", "anna"], "custom, its address known"),
    ):
        name = "anna" if "--username" in options else "ann"
        assert kind in shell.did("user", "set", "ann", *options), name
    for options in (
        ["--type", "verified", "--not-verified"],
        ["--type", "registered", "--verified"],
    ):
        assert "The type verified is that of accounts" in shell.refused(
            "user", "set", "anna", *options
        )


def test_a_team_is_found_by_what_is_told_of_it(shell: Shell) -> None:
    added = shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    own = own_team_id(added.split()[-1].rstrip("."))
    for number, name in enumerate((own_team_code(own), own, "ann")):
        shell.did("domain", "add", f"go{number}.example.org", name)
        assert len(shell.did("domain", "list", "--team", name).splitlines()) == number + 2
    assert "owner" in shell.did("team", "members", own_team_code(own))
    assert "no such team" in shell.refused("domain", "add", "x.example.org", "team-0123456789ab")


def test_removing_on_a_full_disk_says_what_helps(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")

    async def full(*_: object) -> None:
        raise errors.STORAGE_FULL()

    monkeypatch.setattr("shortd.upkeep.administration.Administration.end", full)
    assert "removing needs some before it makes any" in shell.refused(
        "user", "remove", "ann", "--yes"
    )


def test_the_log_says_what_was_done_to_whom(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", {**GENEROUS, "SHORTD_USER_PASSWORD": PASSWORD})
    server.start()
    try:
        signup = {"email": "ann@nowhere.example", "password": double_sha256(PASSWORD)}
        userid = server.call("signup", username="ann", **signup)["userid"]
        for command in (["lock", "ann"], ["unlock", userid], ["remove", "ann", "--yes"]):
            shortd = [sys.executable, "-m", "shortd", "user", *command]
            subprocess.run(
                [*shortd, "--data", str(server.data_dir)], env=server.environ, check=True
            )
    finally:
        server.stop()
    lines = [json.loads(line) for line in server.log.splitlines()]
    done = [(line["command"], line["account"]) for line in lines if line["event"] == "command"]
    assert done == [("user lock", "ann"), ("user unlock", "ann"), ("user delete", "ann")]
    [signed_up] = [line for line in lines if line["event"] == "signed_up"]
    assert (signed_up["account"], signed_up["address"]) == ("ann", "127.0.0.1")
    assert userid not in server.log


def test_an_operator_is_made_here_alone(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    assert "operator" not in shell.did("user", "list")
    assert "It is an operator." in shell.did("user", "set", "ann", "--operator")
    assert "registered, operator" in shell.did("user", "list")
    shell.did("user", "lock", "ann")
    assert "registered, operator, locked" in shell.did("user", "list")
    assert "operator" not in shell.did("user", "set", "ann", "--no-operator")
    assert "operator" not in shell.did("user", "list")


def test_a_second_factor_that_was_lost_is_removed(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    with open_app(Path("shortd-data")) as app:
        give_second_factor(app, "ann")
        login = {"username_email": "ann", "password": pbkdf2(PASSWORD)}
        assert app.refused("login", **login)["code"] == "second_factor_required"
    shell.did("user", "set", "ann", "--no-second-factor")
    with open_app(Path("shortd-data")) as app:
        assert app.call("login", **login)["token"]
        with app.services.store.read() as txn:
            assert list(faults(txn)) == []


def give_second_factor(app: RunningApp, name: str) -> None:
    account = app.services.accounts.accounts.named(name)
    assert account is not None
    row = SecondFactor(handle=b"h" * 32, secret=b"s" * 20)

    def put(txn: WriteTxn) -> None:
        SECOND_FACTORS.put(txn, (account.userid,), row)
        passkey = Passkey("p", account.userid, b"", b"d" * 32, "Phone", 0)
        PASSKEYS.put(txn, (account.userid, "p"), passkey)

    app.run(app.services.store.write(put))
