"""`shortd user show`, `sessions`, `keys`, `revoke` and `list`: with a server and without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shortd.services import open_services
from shortd.settings import Settings
from tests.api.v2.people import PASSWORD, double_sha256
from tests.commands.shell import Shell, said


@pytest.fixture
def ann(either: Shell) -> Shell:
    if not either.json("user", "list"):
        either.did("user", "add", "ann@nowhere.example", "--username", "ann")
    return either


def test_an_account_is_shown(ann: Shell) -> None:
    [listed] = ann.json("user", "list")
    shown = ann.json("user", "show", "ANN@nowhere.example")
    assert shown == listed
    assert (shown["username"], shown["type"], shown["links"]) == ("ann", "registered", 0)
    assert shown["ends_utime"] is None
    text = ann.did("user", "show", shown["userid"])
    assert "ann@nowhere.example, not verified" in text
    assert ann.refused("user", "show", "nobody") == "There is no account 'nobody'."


def test_keys_are_listed_and_end(ann: Shell) -> None:
    secrets = [ann.did("user", "api-key", "ann", "--name", name).strip() for name in ("a", "b")]
    second, first = ann.json("user", "keys", "ann")
    assert [key["name"] for key in (first, second)] == ["a", "b"]
    assert first["scopes"] == ["read", "write"]
    shown = ann.did("user", "keys", "ann")
    assert first["id"] in shown
    assert not any(secret in shown for secret in secrets)
    result = ann.run("user", "revoke", "ann", "--key", first["id"], "--key", "f" * 24)
    assert result.exit_code == 3
    assert result.stdout == f"Key {first['id']} has ended.\n"
    assert said(result.stderr) == [f"shortd: There is no key '{'f' * 24}' of ann."]
    assert [key["id"] for key in ann.json("user", "keys", "ann")] == [second["id"]]
    detail = ann.json("audit")[0]["detail"]
    assert detail == f"key {first['id']}"
    ann.did("user", "revoke", "ann", "--all")
    assert ann.json("user", "keys", "ann") == []
    assert said(ann.noted("user", "keys", "ann")) == ["shortd: no API keys"]


def test_sessions_are_listed_and_end(shell: Shell) -> None:
    shell.did("user", "add", "ann@nowhere.example", "--username", "ann")
    data = Path("shortd-data")

    async def sign_in(times: int) -> None:
        services = await open_services(Settings(data_dir=data), serving=False)
        try:
            for _ in range(times):
                now, password = services.clock.now(), double_sha256(PASSWORD)
                logins = services.accounts.logins
                await logins.log_in("ann", password, "192.0.2.7", now, "Firefox/1.0")
        finally:
            await services.close()

    asyncio.run(sign_in(3))
    sessions = shell.json("user", "sessions", "ann")
    assert len({session["id"] for session in sessions}) == 3
    assert {session["user_agent"] for session in sessions} == {"Firefox/1.0"}
    assert "Firefox/1.0" in shell.did("user", "sessions", "ann")
    assert shell.json("user", "show", "ann")["sessions"] == 3
    assert shell.json("user", "list")[0]["last_login_utime"] == sessions[0]["created_utime"]
    ended = sessions[1]["id"]
    assert shell.did("user", "revoke", "ann", "--session", ended).startswith(f"Session {ended}")
    left = shell.json("user", "sessions", "ann")
    assert left == [sessions[0], sessions[2]]
    refusal = shell.refused("user", "revoke", "ann", "--session", ended)
    assert refusal == f"There is no session {ended!r} of ann."
    assert len(shell.json("audit")) == 2, "what was not there is not noted"
    shell.did("user", "revoke", "ann", "--all")
    assert shell.json("user", "sessions", "ann") == []


@pytest.mark.parametrize("options", [(), ("--all", "--key", "x")])
def test_it_has_to_be_said_what_ends(bare: Shell, options: tuple[str, ...]) -> None:
    assert bare.run("user", "revoke", "ann", *options).exit_code == 2
