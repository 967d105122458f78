"""How long a connection may make no progress before it is closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from shortd.lane import Lane
from shortd.protocol import (
    BODY_SECONDS,
    HEADER_SECONDS,
    KEEP_ALIVE_SECONDS,
    PatientProtocol,
    with_lane,
)
from tests.process.conftest import Launch
from tests.process.wire import HOST, AsyncWire, call, request

HEADER = 1.0
BODY = 3.0
IMPATIENT = f"""
from shortd import protocol
protocol.HEADER_SECONDS = protocol.PatientProtocol.patience = {HEADER}
protocol.BODY_SECONDS = {BODY}
"""


class Loop:
    """A clock that is set by hand; tasks never run, so no request is ever answered."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def create_task(self, coroutine: Any) -> Mock:
        coroutine.close()
        return Mock()


class Transport:
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        self.closed = False

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write(self, data: bytes) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class RedirectingLane:
    """A lane that answers whatever it is asked, at once, and remembers the request."""

    def __init__(self) -> None:
        self.known: set[bytes] = set()

    def head(self, headers: object) -> object:
        return headers

    def answer(self, *request: object) -> bytes | None:
        return b""

    def remember(self, data: bytes, head: object) -> None:
        self.known.add(data)

    def answer_known(self, data: bytes, *request: object) -> bytes | None:
        return b"" if data in self.known else None

    def send_later(self, connection: Any, response: bytes, keep_alive: bool) -> None:
        connection.send(response, keep_alive)


class SilentLane(RedirectingLane):
    """A lane that leaves everything to the pages."""

    def answer(self, *request: object) -> None:
        return None


Connect = Callable[[type[PatientProtocol]], PatientProtocol]
WITHOUT_LANE = pytest.mark.parametrize(
    "kind", [PatientProtocol, with_lane(cast(Lane, SilentLane()))], ids=["pages", "lane"]
)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def connect(loop: Loop) -> Connect:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("tasks never run")

    def connect(kind: type[PatientProtocol]) -> PatientProtocol:
        config = uvicorn.Config(cast(Any, app), log_config=None, access_log=False, lifespan="off")
        protocol = kind(config, ServerState(), {}, cast(Any, loop))
        protocol.connection_made(cast(Any, Transport()))
        return protocol

    return connect


def patience(protocol: PatientProtocol, loop: Loop) -> float:
    """The seconds, to a tenth, after which the connection will be overdue."""
    tenths = next((n for n in range(10_000) if protocol.overdue(loop.now + n / 10)), 10_000)
    return (tenths - 1) / 10


def answer(cycle: RequestResponseCycle) -> None:
    """Answers a request as an application would."""

    async def send() -> None:
        await cycle.send({"type": "http.response.start", "status": 204, "headers": []})
        await cycle.send({"type": "http.response.body", "body": b""})

    asyncio.run(send())


@WITHOUT_LANE
def test_a_connection_that_sends_nothing(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    assert patience(connect(kind), loop) == HEADER_SECONDS


@WITHOUT_LANE
def test_a_head_is_measured_from_its_first_byte(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    loop.now += 5
    for piece in (b"GET / HT", b"TP/1.1\r\n", b"X: "):
        protocol.data_received(piece)
        loop.now += 2
    assert patience(protocol, loop) == HEADER_SECONDS - 6


@WITHOUT_LANE
def test_a_body_is_measured_from_its_last_byte(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    protocol.data_received(request("/v2/url", "Content-Length: 100", method="POST"))
    assert patience(protocol, loop) == BODY_SECONDS
    for _ in range(50):
        loop.now += BODY_SECONDS - 1
        assert not protocol.overdue(loop.now)
        protocol.data_received(b"x")
    assert patience(protocol, loop) == BODY_SECONDS


@WITHOUT_LANE
def test_an_answer_may_take_any_time(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    protocol.data_received(call("temporary_account"))
    assert not protocol.overdue(loop.now + 1e6)


@WITHOUT_LANE
def test_rest_after_an_answer(kind: type[PatientProtocol], connect: Connect, loop: Loop) -> None:
    protocol = connect(kind)
    for _ in range(2):
        protocol.data_received(call("temporary_account"))
        loop.now += 1000
        answer(protocol.cycle)
        assert patience(protocol, loop) == KEEP_ALIVE_SECONDS
        loop.now += KEEP_ALIVE_SECONDS - 1
    protocol.data_received(request("/")[:-1])
    assert patience(protocol, loop) == HEADER_SECONDS


@WITHOUT_LANE
def test_rest_after_a_body_that_outlasts_its_answer(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    protocol.data_received(request("/v2/url", "Content-Length: 2", method="POST"))
    answer(protocol.cycle)
    assert patience(protocol, loop) == BODY_SECONDS
    protocol.data_received(b"{}")
    assert patience(protocol, loop) == KEEP_ALIVE_SECONDS


@WITHOUT_LANE
def test_rest_after_the_last_of_several_answers(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    protocol.data_received(request("/"))
    first = protocol.cycle
    protocol.data_received(request("/"))
    answer(first)
    assert not protocol.overdue(loop.now + 1e6)
    answer(protocol.cycle)
    assert patience(protocol, loop) == KEEP_ALIVE_SECONDS


@WITHOUT_LANE
def test_a_body_that_we_do_not_read_is_not_late(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    protocol.data_received(request("/v2/url", "Content-Length: 1000000", method="POST"))
    protocol.data_received(bytes(100_000))
    assert protocol.flow.read_paused
    loop.now += 1000
    assert not protocol.overdue(loop.now)
    protocol.flow.resume_reading()
    assert patience(protocol, loop) == BODY_SECONDS


def test_rest_after_a_redirect_and_the_next_head(connect: Connect, loop: Loop) -> None:
    lane = RedirectingLane()
    protocol = connect(with_lane(cast(Lane, lane)))
    for already_known in (False, True):
        assert (request("/abc") in lane.known) == already_known
        protocol.data_received(request("/abc"))
        assert patience(protocol, loop) == KEEP_ALIVE_SECONDS
        loop.now += KEEP_ALIVE_SECONDS - 1
    protocol.data_received(request("/abc")[:-1])
    assert patience(protocol, loop) == HEADER_SECONDS


@WITHOUT_LANE
def test_a_stopping_server_waits_less(
    kind: type[PatientProtocol], connect: Connect, loop: Loop
) -> None:
    protocol = connect(kind)
    protocol.data_received(request("/v2/url", "Content-Length: 100", method="POST"))
    assert not protocol.overdue(loop.now + 2.9, limit=3)
    assert protocol.overdue(loop.now + 3.1, limit=3)


def test_slow_clients_of_a_real_server(launch: Launch) -> None:
    server = launch(prelude=IMPATIENT)
    data = call("temporary_account")

    async def seconds_until_closed(*pieces: bytes, pause: float = 0.2) -> float:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        started = time.monotonic()
        closing = asyncio.ensure_future(reader.read(1))
        for piece in pieces:
            writer.write(piece)
            done, _ = await asyncio.wait([closing], timeout=pause)
            if done:
                break
        assert await closing == b""
        writer.close()
        return time.monotonic() - started

    async def upload_slowly() -> int:
        wire = await AsyncWire.open(server.port)
        wire.send(request("/v2/temporary_account", "Content-Length: 22", method="POST"))
        for byte in b"{" + b" " * 20:
            wire.send(bytes([byte]))
            await asyncio.sleep(0.2)
        answer = await wire.ask(b"}")
        wire.close()
        return answer.status

    async def rest_between_requests() -> list[int]:
        wire = await AsyncWire.open(server.port)
        first = await wire.ask(request("/robots.txt"))
        await asyncio.sleep(BODY + 1)
        second = await wire.ask(request("/robots.txt"))
        wire.close()
        return [first.status, second.status]

    async def scenario() -> None:
        nothing, head, drip, body, status, statuses = await asyncio.gather(
            seconds_until_closed(),
            seconds_until_closed(request("/")[:-5]),
            seconds_until_closed(b"GET / HTTP/1.1\r\nX: ", *[b"x"] * 100),
            seconds_until_closed(data[:-1]),
            upload_slowly(),
            rest_between_requests(),
        )
        for seconds, patience in ((nothing, HEADER), (head, HEADER), (drip, HEADER), (body, BODY)):
            # Connections are looked through once a second, and this machine may be busy.
            assert patience * 0.9 < seconds < patience + 8
        assert status == 200
        assert statuses == [200, 200]

    asyncio.run(scenario())
