"""An issuer in a process of its own, and browsers that go there and back."""

from __future__ import annotations

import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from shortd.clock import SECOND
from shortd.testing import RunningApp, StartApp
from tests import processes
from tests.conftest import GENEROUS
from tests.issuers.provider import CLIENT, SECRET, Told
from tests.server_process import START_SECONDS, ServerProcess, free_port
from tests.web.surfer import Surfer

HERE = Path(__file__).parents[2]


class Issuer:
    """The issuer of `provider`, and what a browser does there."""

    def __init__(self, url: str, trusted: ssl.SSLContext | bool = False) -> None:
        self.url = url
        self.told = Told()
        self._http = httpx.Client(verify=trusted, timeout=60)

    def tell(self, **what: Any) -> None:
        """What it is to do from now on, instead of what is right."""
        self.told = msgspec.structs.replace(self.told, **what)
        self._http.post(f"{self.url}/told", content=msgspec.json.encode(self.told))

    def asked(self) -> list[str]:
        """What it was asked since this was asked last."""
        asked: list[str] = self._http.get(f"{self.url}/asked").json()
        return asked

    def visit(self, answer: httpx.Response) -> str:
        """Where a browser is sent back to that an answer has sent there, below our origin."""
        assert answer.status_code == 303, answer.text
        there = answer.headers["location"]
        assert there.startswith(self.url), there
        back = self._http.get(there)
        assert back.status_code == 302, back.text
        parts = urlsplit(back.headers["location"])
        return f"{parts.path}?{parts.query}"

    def close(self) -> None:
        self._http.close()


@contextmanager
def running(*files: Path, trusted: ssl.SSLContext | bool = False) -> Iterator[int]:
    """The port of such an issuer, from when it listens to the end of the block; `files` are its
    certificate and key, if it is to speak https."""
    port = free_port()
    command = [sys.executable, "-m", "tests.issuers.provider", str(port), *map(str, files)]
    process = processes.start(command, is_lasting=True, cwd=HERE, env={**os.environ})
    try:
        for _ in range(START_SECONDS * 50):
            assert process.poll() is None
            try:
                httpx.get(f"{url_of(port, *files)}/asked", verify=trusted)
                break
            except httpx.TransportError:
                time.sleep(0.02)
        else:
            raise AssertionError("the issuer does not answer")
        yield port
    finally:
        processes.end(process)


def url_of(port: int, *files: Path) -> str:
    return f"{'https' if files else 'http'}://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def issuer_process() -> Iterator[int]:
    with running() as port:
        yield port


@pytest.fixture
def issuer(issuer_process: int) -> Iterator[Issuer]:
    issuer = Issuer(url_of(issuer_process))
    issuer.tell()
    yield issuer
    issuer.close()


Start = Callable[..., RunningApp]


@pytest.fixture
def start(shortd_app: StartApp, issuer: Issuer) -> Start:
    """Starts a server with this issuer as `home`; `more` are lines of its table."""

    def start(more: str = "", auth: str = "", rest: str = "", top: str = "") -> RunningApp:
        config = (
            f"{top}\n[auth]\n{auth}\n[auth.oidc.home]\nissuer = '{issuer.url}'\n"
            f'client_id = "{CLIENT}"\nclient_secret = "{SECRET}"\nname = "Home"\n{more}\n{rest}'
        )
        app = shortd_app(config=config)
        issuer.tell(now=app.clock.now() // SECOND)
        return app

    return start


BEGIN = "/-/login/oidc/home"


def sign_in(surfer: Surfer, issuer: Issuer, begin: str = BEGIN) -> httpx.Response:
    """There and back: what the callback answers."""
    return surfer.get(issuer.visit(surfer.get(begin)))


@pytest.fixture
def home(tmp_path: Path, issuer: Issuer) -> Iterator[ServerProcess]:
    """A server that knows the issuer as "Home"."""
    table = "SHORTD_AUTH__OIDC__HOME__"
    environ = {
        f"{table}ISSUER": issuer.url,
        f"{table}CLIENT_ID": CLIENT,
        f"{table}CLIENT_SECRET": SECRET,
        f"{table}CREATE": "true",
    }
    server = ServerProcess(tmp_path / "data", {**GENEROUS, **environ})
    server.start()
    issuer.tell(form=True)
    yield server
    server.stop()
