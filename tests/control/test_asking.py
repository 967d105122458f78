"""Who runs a command: the server that has the data, or the command itself, once it can."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shortd import errors
from shortd.control import asking
from shortd.control.registry import ACTS, LOOKS
from shortd.control.socket import bind
from shortd.control.wire import SOCKET, Reply, Request
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.data_directory import DataDirectoryInUse


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    Store(tmp_path).close()
    return Settings(data_dir=tmp_path)


def test_a_command_waits_for_a_server_that_is_about_to_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Store(settings.data_dir)
    known = asking._asked
    asked: list[Request] = []

    def ask(of: Settings, request: Request) -> Iterator[Reply] | None:
        asked.append(request)
        if len(asked) == 3:
            server.close()
        return known(of, request)

    monkeypatch.setattr(asking, "_asked", ask)
    assert list(asking.look(settings, "user list", {})) == [[]]
    assert len(asked) == 3


def test_it_does_not_wait_for_ever(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "START_SECONDS", 0.2)
    server = Store(settings.data_dir)
    for run in (asking.look, asking.act):
        with pytest.raises(DataDirectoryInUse, match="does not take commands; try again"):
            list(run(settings, "user list", {}))
    server.close()


@pytest.fixture
def mute(settings: Settings) -> Iterator[Settings]:
    """Where a server takes commands, and says something else than answers."""
    listener = bind(settings.data_dir)
    listener.setblocking(True)
    answers = [b"", b"nonsense\n", b'{"rows": 5}\n']

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield settings
    thread.join()
    listener.close()
    (settings.data_dir / SOCKET).unlink()


def test_a_server_that_gives_no_answer_may_have_done_it(mute: Settings) -> None:
    for _ in range(3):
        with pytest.raises(errors.ShortdError, match="look whether it was done"):
            asking.act(mute, "user remove", {"user": "ann"})


def test_every_command_is_either_one_that_looks_or_one_that_acts() -> None:
    importlib.import_module("shortd.control.commands")
    assert not LOOKS.keys() & ACTS.keys()
    shows = [
        "list",
        "members",
        "blocked",
        "held",
        "show",
        "sessions",
        "keys",
        "audit",
        "status",
        "listening",
    ]
    assert all(name.split()[-1] in shows for name in LOOKS), LOOKS


@pytest.mark.parametrize(
    ("command", "args"),
    [("user drop", {}), ("user list", {"more": 1}), ("user remove", {"user": 5})],
)
def test_what_is_no_command_is_told(settings: Settings, command: str, args: dict[str, Any]) -> None:
    with pytest.raises(errors.ShortdError) as refusal:
        asking.act(settings, command, args)
    assert refusal.value.kind is errors.BAD_REQUEST


def test_who_asks_a_server_imports_none(tmp_path: Path) -> None:
    """A command that a server runs should take no time."""
    program = (
        "import sys; from shortd.control import asking;"
        "print([one for one in ('shortd.services', 'litestar', 'uvicorn') if one in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout == "[]\n", shown.stderr
