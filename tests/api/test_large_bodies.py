"""Bodies that cost more to refuse than to send: refused briefly, and paid by their client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shortd.testing import RunningApp, open_app

NAMES = json.dumps({f"name{number}": 0 for number in range(300_000)})
MIB = 1 << 20


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/multi", '{"call_queries":[],' + NAMES[1:]),
        ("/v2/url", NAMES),
        ("/v2/url", '{"url":"https://example.com/","userid":"x","qr":' + NAMES + "}"),
        ("/v2/no_such_call", NAMES),
        ("/v2/url", "[" * 200_000),
        ("/v2/url", '{"a":' * 200_000),
        ("/v2/urls", '{"urls":[' + "[]," * 900_000 + "[]]}"),
        ("/v2/multi", '{"call_queries":[' + "{}," * 900_000 + "{}]}"),
        ("/v2/url", '{"' + "n" * 3 * MIB + '":1}'),
        ("/v2/url", '{"a":1,' * 1 + '"a":2,' * 400_000 + '"a":3}'),
        ("/v1/entity/link/list", NAMES[: MIB - 10] + "}"),
        ("/v1/entity/link/list", '{"a":"' + "x" * 500_000 + '"' + "}" * 500_000),
    ],
    ids=lambda value: value[:24],
)
def test_they_are_refused_in_few_words(app: RunningApp, path: str, body: str) -> None:
    answer = app.request("POST", path, content=body)
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 64 << 10


def test_ten_unknown_names_are_told_and_none_at_length(app: RunningApp) -> None:
    names = {f"{number:03}{'x' * 100}": 0 for number in range(900)}
    answer = app.post("temporary_account", names).json()
    assert answer["status"] == "success"
    assert answer["warnings"] == [f"unknown field: {name[:64]}" for name in list(names)[:10]]


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("path", ["/v2/multi", "/v2/url", "/v1/entity/link/list"])
def test_their_client_pays_and_nobody_else(tmp_path: Path, path: str, announced: bool) -> None:
    body = b'{"userid":"' + b"x" * (MIB - 100) + b'"}'
    with open_app(tmp_path) as app:

        async def pieces() -> AsyncIterator[bytes]:
            yield body

        def send(address: str) -> int:
            content = body if announced else pieces()
            return app.request("POST", path, content=content, address=address).status_code

        told = [send("203.0.113.7") for _ in range(9)]
        assert 429 in told and told[0] != 429
        assert send("203.0.113.8") != 429
        assert app.post("temporary_account", {}, address="203.0.113.8").status_code == 200


def test_what_is_sent_up_to_64_kib_costs_nothing(tmp_path: Path) -> None:
    with open_app(tmp_path) as app:
        body = b'{"userid":"' + b"x" * 65_000 + b'"}'
        told = {app.request("POST", "/v2/url", content=body).status_code for _ in range(200)}
        assert told == {400}
