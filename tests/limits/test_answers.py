"""Answers that would be too large, alone or together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.types import Message

from shortd import errors
from shortd.limits.answers import SMALL_BYTES, Answers
from shortd.settings import ServerSettings
from shortd.testing import RunningApp, open_app
from shortd.web.answers import paced
from tests.api.v1.people import Client, client
from tests.api.v1.people import refused as refused_by_v1
from tests.conftest import GENEROUS

KIB, MIB = 1 << 10, 1 << 20
LONG = "https://example.com/" + "x" * 8000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    environ = {**GENEROUS, "SHORTD_SERVER__ANSWER_BYTES": str(MIB)}
    with open_app(tmp_path / "data", environ=environ) as app:
        yield app


@pytest.fixture
def ann(app: RunningApp) -> Client:
    ann = client(app, "ann")
    for _ in range(2):
        ann.call("urls", urls=[LONG] * 100)
    return ann


def held(app: RunningApp) -> int:
    return app.services.limits.answers.held


def test_a_list_that_is_too_large(app: RunningApp, ann: Client) -> None:
    refused = ann.refused("get_entries", start=0, count=200)
    assert (refused["http_status"], refused["code"]) == (413, "answer_too_large")
    assert len(ann.call("get_entries", start=0, count=100)["entries"]) == 100
    assert held(app) == 0


def test_a_list_of_v1_that_is_too_large(ann: Client) -> None:
    status = refused_by_v1(ann.send("entity/link/list", size=100))
    assert "too large" in status["message"]
    assert len(ann.ask("entity/link/list", size=20)["links"]) == 20


def test_multi_tells_what_does_not_fit(app: RunningApp, ann: Client) -> None:
    lists: list[dict[str, Any]] = [{"type": "get_entries", "input": {"start": 0, "count": 50}}] * 4
    small: dict[str, Any] = {"type": "url", "input": {"url": "https://example.com/"}}
    last = {**lists[0], "broadcast": True}
    queries: list[dict[str, Any]] = [*lists, small, last, small]
    queries = [{**query, "input": {**ann.credentials, **query["input"]}} for query in queries]
    responses = ann.app.call("multi", call_queries=queries)["call_responses"]
    codes = [response.get("error", {}).get("code") for response in responses]
    large = "answer_too_large"
    assert codes == [None, None, large, large, None, large, None]
    assert responses[2]["output"] == {}
    assert responses[2]["type"] == "get_entries"
    assert responses[2]["weight"] == responses[0]["weight"]
    assert held(app) == 0


def test_what_others_hold_is_not_there(app: RunningApp, ann: Client) -> None:
    answers = app.services.limits.answers
    with answers.sending(32 * MIB - 500 * KIB):
        busy = ann.refused("get_entries", start=0, count=100)
        assert (busy["http_status"], busy["code"]) == (503, "busy")
        inner = {"type": "get_entries", "input": {**ann.credentials, "start": 0, "count": 100}}
        [response] = app.call("multi", call_queries=[inner])["call_responses"]
        assert response["error"]["code"] == "busy"
        # Small ones are as ever.
        assert ann.call("get_entries", start=0, count=5)
        assert ann.call("url", url=LONG)
    assert ann.call("get_entries", start=0, count=100)


def test_it_is_shown(app: RunningApp, ann: Client) -> None:
    ann.refused("get_entries", start=0, count=200)
    text = app.get("/-/metrics").text
    assert "shortd_answers_held_bytes 0.0" in text
    assert "shortd_answers_refused_total 1.0" in text


class Sent:
    """What a connection was given, piece by piece, and what was held meanwhile."""

    def __init__(self, answers: Answers, *, fails_at: int = -1) -> None:
        self.answers = answers
        self.pieces: list[Any] = []
        self.held: list[int] = []
        self._fails_at = fails_at

    async def __call__(self, message: Message) -> None:
        self.pieces.append(message)
        self.held.append(self.answers.held)
        if len(self.pieces) == self._fails_at:
            raise ConnectionError


def send(answers: Answers, sent: Sent, message: Message) -> None:
    async def run() -> None:
        await paced(answers, sent, lambda _status: None)(message)

    asyncio.run(run())


def body(size: int, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": bytes(size), "more_body": more}


@pytest.mark.parametrize("size", [SMALL_BYTES + 1, 3 * SMALL_BYTES, 10 * SMALL_BYTES - 1])
def test_large_bodies_go_piece_by_piece(size: int) -> None:
    answers = Answers(ServerSettings())
    sent = Sent(answers)
    send(answers, sent, body(size))
    assert sum(len(piece["body"]) for piece in sent.pieces) == size
    assert max(len(piece["body"]) for piece in sent.pieces) == SMALL_BYTES
    assert [piece["more_body"] for piece in sent.pieces] == [True] * (len(sent.pieces) - 1) + [
        False
    ]
    assert set(sent.held) == {size}
    assert answers.held == 0


@pytest.mark.parametrize(
    "message", [body(0), body(SMALL_BYTES), body(5 * SMALL_BYTES, more=True)], ids=["0", "s", "f"]
)
def test_all_others_go_as_they_are(message: Message) -> None:
    answers = Answers(ServerSettings())
    sent = Sent(answers)
    send(answers, sent, message)
    assert sent.pieces == [message]
    assert sent.held == [0]


def test_who_leaves_holds_nothing() -> None:
    answers = Answers(ServerSettings())
    with pytest.raises(ConnectionError):
        send(answers, Sent(answers, fails_at=2), body(9 * SMALL_BYTES))
    assert answers.held == 0


def test_what_does_not_fit_takes_nothing() -> None:
    answers = Answers(ServerSettings(answer_bytes=2 * MIB, answers_bytes=3 * MIB))
    with answers.holding() as one, answers.holding() as two:
        one.grow(2 * MIB)
        with pytest.raises(errors.ShortdError, match="too large"):
            one.grow(1)
        two.grow(MIB)
        with pytest.raises(errors.ShortdError, match="busy"):
            two.grow(1)
        assert (answers.held, answers.refused) == (3 * MIB, 2)
    assert answers.held == 0
