"""SIGTERM and SIGINT: what is under way is answered and stored, then the process ends with 0."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import ExitStack
from random import Random

import pytest

from tests.process.conftest import Launch
from tests.process.ledger import Ledger
from tests.process.load import all_entries, run_load
from tests.process.test_crash import stored_counts
from tests.process.wire import Wire, call, follow, request
from tests.server_process import ServerProcess

STOPS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
IMPATIENT = "import shortd.server; shortd.server.STOPPING_SECONDS = 0.5"


@STOPS
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
