"""How long a client may make no progress before its connection is closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.server.patience import LINGER_LONGEST, LINGER_SECONDS, Patience, Wait
from shortd.settings import ServerSettings
from tests.server.conftest import Launch
from tests.server.wire import HOST, AsyncWire, call, request
from tests.server_process import ServerProcess
from tests.sharing.sharing import FORM_TYPE, file_form

BOUNDS = ServerSettings()
FOR_EVER = float("inf")


class Watched:
    """A patience that is looked at once a second, under a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.is_paused = False
        self.patience = Patience(BOUNDS, lambda: self.now)

    def until_late(self, each_second: Callable[[], object] = lambda: None) -> tuple[float, Wait]:
        """Seconds until the client is late, and with what."""
        for second in range(100_000):
            late = self.patience.late(self.now, is_paused=self.is_paused, most=FOR_EVER)
            if late:
                return second, late
            self.now += 1
            each_second()
        return FOR_EVER, Wait.NOTHING

    def drip(self, size: int, every: int = 1) -> tuple[float, Wait]:
        """The same while so many bytes of a body come every so many seconds."""
        return self.until_late(
            lambda: self.patience.receive(size) if self.now % every == 0 else None
        )


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_connection_that_sends_nothing(watched: Watched) -> None:
    assert watched.until_late() == (11, Wait.HEAD)


def test_a_head_is_measured_from_its_first_byte(watched: Watched) -> None:
    watched.now += 9
    watched.patience.begin_head()
    assert watched.until_late() == (11, Wait.HEAD)


@pytest.mark.parametrize("is_upload", [False, True])
def test_a_body_may_not_pause(watched: Watched, is_upload: bool) -> None:
    watched.patience.begin_body()
    if is_upload:
        watched.patience.expect_upload()
    assert watched.until_late() == (31, Wait.BODY)


@pytest.mark.parametrize(("size", "every"), [(1, 1), (10, 1), (1, 20), (100_000, 1)])
def test_a_body_has_to_come_soon(watched: Watched, size: int, every: int) -> None:
    watched.patience.begin_body()
    assert watched.drip(size, every) == (61, Wait.BODY)


@pytest.mark.parametrize("size", [1, 10, 500, 1000])
def test_an_upload_has_to_keep_its_pace(watched: Watched, size: int) -> None:
    watched.patience.begin_body()
    watched.patience.expect_upload()
    assert watched.drip(size) == (61, Wait.BODY)


@pytest.mark.parametrize(("size", "every"), [(1100, 1), (8000, 1), (40_000, 25), (1 << 20, 1)])
def test_an_honest_upload_takes_any_time(watched: Watched, size: int, every: int) -> None:
    watched.patience.begin_body()
    watched.patience.expect_upload()
    assert watched.drip(size, every) == (FOR_EVER, Wait.NOTHING)


def test_an_upload_that_begins_to_drip(watched: Watched) -> None:
    watched.patience.begin_body()
    watched.patience.expect_upload()
    for _ in range(1000):
        watched.patience.receive(1 << 20)
        watched.now += 1
        assert not watched.patience.late(watched.now, is_paused=False, most=FOR_EVER)
    seconds, late = watched.drip(1)
    assert late is Wait.BODY
    assert seconds <= 122


def test_what_we_do_not_read_is_not_late(watched: Watched) -> None:
    watched.patience.begin_body()
    watched.is_paused = True
    for _ in range(1000):
        watched.now += 1
        assert not watched.patience.late(watched.now, is_paused=True, most=FOR_EVER)
    watched.is_paused = False
    assert watched.until_late()[0] > 25


def test_a_body_behind_its_answer(watched: Watched) -> None:
    """An upload that was refused is over for us; its client may not have read that yet."""
    watched.patience.begin_body()
    watched.patience.expect_upload()
    watched.now += 20
    watched.patience.receive(1)
    watched.patience.ignore_body()
    assert watched.drip(1 << 20) == (61, Wait.BODY)


def test_an_answer_may_take_any_time(watched: Watched) -> None:
    watched.patience.begin_body()
    watched.patience.work()
    assert watched.until_late() == (FOR_EVER, Wait.NOTHING)


def test_rest_between_requests(watched: Watched) -> None:
    watched.patience.rest()
    assert watched.until_late() == (76, Wait.REQUEST)
    watched.patience.rest()
    watched.now += 70
    watched.patience.begin_head()
    assert watched.until_late() == (11, Wait.HEAD)


def test_a_client_that_goes_on_after_the_end(watched: Watched) -> None:
    watched.patience.linger()
    assert watched.until_late() == (LINGER_SECONDS + 1, Wait.LEAVING)
    watched.patience.linger()
    assert watched.drip(1000) == (LINGER_LONGEST + 1, Wait.LEAVING)


@pytest.mark.parametrize("begin", ["begin_head", "begin_body", "rest", "linger"])
def test_a_stopping_server_waits_less(watched: Watched, begin: str) -> None:
    getattr(watched.patience, begin)()
    watched.patience.late(watched.now, is_paused=False, most=3)
    assert not watched.patience.late(watched.now + 2.9, is_paused=False, most=3)
    assert watched.patience.late(watched.now + 3.1, is_paused=False, most=3)


@given(st.lists(st.sampled_from([0, 0, 0, 1, 4096, 1 << 20]), max_size=400))
def test_who_takes_something_is_never_deaf(takes: list[int]) -> None:
    """And who takes nothing is, after a minute."""
    patience, taken, idle = Patience(BOUNDS, lambda: 0.0), 0, 0
    for second, size in enumerate(takes):
        taken += size
        idle = 0 if size else idle + 1
        assert patience.is_deaf(second, taken, most=FOR_EVER) == (idle > BOUNDS.send_seconds)


# With a real server, which is in a hurry

HEAD, SILENT, BODY, SEND = 1.0, 2.0, 4.0, 4.0
HURRIED = {
    "SHORTD_SERVER__HEAD_SECONDS": str(HEAD),
    "SHORTD_SERVER__SILENT_SECONDS": str(SILENT),
    "SHORTD_SERVER__BODY_SECONDS": str(BODY),
    "SHORTD_SERVER__SEND_SECONDS": str(SEND),
    "SHORTD_SERVER__KEEP_ALIVE_SECONDS": "20",
}
SLACK = 8
"""Connections are looked through once a second, and this machine may be busy."""


async def seconds_until_closed(
    server: ServerProcess, *pieces: bytes, pause: float = 0.2
) -> tuple[float, bytes]:
    """How long the server listens to these pieces, and what it says until it closes."""
    # It may measure from before this process goes on.
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, server.port)
    closing = asyncio.ensure_future(reader.read())
    try:
        for piece in pieces:
            writer.write(piece)
            done, _ = await asyncio.wait([closing], timeout=pause)
            if done:
                break
        said = await closing
        return time.monotonic() - started, said
    except ConnectionError:
        return time.monotonic() - started, b""
    finally:
        writer.close()


def dripping(head: bytes, size: int = 1) -> list[bytes]:
    """A body that takes a minute."""
    return [head, *[b" " * size] * 300]


def post(path: str, *headers: str) -> bytes:
    return request(path, *headers, method="POST")


LONG = "Content-Length: 100000"
CHUNKED = "Transfer-Encoding: chunked"


def test_slow_senders(launch: Launch) -> None:
    server = launch(HURRIED)
    upload = post("/v2/file", LONG, f"Content-Type: {FORM_TYPE}")
    cases: dict[str, tuple[list[bytes], float]] = {
        "nothing": ([], HEAD),
        "half a head": ([request("/")[:-5]], HEAD),
        "a dripping head": ([b"GET / HTTP/1.1\r\nX: ", *[b"x"] * 300], HEAD),
        "half a body": ([call("temporary_account")[:-1]], SILENT),
        "half an upload": ([upload], SILENT),
        "a call": (dripping(post("/v2/url", LONG)), BODY),
        "a call of v1": (dripping(post("/v1/entity/link/list", LONG)), BODY),
        "a page's form": (dripping(post("/-/reset", LONG)), BODY),
        "no address at all": (dripping(post("/nowhere/at/all", LONG)), BODY),
        "a link": (dripping(post("/abcdef", LONG)), BODY),
        "an upload": (dripping(upload), BODY),
        "chunks": ([post("/v2/url", CHUNKED), *[b"1\r\nx\r\n"] * 300], BODY),
        "chunks of an upload": ([post("/v2/file", CHUNKED), *[b"1\r\nx\r\n"] * 300], BODY),
        "an endless extension": ([post("/v2/url", CHUNKED), b"1;", *[b"x"] * 300], SILENT),
        "an endless trailer": ([post("/v2/url", CHUNKED), b"0\r\nX:", *[b"x"] * 300], SILENT),
    }

    async def scenario() -> list[tuple[float, bytes]]:
        return await asyncio.gather(
            *(seconds_until_closed(server, *pieces) for pieces, _ in cases.values())
        )

    for (name, (_, patience)), (seconds, _) in zip(
        cases.items(), asyncio.run(scenario()), strict=True
    ):
        assert patience * 0.9 < seconds < patience + SLACK, name


def test_honest_clients_beside_them(launch: Launch) -> None:
    """Who is sooner than these bounds by as much as this process may be held up."""
    silent, body_seconds, pauses = 7.0, 8.0, 40
    server = launch(
        {
            **HURRIED,
            "SHORTD_SERVER__SILENT_SECONDS": str(silent),
            "SHORTD_SERVER__BODY_SECONDS": str(body_seconds),
            "SHORTD_SERVER__UPLOAD_BYTES_PER_SECOND": "100",
        }
    )
    data = bytes(1000 * pauses)
    query = {"filename": "f", "filesize": len(data), "filetype": "", "encryption": 0}
    body = file_form(server.call("temporary_account") | query, data)

    async def upload_slowly() -> int:
        """At 4 KB a second, for longer than a body may take."""
        assert 0.25 * pauses > body_seconds
        wire = await AsyncWire.open(server.port)
        wire.send(post("/v2/file", f"Content-Length: {len(body)}", f"Content-Type: {FORM_TYPE}"))
        for start in range(0, len(body), 1000):
            await asyncio.sleep(0.25)
            wire.send(body[start : start + 1000])
        answer = await wire.response()
        wire.close()
        return answer.status

    async def call_slowly() -> int:
        wire = await AsyncWire.open(server.port)
        data = call("temporary_account").ljust(500)
        wire.send(data[:-2])
        await asyncio.sleep(1)
        answer = await wire.ask(data[-2:])
        wire.close()
        return answer.status

    async def rest_between_requests() -> int:
        wire = await AsyncWire.open(server.port)
        first = await wire.ask(request("/robots.txt"))
        await asyncio.sleep(body_seconds + 1)
        second = await wire.ask(request("/robots.txt"))
        wire.close()
        return max(first.status, second.status)

    async def scenario() -> list[int]:
        return list(await asyncio.gather(upload_slowly(), call_slowly(), rest_between_requests()))

    assert asyncio.run(scenario()) == [200, 200, 200]
