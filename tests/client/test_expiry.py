"""When a link ends is counted by the server's clock, whatever the client's says."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client.impostor import Asked, Impostor, Say, envelope
from tests.client.shell import Shell
from tests.client.test_patience import ww7
from tests.server_process import ServerProcess

SECOND = 1_000_000
HOUR = 3600 * SECOND
NEVER = 2**63 - 1


@pytest.fixture(params=[-2, 2, -20 * 365 * 24])
def off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's clock is wrong by so many hours."""
    clock, shift = time.time_ns, request.param * HOUR * 1000
    monkeypatch.setattr(time, "time_ns", lambda: clock() + shift)
    monkeypatch.setattr(time, "time", lambda: (clock() + shift) / 1e9)


def unique(beginning: str) -> str:
    return f"{beginning}{time.monotonic_ns() % 10**9}"


def lifetime(server: ServerProcess, short_url: str, **mine: Any) -> int:
    """How long a link has from its making to its end (µs)."""
    entry = server.call("get_entry", shorturl=short_url, **mine)["entry"]
    return int(entry["expiration_utime"] - entry["utime"])


@pytest.mark.usefixtures("off")
@pytest.mark.parametrize("password", [None, "p"])
@pytest.mark.parametrize("size", [0, 5])
def test_a_link_lives_as_long_as_asked(
    shell: Shell, server: ServerProcess, password: str | None, size: int
) -> None:
    Path("file").write_bytes(bytes(size))
    login = server.call("signup", email=f"{unique('me')}@example.com", password="a" * 64)
    registered = {"userid": login["userid"], "token": login["token"]}
    for mine in (registered, {"userid": server.call("temporary_account")["userid"]}):
        options = [text for name, value in mine.items() for text in (f"--{name}", value)]
        short_url = shell.send("file", "--expire", "1h", *options, password=password)
        assert HOUR - 60 * SECOND < lifetime(server, short_url, **mine) <= HOUR


@pytest.mark.usefixtures("off")
def test_a_send_that_had_only_to_finish(shell: Shell, server: ServerProcess) -> None:
    """Nothing else is asked in this run before the end is counted."""
    Path("file").write_bytes(b"x")
    taken = unique("taken")
    others = server.call("temporary_account")["userid"]
    server.call("url", userid=others, url="https://example.com/", code=taken)
    userid = server.call("temporary_account")["userid"]
    command = ("send", "file", "--userid", userid, "--expire", "1h", "--code")
    assert shell.refused(*command, taken) == "This code is in use."
    short_url = shell.line(shell.run(*command, unique("free")))
    assert HOUR - 60 * SECOND < lifetime(server, short_url, userid=userid) <= HOUR


class Ending:
    """A server that says when accounts end, or what its time is, as a test has it."""

    def __init__(self, account: Say, utime: object = None) -> None:
        self._account = account
        self._utime = utime
        self.finalized: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Say:
        if asked.path.endswith("get_account_info"):
            return self._account
        if asked.path.endswith("check_credentials"):
            return envelope()
        if asked.path.endswith("file_part_finalize"):
            self.finalized.append(json.loads(asked.body))
        say = ww7(asked)
        body = json.loads(say.body) | ({} if self._utime is None else {"utime": self._utime})
        return say._replace(body=json.dumps(body).encode())


@pytest.fixture
def far(folder: Path) -> Shell:
    (folder / "file").write_bytes(b"content")
    return Shell(folder, "")


@pytest.mark.parametrize(
    ("expire", "days", "is_told"), [("52w", 30, True), ("29d", 30, False), ("2h", 0.0, True)]
)
def test_an_account_that_ends_sooner_is_told(
    far: Shell, expire: str, days: float, is_told: bool
) -> None:
    now = 1_700_000_000 * SECOND
    server = Ending(envelope(expiration_utime=now + int(days * 24 * HOUR)), now)
    with Impostor(server) as impostor:
        far.server = impostor.url
        result = far.run("send", "file", "--expire", expire)
    note = (
        f"shortd: The temporary account ends in {days:.0f} days, and this link with it;"
        " --username shares with an account that stays.\n"
    )
    assert (result.exit_code, result.stderr) == (0, note if is_told else "")


@pytest.mark.parametrize("answer", [Say(404), envelope(), envelope(expiration_utime=NEVER)])
@pytest.mark.parametrize("utime", [None, "now", 1.5, [], True])
def test_a_server_that_does_not_say_is_no_obstacle(far: Shell, answer: Say, utime: object) -> None:
    """Then it is this clock that counts."""
    server = Ending(answer, utime)
    with Impostor(server) as impostor:
        far.server = impostor.url
        assert far.send("file", "--expire", "1h") == "https://s.example/abc"
    (inputs,) = server.finalized
    assert abs(inputs["expiration_utime"] - time.time_ns() // 1000 - HOUR) < 60 * SECOND


def test_a_real_temporary_account_ends_sooner_than_a_year(
    shell: Shell, server: ServerProcess
) -> None:
    Path("file").touch()
    result = shell.run("send", "file", "--expire", "52w")
    assert "The temporary account ends in 30 days, and this link with it" in result.stderr
    assert shell.run("send", "file", "--expire", "29d").stderr == ""
