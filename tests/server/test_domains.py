"""Domains that come and go under a server at work, and its commands: with and without the lane."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from shortd.store import Store
from shortd.store.check import faults
from shortd.store.schema import LINKS, LINKS_PER_TEAM, TEAMS
from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.server.conftest import Launch, running
from tests.server_process import ServerProcess

NAME = "go.shop.example"


class Owner:
    """A running server with an account named ann, and its operator's shell."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        login = server.call(
            "signup", email="ann@nowhere.example", username="ann", password=double_sha256(PASSWORD)
        )
        self.credentials = {"userid": login["userid"], "token": login["token"]}

    def shell(self, *command: str) -> subprocess.CompletedProcess[str]:
        data = ["--data", str(self.server.data_dir)]
        return subprocess.run(
            [sys.executable, "-m", "shortd", *command, *data],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **self.server.environ},
        )

    def did(self, *command: str) -> str:
        done = self.shell(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shorten(self, url: str, host: str, code: str) -> None:
        self.server.call("url", **self.credentials, url=url, shorturl=f"{host}/{code}")


@pytest.fixture(params=["true", "false"], ids=["lane", "pages"])
def owner(request: pytest.FixtureRequest, launch: Launch) -> Iterator[Owner]:
    yield Owner(launch({"SHORTD_SERVER__FAST_LANE": request.param}))


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """For tests that leave the server as it is."""
    with running(ServerProcess(tmp_path_factory.mktemp("unchanged") / "data", GENEROUS)) as server:
        yield Owner(server)


def test_a_domain_comes_and_goes_at_once(owner: Owner) -> None:
    """On connections that were open before, with heads that the lane has seen before."""
    host = f"{NAME}:{owner.server.port}"
    default = f"127.0.0.1:{owner.server.port}"
    owner.shorten("https://example.org/ours", default, "MyCode1")
    with httpx.Client(base_url=owner.server.url, headers={"host": host}) as client:

        def location() -> str:
            answers = [client.get("/MyCode1") for _ in range(3)]
            assert len({answer.headers.get("location") for answer in answers}) == 1
            return str(answers[0].headers.get("location", answers[0].status_code))

        assert location() == "https://example.org/ours", "the default host's"
        owner.did("team", "add", "ann", "Shop")
        owner.did("domain", "add", NAME, "shop")
        assert location() == "404"
        owner.shorten("https://example.org/theirs", host, "MyCode1")
        assert location() == "https://example.org/theirs"
        owner.did("domain", "remove", NAME)
        assert location() == "https://example.org/ours"
        owner.did("domain", "add", NAME, "shop")
        assert location() == "https://example.org/theirs"
    owner.server.kill()
    owner.server.start()
    answer = httpx.get(f"{owner.server.url}/MyCode1", headers={"host": host})
    assert answer.headers["location"] == "https://example.org/theirs"


def test_a_locked_accounts_links_are_gone_at_once(owner: Owner) -> None:
    owner.shorten("https://example.org/", f"127.0.0.1:{owner.server.port}", "MyCode1")
    with httpx.Client(base_url=owner.server.url) as client:
        statuses = [client.get("/MyCode1").status_code]
        for command in ("lock", "unlock"):
            owner.did("user", command, "ann")
            statuses.append(client.get("/MyCode1").status_code)
    assert statuses == [302, 404, 302]


def test_commands_go_through_a_socket_of_the_operators(launch: Launch) -> None:
    owner = Owner(launch())
    path = owner.server.data_dir / "admin.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    refused = owner.shell("user", "lock", "nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "shortd: There is no account 'nobody'.\n"
    owner.server.stop()
    assert not path.exists()
    assert "ann@nowhere.example" in owner.did("user", "list")
    owner.server.start()
    owner.server.kill()
    assert path.exists(), "a crash leaves it"
    assert "ann@nowhere.example" in owner.did("user", "list")
    owner.server.start()
    assert "ann@nowhere.example" in owner.did("user", "list")


def test_a_path_longer_than_an_address_will_do(launch: Launch, tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 40)
    owner = Owner(launch(data_dir=directory))
    assert "ann@nowhere.example" in owner.did("user", "list")


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"{}\n",
        b'{"command": 5, "args": {}}\n',
        b'{"command": "user drop", "args": {}}\n',
        b'{"command": "user set", "args": {"user": 5}}\n',
        b'{"command": "user list", "args": {"more": 1}}\n',
        b"\xff" * 100 + b"\n",
        b"x" * 100_000 + b"\n",
        b"half",
    ],
)
def test_what_is_no_command_changes_nothing(unchanged: Owner, line: bytes) -> None:
    directory = os.open(unchanged.server.data_dir, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(f"/proc/self/fd/{directory}/admin.sock")
            client.sendall(line)
            client.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(4096), b""))
    finally:
        os.close(directory)
    assert answer == b"" or (b'"refusal":"' in answer and b'"refusal":""' not in answer)
    assert len(unchanged.did("user", "list").splitlines()) == 2


def test_team_links_and_their_counts_survive_crashes(launch: Launch) -> None:
    """Made and deleted on a team's domain, while the server is killed: what is stored agrees with
    itself, and nothing that was acknowledged is lost."""
    owner = Owner(launch())
    host = f"{NAME}:{owner.server.port}"
    owner.did("team", "add", "ann", "Shop")
    owner.did("domain", "add", NAME, "shop")
    chance = Random(5)
    made: set[str] = set()
    gone: set[str] = set()

    async def work(number: int, enough: asyncio.Event, aim: int) -> None:
        async with httpx.AsyncClient(base_url=owner.server.url, timeout=30) as client:
            for step in range(1000):
                code = f"c{number}x{len(made)}x{step}"
                body = {**owner.credentials, "shorturl": f"{host}/{code}"}
                answer = await client.post("/v2/url", json={**body, "url": "https://example.org/"})
                assert answer.status_code == 200, answer.text
                made.add(code)
                if len(made) >= aim:
                    enough.set()
                if chance.random() < 0.3:
                    gone.add(code)
                    await client.post("/v2/delete", json=body)

    async def until_killed() -> None:
        enough, aim = asyncio.Event(), len(made) + 60
        workers = [asyncio.create_task(work(number, enough, aim)) for number in range(6)]
        await asyncio.wait_for(enough.wait(), 120)
        await asyncio.sleep(chance.uniform(0, 0.2))
        owner.server.kill()
        await asyncio.gather(*workers, return_exceptions=True)

    for _ in range(3):
        asyncio.run(until_killed())
        owner.server.start()
    assert owner.server.stop() == 0
    assert len(made) > 100
    store = Store(owner.server.data_dir)
    try:
        with store.read() as txn:
            assert list(faults(txn)) == []
            codes = {link.code for _, link in LINKS.scan(txn)}
            [team] = [team for _, team in TEAMS.scan(txn)]
            assert LINKS_PER_TEAM.get(txn, (team.id,)) == len(codes)
    finally:
        store.close()
    assert made - gone <= codes
