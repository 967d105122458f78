"""Signals that ask for the end: what is under way is answered and stored, then the process ends
with 0. Others change nothing.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import pytest

from tests.server.conftest import Launch, running
from tests.server.ledger import Ledger
from tests.server.load import all_entries, run_load
from tests.server.test_crash import stored_counts
from tests.server.wire import Wire, call, follow, request
from tests.server_process import ServerProcess

STOPS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
ALL_STOPS = pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
)
AT_A_STOP = """
import importlib, os
def interrupted(module, name):
    real = getattr(module, name)
    def interrupt(*arguments, **named):
        os.kill(os.getpid(), {number})
        return real(*arguments, **named)
    setattr(module, name, interrupt)
interrupted(importlib.import_module("shortd.{module}"), "{name}")
"""
IMPATIENT = "import shortd.server.process; shortd.server.process.STOPPING_SECONDS = 0.5"


@ALL_STOPS
def test_requests_under_way_are_answered(launch: Launch, number: signal.Signals) -> None:
    server = launch()
    data = call("temporary_account")
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in range(8)]
        for wire in wires:
            wire.send(data[:-1])
        wait_until_read(server)
        server.send_signal(number)
        wait_until_refusing(server)
        answers = [wire.ask(data[-1:]) for wire in wires]
        assert [answer.status for answer in answers] == [200] * 8
        assert all(answer.headers["connection"] == "close" for answer in answers)
        assert all(wire.closed() for wire in wires)
    assert server.wait() == 0
    assert '"stopped"' in server.log
    server.start()
    for answer in answers:
        server.call("check_credentials", userid=answer.json["output"]["userid"])


@STOPS
def test_a_stop_under_load_loses_nothing(launch: Launch, number: signal.Signals) -> None:
    server = launch()
    userid = server.call("temporary_account")["userid"]
    ledger = Ledger()

    def stop() -> None:
        assert server.stop(number) == 0

    load = run_load(server, userid, ledger, Random(1), writers=4, visitors=8, steps=1000, end=stop)
    asyncio.run(load)
    server.start()
    entries = asyncio.run(all_entries(server, userid))
    ledger.settle(entries)
    assert server.stop(number) == 0
    ledger.settle_counts(stored_counts(server.data_dir))


def test_clicks_are_drained_before_the_end(launch: Launch) -> None:
    server = launch({"SHORTD_CLICKS__SYNC_MS": "60000"})
    userid = server.call("temporary_account")["userid"]
    url = server.call("url", userid=userid, url="https://example.com/")["entry"]["shorturl"]
    assert follow(url, 20) == [302] * 20
    assert server.stop() == 0
    assert stored_counts(server.data_dir) == {"https://example.com/": 20}


def test_idle_and_half_begun_connections_do_not_hold_it_up(launch: Launch) -> None:
    server = launch()
    with Wire(server.port) as silent, Wire(server.port) as idle, Wire(server.port) as half:
        assert idle.ask(request("/robots.txt")).status == 200
        half.send(b"GET / HTTP/1.1\r\nHost: loc")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 5
        assert silent.closed()
        assert idle.closed()
        assert half.closed()


def test_a_body_that_never_comes_holds_it_up_a_moment(launch: Launch) -> None:
    server = launch(prelude=IMPATIENT)
    with Wire(server.port) as wire:
        wire.send(call("temporary_account")[:-1])
        wait_until_read(server)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10
        assert wire.closed()


@STOPS
def test_a_second_signal_changes_nothing(launch: Launch, number: signal.Signals) -> None:
    server = launch()
    data = call("temporary_account")
    with Wire(server.port) as wire:
        wire.send(data[:-1])
        wait_until_read(server)
        server.send_signal(number)
        wait_until_refusing(server)
        server.send_signal(signal.SIGTERM)
        assert wire.ask(data[-1:]).status == 200
    assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_signals_of_other_programs_change_nothing(launch: Launch, number: signal.Signals) -> None:
    server = launch()
    for _ in range(3):
        server.send_signal(number)
        with Wire(server.port) as wire:
            assert wire.ask(request("/robots.txt")).status == 200
    assert server.stop() == 0


def test_nohup_has_its_way(tmp_path: Path) -> None:
    """A server that was started by nohup(1) outlives its terminal."""
    prelude = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    with running(ServerProcess(tmp_path / "data", prelude=prelude)) as server:
        server.send_signal(signal.SIGHUP)
        with Wire(server.port) as wire:
            assert wire.ask(request("/robots.txt")).status == 200


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory."""
    directory = tmp_path_factory.mktemp("stored") / "data"
    with running(ServerProcess(directory)) as server:
        server.call("temporary_account")
    return directory


@pytest.mark.parametrize(
    ("number", "module", "name"),
    [
        (signal.SIGTERM, "server.process", "listen"),
        (signal.SIGINT, "services", "Store"),
        (signal.SIGHUP, "clicks.services", "Journal"),
        (signal.SIGQUIT, "visitors.services", "parse_agent"),
        (signal.SIGTERM, "plugin_runtime.services", "start_plugins"),
        (signal.SIGTERM, "server.process", "most_connections"),
    ],
)
def test_a_stop_while_it_starts(
    stored: Path, number: signal.Signals, module: str, name: str
) -> None:
    """Before anything is there to drain it is an exit; the next start finds all in order."""
    prelude = AT_A_STOP.format(number=int(number), module=module, name=name)
    stopped = ServerProcess(stored, prelude=prelude, log_file=stored.parent / f"{name}.log")
    stopped.spawn()
    assert stopped.wait() == 0
    assert "Traceback" not in stopped.log
    assert '"serving"' not in stopped.log
    with running(ServerProcess(stored)):
        pass


def test_whoever_stalls_a_stop_takes_ten_seconds(launch: Launch) -> None:
    """And the log has a line of it, and no fault."""
    server = launch()
    with ExitStack() as stack:
        silent, half, dripping, idle = (stack.enter_context(Wire(server.port)) for _ in range(4))
        silent.send(call("temporary_account")[:-1])
        half.send(request("/robots.txt") + b"GET / HTTP/1.1\r\nX: ")
        dripping.send(request("/v2/url", "Content-Length: 1000000", method="POST"))
        assert idle.ask(request("/robots.txt")).status == 200
        wait_until_read(server)
        started = time.monotonic()
        server.send_signal(signal.SIGTERM)
        wait_until_refusing(server)
        with suppress(ConnectionError):
            while server.running:
                dripping.send(b" ")
                time.sleep(0.1)
        assert server.wait() == 0
        assert time.monotonic() - started < 10
        assert half.response().status == 200
    assert '"clients_cut_off": 2' in server.log
    assert '"level": "error"' not in server.log


def wait_until_read(server: ServerProcess) -> None:
    """What was sent so far has been read once a later connection is answered, and again."""
    with Wire(server.port) as wire:
        for _ in range(2):
            assert wire.ask(request("/robots.txt")).status == 200


def wait_until_refusing(server: ServerProcess) -> None:
    """A server that is stopping takes no connections any more."""
    while True:
        try:
            Wire(server.port).close()
        except ConnectionError:
            return
