"""The operator's commands: accounts, teams and what teams have, where no server runs."""

from __future__ import annotations

from pathlib import Path

from shortd.commands import tables
from shortd.testing import open_app
from tests.api.v2.people import PASSWORD, double_sha256
from tests.commands.shell import Shell

QUORA = "0123456789abcdef" * 2


def test_accounts_are_looked_after(shell: Shell) -> None:
    added = shell.did("user", "add", "ann@nowhere.example", "--username", "Ann")
    userid = added.split()[-1].rstrip(".")
    assert shell.did("user", "list").splitlines()[1].split()[:4] == [
        userid,
        "Ann",
        "ann@nowhere.example",
        "registered",
    ]
    assert shell.refused("user", "add", "ANN@nowhere.example") == "This e-mail address is in use."
    shell.did("user", "set", "ann", "--type", "custom", "--verified")
    shell.did("user", "lock", "ann@nowhere.example")
    assert "custom, locked" in shell.did("user", "list")
    shell.did("user", "unlock", userid)
    key = shell.did("user", "api-key", "ann", "--read-only", "--days", "1").strip()
    with open_app(Path("shortd-data")) as app:
        login = app.call("login", username_email="ann", password=double_sha256(PASSWORD))
        assert login["email_verified"]
        [shown] = app.call("list_api_keys", userid=userid, token=login["token"])["keys"]
        assert shown["scopes"] == ["read"]
        assert len(key) == 32
    assert shell.refused("user", "lock", "nobody") == "There is no account 'nobody'."
    assert shell.refused("user", "lock", "") == "There is no account ''."
    assert shell.run("user", "remove", "ann").exit_code == 2, "nobody said yes"
    shell.did("user", "remove", "ann", "--yes")
    assert len(shell.did("user", "list").splitlines()) == 1


def test_sign_up_may_be_closed(shell: Shell) -> None:
    Path("config.toml").write_text("accounts.signup = false")
    shell.did("user", "add", "ann@nowhere.example")


def test_teams_and_their_things_are_looked_after(shell: Shell) -> None:
    for name in ("ann", "ben"):
        shell.did("user", "add", f"{name}@nowhere.example", "--username", name)
    shell.did("team", "add", "ann", "My Shop")
    shell.did("team", "add-member", "my-shop", "ben", "--role", "admin")
    members = shell.did("team", "members", "my-shop").splitlines()[1:]
    assert [line.split()[-1] for line in members] == ["owner", "admin"]
    shell.did("team", "set-role", "my-shop", "ben", "owner")
    shell.did("team", "remove-member", "my-shop", "ann")
    assert shell.refused("team", "remove-member", "my-shop", "ben") == (
        "A team needs an owner; make somebody else one first."
    )
    campaign = shell.did("campaign", "add", "my-shop", "New Year").split()[-1].rstrip(".")
    assert "new-year" in shell.did("campaign", "list", "my-shop")
    assert shell.did("campaign", "remove", campaign) == (
        "Removed campaign new-year; its links stay.\n"
    )
    tracker = shell.did("tracker", "add", "my-shop", "quora", QUORA, "Ours").split()[-1].rstrip(".")
    assert f"quora     {QUORA}" in shell.did("tracker", "list", "my-shop")
    assert shell.did("tracker", "remove", tracker).startswith("Removed tracker Ours;")
    refusal = shell.refused("tracker", "add", "my-shop", "myspace", "abc", "Ours")
    assert "no such provider" in refusal
    assert "quora" in refusal
    shell.did("team", "remove", "my-shop")
    assert shell.refused("team", "members", "my-shop") == "There is no such team."
    assert shell.did("team", "list").split() == [
        "ID",
        "CODE",
        "NAME",
        "LINKS",
        "SINCE",
        "OWN",
        "TEAM",
        "OF",
    ]
    assert shell.did("doctor") == "Everything stored agrees with itself.\n"


def test_teams_are_called_by_their_codes_throughout(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    shell.did("team", "add", "ann", "My Shop")
    assert shell.did("domain", "add", "Bücher.example", "my-shop") == (
        "xn--bcher-kva.example answers for team my-shop.\n"
    )
    own = shell.did("domain", "add", "own.example", "ann").split()[-1].rstrip(".")
    listed = [line.split() for line in shell.did("domain", "list").splitlines()[1:]]
    assert sorted((line[1], line[2], line[-1]) for line in listed) == [
        ("own.example", "active", own),
        ("xn--bcher-kva.example", "active", "my-shop"),
    ]
    (only,) = shell.did("domain", "list", "--team", "my-shop").splitlines()[1:]
    assert only.endswith("my-shop")
    assert shell.did("domain", "list", "--team", own) == shell.did(
        "domain", "list", "--team", "ann"
    )
    assert shell.did("domain", "remove", "xn--bcher-kva.example") == (
        "xn--bcher-kva.example no longer answers for team my-shop.\n"
    )
    assert "ended" in shell.did("domain", "list", "--team", "my-shop")
    assert shell.refused("domain", "remove", "no.example") == "There is no such domain."


def test_what_a_domain_does_in_its_own_way(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    shell.did("domain", "add", "go.example", "ann")

    def shown(*options: str) -> dict[str, str]:
        rows = shell.did("domain", "set", "go.example", *options).splitlines()[1:]
        return {name: value for name, value in map(str.split, rows)}

    usual = {
        **dict.fromkeys(("root", "unknown", "ended"), "-"),
        **dict.fromkeys(("ignore_case", "wide_codes"), "no"),
        "www": "yes",
    }
    assert shown() == usual
    changed = {"root": "https://a.example/", "ignore_case": "yes", "www": "no"}
    assert shown("--root", "https://a.example/", "--ignore-case", "--no-www") == usual | changed
    assert shown("--unknown", "https://b.example/x", "--wide-codes") == usual | changed | {
        "unknown": "https://b.example/x",
        "wide_codes": "yes",
    }
    for wrong, said in {
        "example.org": "--root: The URL must begin with http:// or https:// and a host.",
        "http://go.example/": "--root: This URL leads back to this server.",
    }.items():
        assert shell.refused("domain", "set", "go.example", "--root", wrong) == said
    assert "There is no such domain." in shell.refused("domain", "set", "no.example")
    empty = ("--root", "", "--unknown", "", "--no-wide-codes", "--no-ignore-case", "--www")
    assert shown(*empty) == usual
    told = shell.did("audit")
    assert "go.example" in told and "ignore_case, root, www" in told


def test_an_own_team_that_nothing_is_stored_of_is_shown_and_stays_so(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    [member] = shell.json("team", "members", "ann")
    assert (member["username"], member["role"]) == ("ann", "owner")
    for things in ("campaign", "tracker"):
        assert len(shell.did(things, "list", "ann").splitlines()) == 1
    assert len(shell.did("domain", "list", "--team", "ann").splitlines()) == 1
    assert len(shell.did("team", "list").splitlines()) == 1


def test_what_names_have_in_them_does_nothing_to_a_terminal() -> None:
    """Whoever owns the data directory answers for what the socket says, and may be anybody."""
    assert tables.printable("a\x1b[2Jb\u202ec\nd") == "a[2Jbcd"
