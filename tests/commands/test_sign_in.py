"""What the command line has to do with signing in: links, and the addresses that issuers need."""

from __future__ import annotations

from pathlib import Path

from shortd.testing import open_app
from tests.commands.shell import Shell
from tests.web.surfer import Surfer

ISSUER = (
    "public_url = 'https://links.example.org'\n"
    "[auth.oidc.home]\nissuer = 'https://id.example.org'\nclient_id = 'x'\n"
    "client_secret = 'hunter2'\n"
)


def test_the_check_tells_the_callback_address(bare: Shell) -> None:
    Path("config.toml").write_text(ISSUER)
    told = bare.did("config", "check")
    assert "https://links.example.org/-/login/oidc/home/callback" in told
    assert "hunter2" not in told + bare.did("config", "show")


def test_what_cannot_be_meant_is_one_line(bare: Shell) -> None:
    Path("config.toml").write_text("[auth]\npassword = false\n")
    result = bare.run("config", "check")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "auth.password: leaves no way to sign in" in result.stderr


def test_an_account_is_linked(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    assert "Ann of the proxy opens" in shell.did("user", "link", "ann", "--proxy", "Ann")
    told = shell.did("user", "link", "ann", "--oidc", "https://id.example.org", "7")
    assert told.startswith("7 of https://id.example.org opens ")
    shell.did("user", "add", "bob@nowhere.example", "--username", "bob")
    refusal = shell.refused("user", "link", "bob", "--proxy", "Ann")
    assert refusal == "This is linked to another account already."
    refusal = shell.refused("user", "link", "bob", "--oidc", "hoem", "7")
    assert refusal == "There is no issuer hoem in the settings."
    for wrong in ([], ["--proxy", "x", "--oidc", "y", "z"]):
        assert shell.run("user", "link", "ann", *wrong).exit_code == 2


def test_a_link_signs_in(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    told = shell.did("user", "login-link", "ann")
    assert told.startswith("http://127.0.0.1:8080/-/login/link/") and told.count("\n") == 1
    with open_app(Path("shortd-data")) as app:
        surfer = Surfer(app)
        assert surfer.send(told.strip().removeprefix("http://127.0.0.1:8080")).status_code == 303
        assert surfer.is_in()


def test_no_password_is_asked_for_that_opens_nothing(shell: Shell) -> None:
    Path("off.toml").write_text(f"{ISSUER}[auth]\npassword = false\n")
    own = ("--config", "off.toml", "--data", "shortd-data")
    add = ("user", "add", "ann@nowhere.example", *own)
    assert "Added ann@" in shell.did(*add, SHORTD_USER_PASSWORD="")
    assert "/-/login/link/" in shell.did("user", "login-link", "ann@nowhere.example", *own)


def test_nobody_who_is_not_there_gets_a_link(shell: Shell) -> None:
    assert "There is no account" in shell.refused("user", "login-link", "nobody")
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    shell.did("user", "lock", "ann")
    assert shell.refused("user", "login-link", "ann") == "This account is locked."
