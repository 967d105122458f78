"""A hundred and forty who wait, for a throttle, a password, a drawing: everybody else is served."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.v2.people import PASSWORD, double_sha256
from tests.server.conftest import Launch
from tests.server_process import PLAIN

WAITING = 140
RIGHT, WRONG = double_sha256(PASSWORD), double_sha256("wrong")

Ask = Callable[[int], tuple[str, dict[str, Any], str]]
"""The call, inputs and address of one who will wait."""


def one_name_from_one_address(number: int) -> tuple[str, dict[str, Any], str]:
    return "login", {"username_email": "nobody", "password": WRONG}, "198.51.100.1"


def one_name_from_everywhere(number: int) -> tuple[str, dict[str, Any], str]:
    inputs = {"username_email": "ann", "password": WRONG}
    return "login", inputs, f"198.51.{number // 250}.{number % 250}"


def many_names(number: int) -> tuple[str, dict[str, Any], str]:
    inputs = {"username_email": f"name {number}", "password": WRONG}
    return "login", inputs, f"198.51.{number // 250}.{number % 250}"


def drawings(number: int) -> tuple[str, dict[str, Any], str]:
    # Images that nobody has asked for before.
    style = {"format": "png", "fg": f"#{number:06x}"}
    return "get_entries", {"count": 4, "qr": style}, "203.0.113.1"


@pytest.mark.parametrize(
    "ask", [one_name_from_one_address, one_name_from_everywhere, many_names, drawings]
)
def test_those_who_wait_keep_nobody_from_the_database(launch: Launch, ask: Ask) -> None:
    server = launch({"SHORTD_SERVER__TRUSTED_PROXIES": '["127.0.0.1"]'})
    server.call("signup", username="ann", email="ann@example.org", password=RIGHT)
    userid = server.call("temporary_account")["userid"]
    urls = [f"https://example.com/{number}" for number in range(20)]
    made = server.call("urls", userid=userid, urls=urls)["entries"]

    async def work() -> Counter[int]:
        limits = httpx.Limits(max_connections=WAITING + 20)
        async with httpx.AsyncClient(
            base_url=server.url, verify=PLAIN, timeout=120, limits=limits
        ) as client:

            async def wait(number: int) -> int:
                name, inputs, address = ask(number)
                body = json.dumps({"userid": userid, **inputs})
                headers = {"x-forwarded-for": address}
                return (await client.post(f"/v2/{name}", content=body, headers=headers)).status_code

            waiting = [asyncio.create_task(wait(number)) for number in range(WAITING)]
            # Each of these once, while they are there: nothing is remembered of it.
            for entry in made:
                visit, call, health = await asyncio.gather(
                    client.get(entry["shorturl"]),
                    client.post("/v2/url", json={"userid": userid, "url": "https://example.com/"}),
                    client.get("/-/health"),
                )
                assert (visit.status_code, call.status_code, health.status_code) == (302, 200, 200)
                assert health.json()["status"] == "ok"
            return Counter(await asyncio.gather(*waiting))

    answers = asyncio.run(work())
    # Refused in words, or answered: 503 where a queue is full, 429 beyond what may be tried.
    assert set(answers) <= {200, 401, 429, 503}, answers
    assert server.stop() == 0
