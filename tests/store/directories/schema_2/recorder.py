"""Asks a directory, by the code that made it, and keeps what it answers.

Kept is what is stored, or follows from it. Left out is what is of the moment (tokens that are new,
balances that refill) and what is prose (messages, the steps of `explain`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from shortd.testing import FakeClock, open_app
from tests.store.directories.exchanges import Answer, Exchange, Question, Send, ask
from tests.store.directories.schema_2.workshop import PUBLIC_URL, SETTINGS


@contextmanager
def opened(data_dir: Path, utime: int) -> Iterator[Send]:
    """A way to ask the directory, at that time for as long as it is open."""
    with open_app(data_dir, clock=FakeClock(utime), environ=SETTINGS) as app:

        def send(method: str, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
            return app.request(method, url, content=body, headers=headers)

        yield send


class Recorder:
    """Asks, and keeps what was said."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.exchanges: list[Exchange] = []

    def ask(
        self,
        question: Question,
        *,
        without: Sequence[str] = (),
        holds: Sequence[str] = (),
        body: bool = False,
    ) -> httpx.Response:
        """Keeps status, location and document, without some of its fields; texts that stand in it;
        or its very body."""
        response = ask(self._send, question)
        is_json = response.headers.get("content-type", "") == "application/json"
        document = None
        if is_json and response.content and not body:
            document = _lasting(response.json(), set(without))
        for text in holds:
            assert text in response.text, (question, text)
        answer = Answer(
            response.status_code,
            response.headers.get("location", ""),
            document,
            tuple(holds),
            hashlib.sha256(response.content).hexdigest() if body else "",
        )
        self.exchanges.append(Exchange(question, answer))
        return response

    def v2(
        self, name: str, inputs: dict[str, Any], *, then: Sequence[str] = (), **options: Any
    ) -> httpx.Response:
        question = Question(
            f"{PUBLIC_URL}/v2/{name}", "POST", body=json.dumps(inputs), then=tuple(then)
        )
        return self.ask(question, **options)

    def v1(self, name: str, token: str, inputs: dict[str, Any], **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        question = Question(f"{PUBLIC_URL}/v1/{name}", "POST", headers, json.dumps(inputs))
        return self.ask(question, **options)

    def sqwish(self, name: str, written: str = "json", **given: Any) -> httpx.Response:
        question = Question(f"{PUBLIC_URL}/{name}.{written}?{urlencode(given)}")
        holds = ("<iplist><ipdata><ip>",) if written == "xml" else ()
        return self.ask(question, holds=holds)

    def visit(self, url: str, headers: dict[str, str], **options: Any) -> httpx.Response:
        return self.ask(Question(url, headers=headers), **options)


def _lasting(document: Any, without: set[str]) -> Any:
    """Of an answer, what lasts."""
    if "utime" in document and "type" in document:
        kept = {"status": document["status"], "output": _stripped(document["output"], without)}
        if "error" in document:
            kept["error"] = {key: document["error"][key] for key in ("code", "field")}
        return kept
    if isinstance(document.get("status"), dict):
        rest = {key: value for key, value in document.items() if key != "status"}
        return {"status": {"code": document["status"]["code"]}, **_stripped(rest, without)}
    if isinstance(document.get("error"), dict):
        return {"error": {"code": document["error"]["code"]}}
    return _stripped(document, without | {"message"})


def _stripped(value: Any, without: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _stripped(inner, without) for key, inner in value.items() if key not in without
        }
    return [_stripped(inner, without) for inner in value] if isinstance(value, list) else value
