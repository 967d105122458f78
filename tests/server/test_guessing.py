"""Guessing at a real server: sixteen at once, from one address and from many."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.server_process import PLAIN, ServerProcess

RIGHT, WRONG = double_sha256(PASSWORD), double_sha256("wrong")
OWNER = "192.0.2.1"
GUESSERS = 16
FILTER = Path(__file__).parents[2] / "monitoring/fail2ban/filter.d/shortd.conf"

Try = Callable[["Site", str, str], Awaitable[int]]
"""Tries a password at a site from an address: the status of the answer."""


class Site:
    """A real server behind a proxy that it trusts, and who comes through that."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        signup = {"email": "ann@nowhere.example", "username": "ann", "password": RIGHT}
        self.userid: str = server.call("signup", **signup)["userid"]
        self.short_url = ""

    async def start(self) -> None:
        self.client = httpx.AsyncClient(
            base_url=self.server.url,
            verify=PLAIN,
            timeout=300,
            limits=httpx.Limits(max_connections=200),
        )

    async def post(self, path: str, content: str, address: str) -> httpx.Response:
        headers = {"x-forwarded-for": address}
        return await self.client.post(path, content=content, headers=headers)

    async def call(self, name: str, address: str, **inputs: Any) -> httpx.Response:
        return await self.post(f"/v2/{name}", json.dumps(inputs), address)

    async def log_in(self, password: str, address: str) -> int:
        answer = await self.call("login", address, username_email="ann", password=password)
        return answer.status_code


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    environ = {**GENEROUS, "SHORTD_SERVER__TRUSTED_PROXIES": '["127.0.0.1"]'}
    # Hashes do not step back here, where other tests would never let them go on.
    prelude = "import shortd.security.hashing_pool as p; p.NICENESS = 0\n"
    # And nothing comes back or is summed up while a test runs, however long that takes.
    prelude += "import shortd.security.throttle as t; t.SUBJECT_PERIOD = t.BLOCK_PERIOD = t.DAY\n"
    prelude += "import shortd.security.summed_log as l; l.MINUTE_SECONDS = 3600"
    server = ServerProcess(tmp_path / "data", environ, prelude=prelude, is_late=True)
    server.start()
    yield Site(server)
    server.stop()


async def login(site: Site, password: str, address: str) -> int:
    return await site.log_in(double_sha256(password), address)


async def link(site: Site, password: str, address: str) -> int:
    code = site.short_url.rpartition("/")[2]
    answer = await site.post("/-/open", f"code={code}&password={password}", address)
    return 200 if answer.status_code == 303 else answer.status_code


def protect(site: Site) -> None:
    """Makes a link with a password, as sqwish does."""
    token = site.server.call("login", username_email="ann", password=RIGHT)["token"]
    key = site.server.call("create_api_key", userid=site.userid, token=token, name="x")["api_key"]
    query = {"api_key": key, "url": "https://example.com/", "password": PASSWORD}
    answer = httpx.get(f"{site.server.url}/shorten.json", params=query, verify=PLAIN)
    site.short_url = answer.json()["shortURL"]


@pytest.mark.parametrize("addresses", [1, 20])
@pytest.mark.parametrize("guess", [login, link])
def test_sixteen_at_once_get_ten_tries_and_owners_get_in(
    site: Site, guess: Try, addresses: int
) -> None:
    protect(site)

    async def test() -> Counter[int]:
        await site.start()
        async with site.client:
            assert await guess(site, PASSWORD, OWNER) == 200

            async def guesser(number: int) -> list[int]:
                address = f"203.0.113.{number % addresses}"
                return [await guess(site, "wrong", address) for _ in range(8)]

            statuses = await asyncio.gather(*(guesser(number) for number in range(GUESSERS)))
            # From where he has been before, and from a new address, at the first try.
            assert await guess(site, PASSWORD, OWNER) == 200
            assert await guess(site, PASSWORD, "198.51.100.7") == 200
            assert await guess(site, PASSWORD, "203.0.113.0") == 429
            return Counter(status for one in statuses for status in one)

    came = asyncio.run(test())
    compared = came[401] + came[403]
    assert set(came) <= {401, 403, 429}
    # Ten, and from other addresses their first tries beyond.
    assert compared == 10 if addresses == 1 else 10 <= compared <= 16


def test_what_fail2ban_reads(site: Site) -> None:
    """The filter for it finds the address in the lines of a real log."""

    async def test() -> str:
        await site.start()
        async with site.client:
            for name in ("ann", 'x", "address": "198.51.100.1', "nobody"):
                for _ in range(3):
                    inputs = {"username_email": name, "password": WRONG}
                    await site.call("login", "203.0.113.7", **inputs)
            await site.call("login", "2001:db8::7", username_email="ann", password=WRONG)
            return (await site.client.get("/-/metrics")).text

    assert 'shortd_logins_total{outcome="failed"} 10.0\n' in asyncio.run(test())
    [pattern] = re.findall(r"^failregex = (.+)$", FILTER.read_text(), re.MULTILINE)
    found = Counter(
        match["address"]
        for line in site.server.log.splitlines()
        if (match := re.search(pattern.replace("<ADDR>", r"(?P<address>[0-9a-f.:]+)"), line))
    )
    assert found == {"203.0.113.7": 5, "2001:db8::7": 1}
    site.server.stop()
    lines = [json.loads(line) for line in site.server.log.splitlines()]
    told = [line for line in lines if line["event"] == "login_failed"]
    assert [line["times"] for line in told] == [1] * 6 + [4]
    assert {line.get("account") for line in told} == {"ann", None}, "no name that is nobody's"
    assert WRONG not in site.server.log


def test_sign_ups_from_forty_addresses_keep_nobody_from_logging_in(site: Site) -> None:
    async def test() -> tuple[list[int], Counter[int]]:
        await site.start()
        async with site.client:
            assert await site.log_in(RIGHT, OWNER) == 200
            done = asyncio.Event()

            async def attack(number: int) -> list[int]:
                came: list[int] = []
                while not done.is_set():
                    email = f"{number}.{len(came)}@nowhere.example"
                    inputs = {"email": email, "password": WRONG, "password_alt": RIGHT}
                    answer = await site.call("signup", f"203.0.113.{number}", **inputs)
                    came.append(answer.status_code)
                return came

            attacks = [asyncio.create_task(attack(number)) for number in range(40)]
            logins = []
            for number in range(4):
                logins.append(await site.log_in(RIGHT, OWNER))
                logins.append(await site.log_in(RIGHT, f"198.51.100.{number}"))
            done.set()
            came = await asyncio.gather(*attacks)
            return logins, Counter(status for one in came for status in one)

    logins, came = asyncio.run(test())
    assert logins == [200] * 8
    assert came[503] > 0, "there was an attack"
