"""A server that is killed between an act and its answer: who asks again by the same key is
answered, and nothing is made twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

KILLED = """
import os, signal
from shortd.limits.repeats import Repeats

async def put_answer(self, *given, **more):
    os.kill(os.getpid(), signal.SIGKILL)

Repeats.put_answer = put_answer
"""
"""The act is on disk then, and nobody was answered."""
DESTINATION = "https://example.org/a"


@pytest.fixture
def killed(tmp_path: Path) -> ServerProcess:
    return ServerProcess(tmp_path / "data", GENEROUS, prelude=KILLED)


def test_whoever_was_not_answered_asks_again(killed: ServerProcess) -> None:
    killed.start()
    userid = killed.call("temporary_account")["userid"]
    body = {"userid": userid, "url": DESTINATION, "note": "once"}
    headers = {"idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}

    def ask(**more: Any) -> httpx.Response:
        return httpx.post(f"{killed.url}/v2/url", json={**body, **more}, headers=headers)

    with pytest.raises(httpx.TransportError):
        ask()
    killed.wait()
    again = ServerProcess(killed.data_dir, GENEROUS, port=killed.port)
    again.start()
    try:
        assert ask(note="twice").json()["error"]["code"] == "idempotency_key_reused"
        first = ask()
        assert first.status_code == 200, first.text
        assert ask().content == first.content
        [entry] = again.call("get_entries", userid=userid, count=10)["entries"]
        assert entry["id"] == first.json()["output"]["entry"]["id"]
        again.stop()
        again.start()
        assert ask().content == first.content
    finally:
        again.stop()
