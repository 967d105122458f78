"""Pages whose servers never end, and names whose servers never answer, for links with titles."""

from __future__ import annotations

import asyncio
import gzip
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.api.v2.people import PASSWORD, double_sha256
from tests.attacks.siege import MIB, Target, siege
from tests.conftest import GENEROUS
from tests.links.sites import PUBLIC, Reply, open_site
from tests.links.test_titles import CHUNKED, ENDLESS, OK
from tests.mail.post_office import PostOffice, post_office
from tests.server.conftest import running
from tests.server_process import PLAIN, ServerProcess

PRELUDE = """
import dns.asyncresolver as dns
from functools import partial
from shortd.links import services
services.Titles = partial(services.Titles, is_public={public!r}.__contains__)
system = dns.Resolver
def silent():
    made = system(configure=False)
    made.nameservers, made.port = ["127.0.0.1"], {port}
    return made
dns.Resolver = silent
"""
PAGE_SECONDS = 30
"""For a page: one that ends is not given up where this machine is busy, and one that never does is
by its bytes."""
CALL_SECONDS = 60
"""What a call may take: two for a place, those for a page, and something for this machine."""
VISITS = 50
COSTLY = {
    name: ENDLESS[name]
    for name in ("early hints", "headers", "chunks of one byte", "trailers", "packed nothing")
}
COSTLY["markup"] = (OK + b"\r\n", b"<p><a b=c>&lt;")
COSTLY["packed markup"] = (
    OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"<p>" * (1 << 20)),
    b"\0",
)
COSTLY["folded chunks"] = (CHUNKED + b"1\r\n<\r\n", b"2\r\np>\r\n1\r\n<\r\n")


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, office: PostOffice) -> Iterator[Target]:
    """A server that takes some addresses of this machine for public, asks a name server that never
    answers, and sends mail to a host with a name.
    """
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        prelude = PRELUDE.format(public=PUBLIC, port=silent.getsockname()[1])
        environ = {
            **GENEROUS,
            "SHORTD_LINKS__TITLE_SECONDS": str(PAGE_SECONDS),
            "SHORTD_MAIL__SMTP_URL": f"smtp://localhost:{office.port}",
        }
        folder = tmp_path_factory.mktemp("titles")
        with running(ServerProcess(folder / "data", environ, prelude=prelude)) as server:
            yield Target(server)


class Author:
    """Somebody who makes links with titles."""

    def __init__(self, target: Target, client: httpx.AsyncClient) -> None:
        self._client = client
        name = secrets.token_hex(8)
        self.email = f"{name}@nowhere.example"
        who = {"username": name, "email": self.email, "password": double_sha256(PASSWORD)}
        made = target.server.call("signup", **who)
        who = {key: made[key] for key in ("userid", "token")}
        key = target.server.call("create_api_key", **who, name="x")["api_key"]
        self._login = {"username": name, "key": key}

    async def ask(self, call: str, **inputs: Any) -> dict[str, Any]:
        output: dict[str, Any] = (await self._client.post(f"/v1/{call}", json=inputs)).json()
        assert output["status"]["code"] == 0, output
        return output

    async def log_in(self) -> None:
        token = (await self.ask("authen/token", **self._login))["token"]["access_token"]
        self._client.headers["authorization"] = f"Bearer {token}"
        [team] = (await self.ask("entity/team/list"))["teams"]
        [domain] = (await self.ask("entity/domain/subscriptions", teamId=team["id"]))[
            "subscriptions"
        ]
        self._place = {"teamId": team["id"], "domainId": domain["domainId"]}

    async def title(self, url: str) -> str:
        """The title of a new link. It comes in time, or the link does without."""
        begun = time.monotonic()
        made = await self.ask("entity/link/create", **self._place, destination=url)
        assert time.monotonic() - begun < CALL_SECONDS
        return str(made["linkTitle"])


@asynccontextmanager
async def author(target: Target) -> AsyncIterator[Author]:
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(
        base_url=target.server.url, verify=PLAIN, timeout=60, limits=limits
    ) as client:
        made = Author(target, client)
        await made.log_in()
        yield made


@pytest.mark.parametrize(("raw", "again"), COSTLY.values(), ids=COSTLY)
def test_servers_that_never_end(target: Target, raw: bytes, again: bytes) -> None:
    async def attack() -> None:
        async with (
            author(target) as eve,
            author(target) as mallory,
            author(target) as ann,
            open_site() as evil,
            open_site(PUBLIC[1]) as good,
        ):
            evil.replies["/"] = Reply(raw=raw, again=again)
            good.replies["/"] = Reply(b"<title>good</title>")
            # Whatever is loaded for the first title is there.
            assert await ann.title(f"http://{PUBLIC[1]}:{good.port}/") == "good"
            url = f"http://{PUBLIC[0]}:{evil.port}/"
            with siege(target.server, target.code) as seen:
                while len(seen.visits) < VISITS and not seen.failures:
                    titles = [one.title(url) for one in (eve, mallory) for _ in range(4)]
                    assert await asyncio.gather(*titles) == [url] * 8
                assert await ann.title(f"http://{PUBLIC[1]}:{good.port}/") == "good"
            assert evil.connections >= 4
            assert seen.held < 0.1
            assert seen.growth < 32 * MIB

    asyncio.run(attack())


def test_names_that_nobody_answers_for(target: Target, office: PostOffice) -> None:
    async def attack() -> None:
        async with (
            author(target) as eve,
            author(target) as ann,
            open_site(PUBLIC[1]) as good,
        ):
            good.replies["/"] = Reply(b"<title>good</title>")
            is_over = False

            async def ask(number: int) -> None:
                """Always for a slow one, until the others have what they want."""
                while not is_over:
                    url = f"http://slow{number}.x/"
                    assert await eve.title(url) == url

            slow = [asyncio.ensure_future(ask(number)) for number in range(12)]
            await asyncio.sleep(0.2)
            assert await ann.title(f"http://{PUBLIC[1]}:{good.port}/") == "good"
            target.server.call("forgot_password", username_email=ann.email)
            mail = await asyncio.to_thread(office.next)
            assert mail["to"] == ann.email
            assert not any(one.done() for one in slow)
            is_over = True
            await asyncio.gather(*slow)

    asyncio.run(attack())
