"""What tests of shortd and of its plugins use: a whole app in this process, and a clock.

    with open_app(tmp_path) as app:
        userid = app.call("temporary_account")["userid"]
        entry = app.call("url", userid=userid, url="https://example.com/")["entry"]
        assert app.get("/" + entry["shorturl"][-6:]).status_code == 302

Time stands still until `app.clock.advance`; background work happens only in `app.drain` and
`app.sweep`. For crashes, signals, sockets and speed, test a real process instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar, cast

import httpx

from shortd.app import App
from shortd.clock import SECOND
from shortd.config import load
from shortd.plugins.flaws import AnyPlugin
from shortd.services import Services, open_services

T = TypeVar("T")


class FakeClock:
    """A `Clock` that stands still until `advance`."""

    def __init__(self, utime: int = 1_700_000_000 * SECOND) -> None:
        self.utime = utime

    def now(self) -> int:
        return self.utime

    def advance(self, seconds: float) -> None:
        """Moves the time forward (or back, with a negative number)."""
        self.utime += round(seconds * SECOND)


class RunningApp:
    """An app over a data directory, and ways to talk to it as clients do."""

    def __init__(
        self, runner: asyncio.Runner, services: Services, clock: FakeClock, base_url: str
    ) -> None:
        self.services = services
        self.clock = clock
        self._runner = runner
        self._app = App(services)
        self._base_url = base_url

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the app's event loop."""
        return self._runner.run(work)

    def request(
        self,
        method: str,
        path: str,
        *,
        content: bytes | str | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> httpx.Response:
        """One request, redirects not followed. `path` may be a whole URL of any host."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(cast(Any, self._app), client=(address, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, content=content, headers=headers)

        return self.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, name: str, body: object, **options: Any) -> httpx.Response:
        """A v2 call; `body` is sent as JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        return self.request("POST", f"/v2/{name}", content=content, **options)

    def call(self, name: str, **inputs: Any) -> dict[str, Any]:
        """A v2 call that must succeed: its output."""
        envelope = self.post(name, inputs).json()
        if envelope["status"] != "success":
            raise AssertionError(f"{name} failed: {envelope['error']}")
        output: dict[str, Any] = envelope["output"]
        return output

    def refused(self, name: str, **inputs: Any) -> dict[str, Any]:
        """A v2 call that must fail: its error, with the HTTP status as `http_status`."""
        response = self.post(name, inputs)
        envelope = response.json()
        if envelope["status"] != "error":
            raise AssertionError(f"{name} succeeded: {envelope['output']}")
        return {**envelope["error"], "http_status": response.status_code}

    def drain(self) -> None:
        """Moves journalled clicks into the tables, as happens every `sync_ms`."""
        self.run(self.services.clicks.drain())

    def observe(self) -> None:
        """Waits until the plugins' observe hooks have heard of everything so far."""
        if not self.services.events.settle():
            raise AssertionError("an observe hook does not return")

    def sweep(self) -> None:
        """Removes what time has ended, as happens every ten minutes."""
        self.run(self.services.sweeper.sweep())


@contextmanager
def open_app(
    data_dir: Path,
    *,
    clock: FakeClock | None = None,
    seed: int = 0,
    environ: Mapping[str, str] | None = None,
    plugins: Sequence[type[AnyPlugin]] = (),
) -> Iterator[RunningApp]:
    """An app over `data_dir`; `environ` sets settings as SHORTD_SECTION__KEY. Closes cleanly.

    `plugins` are classes that need not be installed.
    """
    clock = clock or FakeClock()
    settings = load(data_dir=data_dir, environ=environ or {})
    with asyncio.Runner() as runner:
        services = runner.run(open_services(settings, clock, Random(seed), plugins))
        try:
            yield RunningApp(runner, services, clock, settings.public_url)
        finally:
            runner.run(services.close())
