"""`check_plugin`: what any plugin must stand, whatever it is for.

Everything is asked of a whole app with its real resolver, so that a plugin that passes here is
judged by the same code as on a server.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from msgspec import Struct, structs
from structlog.testing import capture_logs

from shortd.models.links import Link as LinkRow
from shortd.plugin.hookspecs import DECIDE, OBSERVE
from shortd.plugin.types import Account, Event, File, Link, Visit
from shortd.plugin_runtime.deciding import shown_link
from shortd.plugin_runtime.flaws import AnyPlugin, flaw_of, one_line
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.panels import data_of
from shortd.plugin_runtime.workers import Worker
from shortd.settings.config import ConfigError
from shortd.store.schema import LINKS
from shortd.testing.app import PluginFault, RunningApp, is_overrun
from shortd.testing.opening import open_app
from shortd.testing.population import population
from shortd.testing.tellings import tellings
from shortd.visitors.visitors import parse_agent
from shortd.visits.decisions import Decision

TRIES = 3
"""A decide hook is too slow for a visit if it is so this many times in a row."""
EACH_ENDED = 50
"""Of so many times that an async hook is told something it is ended once in the midst of it."""
OBSERVE_SECONDS = 10.0
END_SECONDS = 1.0
"""How long a hook may take to end when it is cancelled."""
BEAT_SECONDS = 0.02
MOST_LAG_SECONDS = 0.25
"""How long an async hook may hold up its plugin's loop, and with it the plugin's other hooks."""
SECONDS_OF_DAY = 86_400
SHOWN = 200
"""Characters of a header that a message shows."""

Sample = Mapping[str, Any] | None
"""Data of a link as clients send it; None for a link without."""


def check_plugin(
    kind: type[AnyPlugin],
    *,
    data: Sequence[Mapping[str, Any]] = (),
    config: str = "",
    visits: Iterable[Visit] = (),
    deterministic: bool = False,
) -> None:
    """Raises AssertionError, naming the hook and the visit, for a plugin that is not sound.

    - Its name, Structs and hooks are well-formed, and it says in a docstring what it does.
    - It starts with the settings in `config` (TOML, as in an operator's file).
    - `data`, samples of a link's data as clients send it, can be saved, and come back the same.
      Without any, the data is {}.
    - For each sample, and for a link without data if it is `everywhere`, each visit of
      `population` and of `visits` is decided: nothing raises, every answer can be used, within
      the time that a decide hook has. If `deterministic`, all are decided alike a second time.
    - Its observe hooks stand a link that is made, visited, changed and deleted, each of those
      visits, all kinds of accounts, files and sign-ins, and hearing of each twice; `async def` ones
      end when they are cancelled, and hold up their loop for no longer than a moment.
    - What it does daily it does.
    - What it adds (commands, routes, panels, importers) is of the right types.

    Hooks really run: a plugin that calls out needs `config` that keeps it from doing so.
    """
    _check_class(kind)
    samples: list[Sample] = [*data]
    if kind.Data is not None and not samples:
        samples.append({})
    if kind.Data is None or kind.everywhere:
        samples.append(None)
    # An unseen user agent's patterns are compiled once, and not on the plugin's account.
    parse_agent("")
    # What goes wrong is in the message; the server's own log of it would bury that.
    with TemporaryDirectory() as folder, capture_logs():
        try:
            opened = open_app(Path(folder), plugins=[kind], config=config, tolerant=True)
            with opened as app:
                check = _Check(kind.name, app)
                check.started()
                for sample in samples:
                    check.link(sample, [*population(app.clock.now()), *visits], deterministic)
                check.daily()
                check.extensions()
        except ConfigError as error:
            raise AssertionError(f"{kind.name}: does not start: {error}") from error
    check.no_fault("stop")


def _check_class(kind: type[AnyPlugin]) -> None:
    name = getattr(kind, "name", kind.__name__)
    fault = flaw_of(name, kind)
    if fault:
        raise AssertionError(f"{name}: {fault}")
    if not (kind.__doc__ or "").strip():
        raise AssertionError(f"{name}: needs a docstring, whose first line says what it does")
    for field, struct in (("Settings", kind.Settings), ("Data", kind.Data)):
        if struct is not None:
            _check_struct(f"{name}: {field}", struct)


def _check_struct(what: str, struct: type[Struct]) -> None:
    config = struct.__struct_config__
    if not config.frozen:
        raise AssertionError(f"{what} must be frozen: all visits share it")
    if not config.forbid_unknown_fields:
        raise AssertionError(f"{what} needs forbid_unknown_fields: a typo must be found")


class _Check:
    """The plugin at work in an app."""

    def __init__(self, name: str, app: RunningApp) -> None:
        self._name = name
        self._app = app

    def started(self) -> None:
        self.no_fault("the start of an app")
        if self._name not in self._app.services.plugin_runtime.plugins.running:
            raise AssertionError(f"{self._name}: is disabled by the config")

    def link(self, sample: Sample, visits: Sequence[Visit], deterministic: bool) -> None:
        """All that happens to one link."""
        app = self._app
        link = app.new_link()
        with_data = "without data" if sample is None else f"with data {json.dumps(sample)}"
        if sample is not None:
            self._save(link, sample)
        code = link.rpartition("/")[2]
        first = [self._decide(code, visit, with_data) for visit in visits]
        if deterministic:
            again = [self._decide(code, visit, with_data) for visit in reversed(visits)]
            for visit, one, other in zip(visits, first, reversed(again), strict=True):
                if _outcome(one) != _outcome(other):
                    raise AssertionError(
                        f"{self._name}: is not deterministic for {_shown(visit)} {with_data}: "
                        f"{_outcome(one)}, then {_outcome(other)}"
                    )
        row = app.run(self._row(link))
        app.visit(link)
        self._panels(link, with_data)
        app.call("set_tag", userid=app.userid, shorturl=link, tag=1)
        app.call("delete", userid=app.userid, shorturl=link)
        app.observe()
        self.no_fault(f"a link {with_data} that is visited, changed and deleted")
        self._observers(row, link, visits, with_data)

    def daily(self) -> None:
        """What it does once a day."""
        self._app.clock.advance(SECONDS_OF_DAY)
        self._app.daily()
        self.no_fault("a day")

    def extensions(self) -> None:
        """What it adds to the server and the command line; routes were mounted at the start."""
        for hook, is_right in (("commands", _are_commands), ("importers", _are_importers)):
            for _, call in self._app.services.plugin_runtime.plugins.of_hook(hook):
                answer = call()
                self.no_fault("a call")
                if not is_right(answer):
                    raise AssertionError(f"{self._name}: {hook} answers {answer!r}")

    def no_fault(self, when: str) -> None:
        """AssertionError if anything failed up to now; slow decisions are judged elsewhere."""
        faults, self._app.faults = self._app.faults, []
        for plugin, hook, fault in faults:
            if hook not in DECIDE or not is_overrun(PluginFault(plugin, hook, fault)):
                raise AssertionError(
                    f"{self._name}: {hook} fails for {when}: {one_line(fault)}"
                ) from fault

    def _save(self, link: str, sample: Mapping[str, Any]) -> None:
        app = self._app
        which = {"userid": app.userid, "shorturl": link, "plugin": self._name}
        answer = app.post("set_plugin", {**which, "data": sample}).json()
        self.no_fault(f"the data {json.dumps(sample)}")
        if answer["status"] != "success":
            error = answer["error"]
            hint = "" if sample else "; give check_plugin samples of it (data=[…])"
            raise AssertionError(
                f"{self._name}: the data {json.dumps(sample)} is refused: "
                f"{error.get('field', 'data')}: {error['message']}{hint}"
            )
        saved = app.call("get_plugin", **which)["data"]
        app.call("set_plugin", **which, data=saved)
        again = app.call("get_plugin", **which)["data"]
        if saved != again:
            raise AssertionError(
                f"{self._name}: the data {saved} comes back as {again}: it must not change "
                "when it is saved again"
            )

    def _decide(self, code: str, visit: Visit, with_data: str) -> Decision:
        """What the resolver decides, with this plugin as it is asked."""
        services = self._app.services
        for _ in range(TRIES):
            decision = services.visits.visits.resolve((services.hosts.default.number, code), visit)
            overruns = [one for one in self._app.faults if is_overrun(one)]
            self.no_fault(f"{_shown(visit)} {with_data}")
            if not overruns:
                return decision
            # Far from the one before, as several in a minute would switch the plugin off.
            self._app.clock.advance(120)
        _, hook, fault = overruns[0]
        raise AssertionError(
            f"{self._name}: {hook} is too slow for {_shown(visit)} {with_data}: it {fault}"
        )

    def _observers(
        self, row: LinkRow, short_url: str, visits: Sequence[Visit], with_data: str
    ) -> None:
        """Tells observers all that they may be told, and everything twice."""
        app = self._app
        running = app.services.plugin_runtime.plugins.running[self._name]
        plugins = app.services.plugin_runtime.plugins
        calls = {hook: [call for _, call in plugins.of_hook(hook)] for hook in OBSERVE}
        awaited = {call.hook for hook in OBSERVE for _, call in plugins.awaited(hook)}
        data = None if running.decode is None else data_of(running, row)
        wants_all = running.plugin.Data is None or running.plugin.everywhere
        if data is None and not wants_all:
            return
        shown = shown_link(row, short_url)
        told: Counter[str] = Counter()
        for number, telling in enumerate(tellings(shown, data, visits)):
            running.wants(telling.hook, None)
            running.wants(telling.hook, _about(telling.given[0]))
            self.no_fault(_cut(repr(telling.given[0])))
            for call in calls[telling.hook]:
                said = _cut(repr(telling.given[0]))
                if telling.visit is not None:
                    said = f"{_shown(telling.visit)} {with_data}"
                for attempt in (1, 2):
                    event = Event(f"{number:022}", app.clock.now(), attempt)
                    given = (*telling.given, event)
                    again = " a second time" if attempt == 2 else ""
                    if telling.hook not in awaited:
                        app.run(_plain(running.worker, call, given))
                    elif told[telling.hook] % EACH_ENDED == 0 and attempt == 1:
                        self._ended(running.worker, call, given)
                    else:
                        app.run(call.awaited(running.worker, given, OBSERVE_SECONDS))
                    self.no_fault(said + again)
            told[telling.hook] += 1

    async def _row(self, link: str) -> LinkRow:
        links = self._app.services.links.links
        account = self._app.services.accounts.accounts.named(self._app.userid)
        address = links.address(link)
        assert account is not None and address is not None, "they were just made"
        return links.get(account, address)

    def _ended(self, worker: Worker, call: GuardedCall, given: Sequence[Any]) -> None:
        """Ends an async hook where it first waits, as when a server stops."""
        left = self._app.run(_end_early(worker, call.function(*given)))
        if left:
            raise AssertionError(
                f"{self._name}: {call.hook} goes on when it is cancelled: a server that stops, "
                "or a receiver that does not answer, ends it so"
            )
        for _ in range(TRIES):
            lag = self._app.run(_lag(worker, call.function(*given)))
            if lag <= MOST_LAG_SECONDS:
                break
        else:
            raise AssertionError(
                f"{self._name}: {call.hook} holds up its event loop for {lag:.1f} s: await what "
                "takes long, or make the hook a plain function"
            )

    def _panels(self, link: str, with_data: str) -> None:
        self._app.call("get_panels", userid=self._app.userid, shorturl=link)
        services = self._app.services
        address = services.links.links.address(link)
        row = None if address is None else services.store.get(LINKS, address)
        if row is not None:
            services.plugin_runtime.panels.columns(row, link)
        self.no_fault(f"a link {with_data}")


async def _plain(worker: Worker, call: GuardedCall, given: Sequence[Any]) -> None:
    await worker.run_plain(lambda: call(*given))


async def _end_early(worker: Worker, hook: Coroutine[Any, Any, None]) -> bool:
    """Whether a hook goes on though it was cancelled."""

    async def run() -> bool:
        task = asyncio.ensure_future(hook)
        await asyncio.sleep(0)
        task.cancel()
        _, left = await asyncio.wait([task], timeout=END_SECONDS)
        return bool(left)

    return await worker.run(run(), OBSERVE_SECONDS)


async def _lag(worker: Worker, hook: Coroutine[Any, Any, None]) -> float:
    """For how long a hook holds up its loop at a time, at most."""

    async def run() -> float:
        loop, most = asyncio.get_running_loop(), 0.0
        task = asyncio.ensure_future(hook)
        while not task.done():
            start = loop.time()
            await asyncio.wait([task], timeout=BEAT_SECONDS)
            most = max(most, loop.time() - start - BEAT_SECONDS)
        with suppress(Exception):
            task.result()
        return most

    return await worker.run(run(), OBSERVE_SECONDS)


def _about(thing: object) -> Link | Account | None:
    """What `wants` is asked about."""
    if isinstance(thing, File):
        return thing.link
    return thing if isinstance(thing, Link | Account) else None


def _outcome(decision: Decision) -> tuple[str, str, str]:
    """What must not change; a page has another nonce each time."""
    return decision.outcome.value, decision.location, decision.choice


def _shown(visit: Visit) -> str:
    """A visit, without what it has by default or has too much of."""
    defaults = Visit(utime=-1)
    shown = []
    for name, value in structs.asdict(visit).items():
        if value != getattr(defaults, name) or name == "user_agent":
            shown.append(f"{name}={_cut(repr(value))}")
    return f"Visit({', '.join(shown)})"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _are_commands(answer: object) -> bool:
    return isinstance(answer, Sequence) and all(isinstance(one, click.Command) for one in answer)


def _are_importers(answer: object) -> bool:
    return isinstance(answer, Mapping) and all(
        isinstance(name, str) and callable(reader) for name, reader in answer.items()
    )
