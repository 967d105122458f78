"""A whole app in this process, over a data directory of a test's own.

Time stands still until `app.clock.advance`; background work happens only in `app.drain`,
`app.deliver`, `app.observe`, `app.daily` and `app.sweep`. For crashes, signals, sockets and speed,
test a real process instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import httpx

from shortd.accounts.tokens import Proof
from shortd.app import App
from shortd.links.sheets import Result
from shortd.plugin.types import SignIn
from shortd.plugin_runtime.flaws import AnyPlugin, one_line
from shortd.plugin_runtime.guard import Overrun
from shortd.services import Services
from shortd.testing.browser import Browser
from shortd.testing.clock import FakeClock
from shortd.testing.network import FakeNetwork
from shortd.testing.population import AGENTS
from shortd.upkeep.administration import Changes
from shortd.upkeep.importing.plugin_sources import PluginSource, importers
from shortd.upkeep.importing.runs import ReportRow, Run
from shortd.upkeep.importing.targets import Here
from shortd.web.session import cookie_name

RETURN_SECONDS = 60.0
"""How long a test waits for hooks that are at work."""

T = TypeVar("T")
PluginT = TypeVar("PluginT", bound=AnyPlugin)


class PluginFault(NamedTuple):
    """A failure or an overrun of a plugin under test."""

    plugin: str
    hook: str
    fault: Exception


class FakeRecords(dict[str, list[str]]):
    """The TXT records of a DNS that is not there, by name."""

    async def of(self, name: str) -> list[str]:
        return self.get(name, [])


class RunningApp:
    """An app over a data directory, and ways to talk to it as clients do."""

    def __init__(
        self,
        runner: asyncio.Runner,
        services: Services,
        clock: FakeClock,
        base_url: str,
        *,
        records: FakeRecords,
        network: FakeNetwork,
        tolerant: bool = True,
        lazily: bool = False,
    ) -> None:
        """`lazily`: as App has it."""
        self.services = services
        self.clock = clock
        self.records = records
        self.network = network
        """Where requests of plugins (`self.http`) go; nobody answers there by himself."""
        self.faults: list[PluginFault] = []
        """What plugins did wrong and nobody was told of yet."""
        self._runner = runner
        self._base_url = base_url
        self._tolerant = tolerant
        self._lazily = lazily
        for name, running in services.plugin_runtime.plugins.running.items():
            running.guard.witness = partial(self._witness, name)
            # A busy machine may hold up any call.
            running.guard.is_timed = tolerant

    @cached_property
    def _app(self) -> App:
        return App(self.services, lazily=self._lazily)

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

        response = self.run(send())
        self.raise_faults()
        return response

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, name: str, body: object, **options: Any) -> httpx.Response:
        """A v2 call; `body` is sent as JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        return self.request("POST", f"/v2/{name}", content=content, **options)

    def call(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        """A v2 call that must succeed: its output."""
        envelope = self.post(name, inputs).json()
        if envelope["status"] != "success":
            raise AssertionError(f"{name} failed: {envelope['error']}")
        output: dict[str, Any] = envelope["output"]
        return output

    def refused(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        """A v2 call that must fail: its error, with the HTTP status as `http_status`."""
        response = self.post(name, inputs)
        envelope = response.json()
        if envelope["status"] != "error":
            raise AssertionError(f"{name} succeeded: {envelope['output']}")
        return {**envelope["error"], "http_status": response.status_code}

    @cached_property
    def userid(self) -> str:
        """A temporary account for links of the test; as credential all calls take it."""
        return str(self.call("temporary_account")["userid"])

    def new_link(
        self,
        url: str = "https://main.example/",
        *,
        plugins: Mapping[str, Mapping[str, Any]] | None = None,
        **terms: Any,
    ) -> str:
        """Makes a link that carries data for plugins, by name; its short URL.

        `terms` are inputs of the call `url`, such as `code` or `expiration_count`.
        """
        entry = self.call("url", userid=self.userid, url=url, **terms)["entry"]
        short_url = str(entry["shorturl"])
        for name, data in (plugins or {}).items():
            self.call(
                "set_plugin", userid=self.userid, shorturl=short_url, plugin=name, data=dict(data)
            )
        return short_url

    def new_file(
        self, content: bytes = b"Hello", *, filename: str = "note.txt", **terms: Any
    ) -> str:
        """Stores a file; the short URL of its link. `terms` are inputs of the call `file`."""
        query = {"userid": self.userid, "filename": filename, "filesize": len(content), **terms}
        form = httpx.Request(
            "POST", self._base_url, data={"query": json.dumps(query)}, files={"file": content}
        )
        answer = self.request("POST", "/v2/file", content=form.read(), headers=form.headers).json()
        if answer["status"] != "success":
            raise AssertionError(f"file failed: {answer['error']}")
        return str(answer["output"]["entry"]["shorturl"])

    def import_links(self, format_name: str, file: Path) -> int:
        """Imports a file for the test's own account, as `shortd import` does; how many links.

        ShortdError where the importer fails; AssertionError for a link that cannot be.
        """
        services = self.services
        account = services.accounts.accounts.named(self.userid)
        assert account is not None, "it was just made"
        readers = importers(services.plugin_runtime.plugins.of_hook("importers"))
        source = PluginSource(partial(readers[format_name], file))
        into = Here(services.upkeep.imports, account, format_name, self.clock, apply=True)
        rows: list[ReportRow] = []
        self.run(Run(source, into, {}, rows.append, lambda done: None, apply=True).to_end())
        for row in rows:
            if row.result is Result.SKIPPED:
                raise AssertionError(f"line {row.row}: {', '.join(row.reasons)}: {row.note}")
        return len(rows)

    def browser(self, name: str = "", *, operator: bool = False) -> Browser:
        """Somebody with a browser: signed in to an account of that name, which is made if there is
        none, or a stranger. An `operator` may see the operator's pages."""
        if not name:
            return Browser(self.request, self.services.settings.pages_url, {}, "")
        services, now = self.services, self.clock.now()
        account = services.accounts.accounts.named(name)
        if account is None:
            email = f"{name}@example.com"
            account = self.run(services.accounts.accounts.add(email, name, None, now))
        if operator and not account.operator:
            changes = Changes(operator=True)
            account = self.run(services.upkeep.administration.change(account.userid, changes))
        proof = Proof(utime=now, how="")
        login = self.run(services.accounts.logins.open(account, "127.0.0.1", now, proof=proof))
        cookie = {cookie_name(services.settings): f"{account.userid}.{login.token}"}
        return Browser(self.request, services.settings.pages_url, cookie, account.userid)

    def plugin(self, kind: type[PluginT]) -> PluginT:
        """The instance of a plugin that is at work."""
        plugin = self.services.plugin_runtime.plugins.running[kind.name].plugin
        assert isinstance(plugin, kind), f"{kind.name} is another plugin here"
        return plugin

    def visit(
        self,
        short_url: str,
        *,
        method: str = "GET",
        user_agent: str = AGENTS["firefox"],
        language: str = "en-GB,en;q=0.8",
        referrer: str = "",
        address: str = "198.51.100.7",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A visit to a link, as a browser makes it. `language` is the header Accept-Language."""
        sent = {"user-agent": user_agent, "accept": "text/html,*/*;q=0.8"}
        if language:
            sent["accept-language"] = language
        if referrer:
            sent["referer"] = referrer
        return self.request(method, short_url, headers={**sent, **(headers or {})}, address=address)

    def drain(self) -> None:
        """Moves journalled clicks into the tables, as happens every `sync_ms`."""
        self.run(self.services.clicks.drain.all())

    def deliver(self) -> None:
        """Sends the mails that are due, as happens every second."""
        self.run(self.services.mail.delivery.deliver())

    def observe(self) -> None:
        """Waits until the plugins' observe hooks have heard of everything so far. An `async def`
        hook that failed is told again once `clock` has moved on by five seconds, and more.
        """
        events = self.services.plugin_runtime.events
        if events.outbox.hears_clicks:
            self.drain()
        if not self.run(events.settle(RETURN_SECONDS)):
            raise AssertionError("an observe hook does not return")
        self.raise_faults()

    def sign_in(
        self, how: str = "password", *, address: str = "198.51.100.7", user_agent: str = ""
    ) -> None:
        """Tells the plugins that the test's account was signed in to. `how` as in `SignIn`."""
        account = self.services.accounts.accounts.named(self.userid)
        assert account is not None, "it was just made"
        events = self.services.plugin_runtime.events

        async def tell() -> None:
            events.signed_in(account, SignIn(how, address, user_agent))

        self.run(tell())

    def daily(self) -> None:
        """Does what plugins do once a day, if `clock` says that it is time and it was not done."""
        jobs = self.services.plugin_runtime.events.jobs

        async def do() -> bool:
            await jobs.begin_due()
            return await jobs.settle(RETURN_SECONDS)

        if not self.run(do()):
            raise AssertionError("a daily job does not return")
        self.raise_faults()

    def sweep(self) -> None:
        """Removes what time has ended, as happens every ten minutes and, to visits, six hours."""
        self.run(self.services.upkeep.sweeper.sweep())
        self.run(self.services.upkeep.sweeper.sweep_visits())

    def raise_faults(self) -> None:
        """AssertionError for the first of the plugins' failures, unless the app is tolerant.

        Overruns are none: a busy machine may hold up any call. Nor do they pause hooks then.
        """
        if self._tolerant:
            return
        faults, self.faults = [one for one in self.faults if not is_overrun(one)], []
        if faults:
            name, hook, fault = faults[0]
            raise AssertionError(f"{name}: {hook} failed: {one_line(fault)}") from fault

    def _witness(self, plugin: str, hook: str, fault: Exception) -> None:
        self.faults.append(PluginFault(plugin, hook, fault))


def is_overrun(fault: PluginFault) -> bool:
    """Whether a plugin was merely slow."""
    return isinstance(fault.fault, Overrun)
