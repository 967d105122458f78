"""SIGHUP: what can be taken over is, what cannot is told, and what is wrong changes nothing."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GENEROUS
from tests.server.conftest import running
from tests.server.wire import Wire, call, request
from tests.server_process import ServerProcess

_serials = count()

Reload = Callable[[str | bytes | None], dict[str, Any]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("reloading") / "config.toml"
    file.write_text("")
    return file


@pytest.fixture(scope="module")
def server(file: Path) -> Iterator[ServerProcess]:
    environ = {**GENEROUS, "SHORTD_CONFIG": str(file), "SHORTD_PUBLIC_URL": "http://localhost"}
    environ["SHORTD_SERVER__TRUSTED_PROXIES"] = "127.0.0.1"
    with running(ServerProcess(file.parent / "data", environ)) as started:
        yield started


@pytest.fixture
def reload(server: ServerProcess, file: Path) -> Reload:
    def run(text: str | bytes | None) -> dict[str, Any]:
        """The line of the log that tells of it. None: there is no file."""
        before = len(server.log)
        if text is None:
            file.unlink()
        else:
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        server.send_signal(signal.SIGHUP)
        while "settings_" not in server.log[before:] or not server.log.endswith("\n"):
            with Wire(server.port) as wire:
                wire.ask(request("/robots.txt"))
        (line,) = server.log[before:].splitlines()
        told: dict[str, Any] = json.loads(line)
        return told

    return run


def told_of(server: ServerProcess) -> str | None:
    """What stands in the log of 203.0.X.7 when a login fails there; None if nothing does."""
    before = len(server.log)
    # Another one each time: of one address there are so many lines and no more.
    client = f"X-Forwarded-For: 203.0.{next(_serials)}.7"
    with Wire(server.port) as wire:
        wire.ask(call("login", client, username_email="x", password="0" * 64))
    lines = map(json.loads, server.log[before:].splitlines())
    told = [line["address"] for line in lines if line["event"] == "login_failed"]
    return re.sub(r"^203\.0\.\d+", "203.0.X", told[0]) if told else None


def test_what_stands_in_the_log(server: ServerProcess, reload: Reload) -> None:
    assert told_of(server) == "203.0.X.7"
    line = reload("[log]\naddresses = 'truncated'")
    assert (line["event"], line["changed"]) == ("settings_reloaded", "log.addresses")
    assert "need_restart" not in line
    assert told_of(server) == "203.0.X.0"
    reload("")
    assert told_of(server) == "203.0.X.7"


def test_how_much_of_it(server: ServerProcess, reload: Reload) -> None:
    # Who has asked for it is told all the same.
    line = reload("[log]\nlevel = 'error'")
    assert line["changed"] == "log.level"
    assert told_of(server) is None
    reload("")


def test_the_ways_of_a_host(server: ServerProcess, reload: Reload) -> None:
    there = "https://example.com/home"
    line = reload(f'[host.localhost]\nroot = "{there}"')
    assert line["changed"] == "host.localhost"
    with Wire(server.port) as wire:
        answer = wire.ask(request("/"))
    assert (answer.status, answer.headers["location"]) == (302, there)
    reload("")
    with Wire(server.port) as wire:
        assert wire.ask(request("/")).status == 200


def test_what_needs_a_restart_is_named_and_not_shown(server: ServerProcess, reload: Reload) -> None:
    secret = "smtps://me:hunter2@mail.example"
    text = f"[mail]\nsmtp_url = '{secret}'\n[server]\nport = 1\nstop_seconds = 1\n[log]\n"
    text += "addresses = 'none'\n[plugins.ab]\nseed = 7"
    for _ in range(2):
        line = reload(text)
        # The option wins over the file's port.
        assert line["need_restart"] == "server.stop_seconds, mail.smtp_url, plugins.ab.seed"
    assert "hunter2" not in server.log
    line = reload("")
    assert line["changed"] == "log.addresses"
    assert "need_restart" not in line


@pytest.mark.parametrize(
    "text",
    [
        *("[log", "[log]\nlevel = 'loud'", "[log]\naddresses = 'none'\n[links]\nredirects = 1"),
        *(b"\xff", None),
        "[log]\naddresses = 'none'\n[host.localhost]\nroot = 'http://localhost/circle'",
    ],
)
def test_a_broken_file_changes_nothing(
    server: ServerProcess, file: Path, reload: Reload, text: str | bytes | None
) -> None:
    line = reload(text)
    assert line["event"] == "settings_not_reloaded"
    assert text is None or str(file) in line["problems"] or "host.localhost" in line["problems"]
    assert told_of(server) == "203.0.X.7"
    assert reload("")["changed"] == "nothing"
