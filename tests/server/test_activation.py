"""Sockets that somebody else holds, and what he is told: as under systemd, without it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import GENEROUS
from tests.server.conftest import Launch
from tests.server.held import Told, held_socket, restart, spawn
from tests.server.wire import Wire, call, request

WATCHDOG = {"WATCHDOG_USEC": "600000"}
WRITER_WAITS = """
import time
from pathlib import Path
from shortd.store.writer import Writer
commit = Writer._commit
def wait_and_commit(self, batch):
    while Path({flag!r}).exists():
        time.sleep(0.02)
    commit(self, batch)
Writer._commit = wait_and_commit
"""


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """A supervisor that listens."""
    supervisor = Told(str(tmp_path / "notify"))
    yield supervisor
    supervisor.close()


@pytest.mark.parametrize("lane", ["true", "false"])
def test_restarts_lose_nothing(tmp_path: Path, told: Told, lane: str) -> None:
    """Neither of those who connect anew nor of those who ask more than once a second."""
    environ = {**GENEROUS, "SHORTD_SERVER__FAST_LANE": lane}
    with held_socket() as held:
        log = tmp_path / "log"
        times = 3 if lane == "true" else 1
        load = asyncio.run(restart(tmp_path / "data", held, told, log, times, environ))
    assert not load.failures
    assert load.counted == load.asked.total() > 100
    assert "Traceback" not in log.read_text()


def test_several_sockets_of_both_kinds(tmp_path: Path, told: Told) -> None:
    path = tmp_path / "http.sock"
    with ExitStack() as stack:
        held = [stack.enter_context(held_socket()) for _ in range(2)]
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(path))
        unix.listen()
        both = ("::", 0) if socket.has_dualstack_ipv6() else ("127.0.0.1", 0)
        family = socket.AF_INET6 if both[0] == "::" else socket.AF_INET
        dual = stack.enter_context(
            socket.create_server(both, family=family, dualstack_ipv6=family == socket.AF_INET6)
        )
        # The settings name a port that is taken: nobody looks.
        taken = {
            "SHORTD_SERVER__PORT": str(held[0].getsockname()[1]),
            "NOTIFY_SOCKET": told.address,
            "SHORTD_PUBLIC_URL": "http://localhost",
        }
        log = tmp_path / "log"
        server = spawn(tmp_path / "data", [*held, unix, dual], log, taken, "a:b:local:c")
        stack.callback(processes.end, server)
        ready = told.until("READY")
        assert ready["READY"] == "1"
        assert f"127.0.0.1:{held[1].getsockname()[1]}" in ready["STATUS"]
        for address in (*(one.getsockname()[1] for one in held), path):
            with Wire(address) as wire:
                assert wire.ask(request("/-/health")).status == 200
        with Wire(dual.getsockname()[1]) as wire:
            wire.ask(call("login", username_email="x", password="0" * 64))
        assert '"address": "127.0.0.1"' in log.read_text()
        server.terminate()
        assert told.until("STOPPING")["STOPPING"] == "1"
        assert server.wait(60) == 0
        # Whose it is, he keeps it.
        assert stat.S_ISSOCK(path.stat().st_mode)


def test_sockets_of_another_process_are_not_ours(launch: Launch) -> None:
    server = launch({"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "x"})
    with Wire(server.port) as wire:
        assert wire.ask(request("/-/health")).status == 200


def test_what_is_no_socket_to_serve_on_is_refused_in_a_line(tmp_path: Path) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(socket.socket())
        silent.bind(("127.0.0.1", 0))
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        pair, _ = map(stack.enter_context, socket.socketpair())
        file = stack.enter_context((tmp_path / "file").open("w"))
        log = tmp_path / "log"
        data = tmp_path / "data"
        server = spawn(data, [silent, datagrams, pair, file], log, {}, "a::c")
        assert server.wait(60) == 2
        assert log.read_text().splitlines() == [
            "shortd: LISTEN_FDS: descriptor 3 (a) does not listen; leave Accept= at no",
            "shortd: LISTEN_FDS: descriptor 4 (unnamed) is no stream socket (ListenStream=)",
            "shortd: LISTEN_FDS: descriptor 5 (c) does not listen; leave Accept= at no",
            "shortd: LISTEN_FDS: descriptor 6 (unnamed) is no socket",
        ]
        assert not data.exists()


@pytest.mark.parametrize("number", ["-1", "x", "99999"])
def test_a_number_of_sockets_that_is_none(tmp_path: Path, number: str) -> None:
    log = tmp_path / "log"
    server = spawn(tmp_path / "data", [], log, {"LISTEN_FDS": number})
    assert server.wait(60) == 2
    assert log.read_text() == "shortd: LISTEN_FDS: expected a number of sockets up to 1024\n"


def test_a_supervisor_in_no_folder_is_told_of_all(launch: Launch, tmp_path: Path) -> None:
    """Readiness, life as long as event loop and writer live, a reload, the end."""
    told = Told(f"@shortd-{os.getpid()}")
    flag = tmp_path / "wait"
    environ = {**WATCHDOG, "NOTIFY_SOCKET": told.address}
    server = launch(environ, prelude=WRITER_WAITS.format(flag=str(flag)))
    assert told.next()["READY"] == "1"
    for _ in range(3):
        assert told.next() == {"WATCHDOG": "1"}
    server.send_signal(signal.SIGHUP)
    reloading = told.until("RELOADING")
    assert reloading["RELOADING"] == "1"
    assert re.fullmatch(r"\d+", reloading["MONOTONIC_USEC"])
    assert told.until("READY")["STATUS"].startswith("Serving http")
    flag.touch()
    with pytest.raises(TimeoutError):
        # Some more may have been on their way, as many as the socket holds.
        for _ in range(30):
            told.next(2)
    with Wire(server.port) as wire:
        assert wire.ask(request("/robots.txt")).status == 200
    flag.unlink()
    assert told.next() == {"WATCHDOG": "1"}
    server.send_signal(signal.SIGTERM)
    assert "STATUS" in told.until("STOPPING")
    assert server.wait() == 0
    told.close()


def test_a_supervisor_that_is_gone_is_no_matter(launch: Launch) -> None:
    server = launch({**WATCHDOG, "NOTIFY_SOCKET": "/nowhere/notify"})
    server.send_signal(signal.SIGHUP)
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_children_inherit_nothing_of_it(launch: Launch, tmp_path: Path) -> None:
    """Neither the variables nor the watchdog's."""
    prelude = (
        "import os, shortd.server.process as process; real = process.open_services\n"
        "def look(*args, **named):\n"
        f"    open({str(tmp_path / 'environ')!r}, 'w').write(' '.join(os.environ))\n"
        "    return real(*args, **named)\n"
        "process.open_services = look"
    )
    names = {"NOTIFY_SOCKET": "/x", "LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "x"}
    launch({**WATCHDOG, **names}, prelude=prelude).stop()
    left = (tmp_path / "environ").read_text().split()
    assert not {*WATCHDOG, *names} & {*left}
