"""docs/webhooks.md: the example is what is sent, and the receiver there takes it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shortd.testing import StartApp
from shortd.testing.network import Answer, Request
from shortd_webhooks import Webhooks
from shortd_webhooks.data import Kind
from tests.plugin_runtime.test_webhooks import deliver

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(found)


def test_a_receiver_as_it_stands_there_takes_what_is_sent(
    shortd_app: StartApp, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    app = shortd_app(Webhooks, config=block("toml"))
    app.clock.set(datetime.now(UTC))
    sent: list[Request] = []

    def receive(request: Request) -> Answer:
        sent.append(request)
        return Answer(names["receive"](request.headers, request.content))

    app.network.serve("http://192.168.1.5:8000/hooks", receive)
    link = app.new_link()
    deliver(app)
    assert capsys.readouterr().out == f"shortd.link.created {link}\n"
    [request] = sent
    assert names["receive"](request.headers, request.content) == 204
    assert names["receive"](request.headers, request.content + b" ") == 401
    assert names["receive"]({}, request.content) == 401
    assert capsys.readouterr().out == ""
    event, told = request.json(), json.loads(block("json"))
    assert list(event) == list(told)
    assert list(event["data"]["link"]) == list(told["data"]["link"])


def test_all_events_are_told_of() -> None:
    told = re.findall(r"^\| `shortd\.([a-z_.]+)` \|", PAGE, re.M)
    assert told == list(Kind)
