"""What is between a socket and a call: with the router, and past it as most calls go."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from shortd.testing import RunningApp
from tests.api.v2.envelopes import check_envelope
from tests.api.v2.people import Person

Event = dict[str, Any]

PATHS = pytest.mark.parametrize("path", ["/v2/url", "/v2/url/", "//v2/url"])
"""The plain one, and others that only the router knows to be the same."""


def ask(app: RunningApp, path: str, *events: Event) -> list[Any]:
    """What an ASGI server gets to send when it hears these events and no more."""
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8080")],
        "client": ("192.0.2.1", 5000),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
    heard = iter(events)
    sent: list[Any] = []

    async def receive() -> Any:
        return next(heard)

    async def send(message: Any) -> None:
        sent.append(message)

    app.run(app._app(scope, receive, send))
    return sent


def post(app: RunningApp, path: str, body: object) -> httpx.Response:
    return app.request("POST", f"http://127.0.0.1:8080{path}", content=json.dumps(body))


@PATHS
def test_both_ways_lead_to_the_same_answer(app: RunningApp, guest: Person, path: str) -> None:
    bodies: tuple[object, ...] = ({**guest.credentials, "url": "https://example.com/"}, {}, [])
    for body in bodies:
        plain = app.post("url", body)
        other = post(app, path, body)
        assert other.status_code == plain.status_code
        assert other.headers == plain.headers
        check_envelope(other.json(), "url")


@PATHS
def test_a_client_that_leaves_in_the_middle_of_its_body(app: RunningApp, path: str) -> None:
    before = dict(app.services.metrics.calls)
    part = {"type": "http.request", "body": b"{}", "more_body": True}
    start, _ = ask(app, path, part, {"type": "http.disconnect"})
    assert start["status"] == 400
    assert app.services.metrics.calls == before


@PATHS
def test_a_body_may_come_in_parts(app: RunningApp, path: str) -> None:
    parts = [
        {"type": "http.request", "body": part, "more_body": True} for part in (b"{", b"", b"}")
    ]
    start, answer = ask(app, path, *parts, {"type": "http.request", "body": b""})
    assert start["status"] == 400
    assert b'"missing_field"' in answer["body"]


@PATHS
def test_a_body_is_read_no_further_than_it_may_be_long(
    app: RunningApp, guest: Person, path: str
) -> None:
    part = {"type": "http.request", "body": b" " * (1 << 20), "more_body": True}
    start, answer = ask(app, path, part, {**part, "body": b" "})
    assert start["status"] == 413
    assert b'"credentials_first"' in answer["body"]
    first = {**part, "body": json.dumps(guest.credentials).encode().ljust(1 << 20)}
    start, answer = ask(app, path, first, *[part] * 3, {**part, "body": b" "})
    assert start["status"] == 413
    assert b'"body_too_large"' in answer["body"]


@pytest.mark.parametrize("host", ["exa mple", "a/b", "a\\b", '"'])
def test_no_host_has_such_a_name(app: RunningApp, host: str) -> None:
    response = app.request("POST", "/v2/temporary_account", content=b"{}", headers={"host": host})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


@PATHS
def test_a_refusal_says_when_to_come_back(
    app: RunningApp, guest: Person, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.services.limits.budgets.buckets, "charge", lambda *_: 1_500_000)
    response = post(app, path, {**guest.credentials, "url": "https://example.com/"})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"
