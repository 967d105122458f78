"""Requests that are under way together and get into each other's way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import httpx

from shortd.security.passwords import PasswordHasher
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import check_envelope
from tests.api.v2.people import DESTINATION, PASSWORD, Person, double_sha256, registered, temporary
from tests.conftest import GENEROUS


def send_all(app: RunningApp, requests: list[httpx.Request]) -> list[httpx.Response]:
    """The responses to requests that are all under way together."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(cast(Any, app._app))
        async with httpx.AsyncClient(transport=transport) as client:
            return await asyncio.gather(*(client.send(request) for request in requests))

    return app.run(send())


def at_once(app: RunningApp, requests: list[httpx.Request]) -> list[int]:
    """Their statuses."""
    return [response.status_code for response in send_all(app, requests)]


def post(name: str, inputs: dict[str, Any]) -> httpx.Request:
    return httpx.Request("POST", f"http://127.0.0.1:8080/v2/{name}", json=inputs)


def test_one_code_wanted_by_many_accounts(app: RunningApp) -> None:
    people = [temporary(app) for _ in range(8)]
    inputs = {"url": DESTINATION, "code": "fanciest"}
    requests = [post("url", {**person.credentials, **inputs}) for person in people]
    assert sorted(at_once(app, requests)) == [200] + [409] * 7
    assert sum(len(person.entries()) for person in people) == 1


def test_one_code_replaced_again_and_again(app: RunningApp, guest: Person) -> None:
    inputs = {**guest.credentials, "url": DESTINATION, "code": "fanciest"}
    assert at_once(app, [post("url", inputs)] * 8) == [200] * 8
    assert len(guest.entries(count=1000)) == 1


def test_one_address_signed_up_twice(app: RunningApp) -> None:
    inputs = {"email": "a@nowhere.example", "password": "ab" * 32}
    statuses = at_once(app, [post("signup", inputs)] * 3)
    assert sorted(statuses) == [200, 409, 409]


def test_one_temporary_account_converted_twice(app: RunningApp, guest: Person) -> None:
    requests = [
        post(
            "signup",
            {"email": f"{n}@nowhere.example", "password": "ab" * 32, "userid": guest.userid},
        )
        for n in range(3)
    ]
    assert sorted(at_once(app, requests)) == [200, 401, 401]


def test_one_bucket_for_all(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_LIMITS__TEMPORARY__API_CAPACITY": "5500"}
    with open_app(tmp_path / "data", environ=environ) as app:
        guest = temporary(app)
        inputs = {**guest.credentials, "url": DESTINATION}
        statuses = at_once(app, [post("url", inputs)] * 12)
        assert sorted(statuses) == [200] * 5 + [429] * 7


def test_one_password_changed_twice(app: RunningApp, member: Person) -> None:
    requests = [
        post(
            "change_password",
            {**member.credentials, "password": double_sha256(PASSWORD), "password_new": new},
        )
        for new in ("ab" * 32, "cd" * 32)
    ]
    assert sorted(at_once(app, requests)) == [200, 401]


def test_a_click_limit_is_exact(app: RunningApp, guest: Person) -> None:
    entry = guest.shorten(expiration_count=7)
    statuses = at_once(app, [httpx.Request("GET", entry["shorturl"])] * 40)
    assert sorted(statuses) == [302] * 7 + [410] * 33
    app.drain()
    assert guest.entry(entry["shorturl"])["count"] == 7


def test_more_passwords_than_can_be_checked(tmp_path: Path) -> None:
    """Two are being hashed and 32 may wait; the others are told to come back."""
    # At their full cost, below which the queue is worked off while it fills.
    with open_app(tmp_path / "data", environ=GENEROUS, hasher=PasswordHasher()) as app:
        member = registered(app, username="Member")
        people = [
            {"email": f"{number}@nowhere.example", "password": double_sha256(PASSWORD)}
            for number in range(50)
        ]
        responses = send_all(app, [post("signup", inputs) for inputs in people])
        assert member.entries() == []
    refused = [response for response in responses if response.status_code == 503]
    assert 1 <= len(refused) <= 50 - 34
    for response in refused:
        check_envelope(response.json(), "signup")
        assert response.json()["error"]["code"] == "busy"
        assert response.headers["retry-after"] == "1"
    for response in responses:
        assert response.status_code in (200, 503)
