"""What plugins say of destinations that somebody sets (`check_destination`): asked before a write.

A check may take its time and come to grief: it is asked away from the event loop of the server,
has 10 s, and where it fails it has said nothing. However many destinations come at once, a few are
asked about together. It must never be asked inside a transaction, nor know what a hold does to a
link.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import ada_url

from shortd.clock import Clock
from shortd.models import accounts as account_rows
from shortd.models import links as link_rows
from shortd.plugin.types import Account, Hold, Link, Refuse
from shortd.plugin_runtime.deciding import ShortUrlOf, shown_link
from shortd.plugin_runtime.facts import shown_account
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.running import Plugins, Running, is_async
from shortd.plugin_runtime.turns import Turns

SECONDS = 10.0
"""What a check of one destination may take."""
AT_ONCE = 16
"""Destinations of the whole server that are asked about at the same time."""
HARMLESS = "https://example.com/"
"""What a check is asked about that has failed again and again: those who set destinations could
else choose ones that it fails over, to have it left alone."""
WORDS = 300
"""Characters that are kept of what a plugin says."""

_JOINERS = "\u200c\u200d"
_READ = 16 * WORDS
"""Characters that are looked at: of a text of a megabyte the beginning will do."""


class Verdict(NamedTuple):
    """What a plugin says against a destination."""

    plugin: str
    words: str
    """One line; empty if it gives no reason."""
    is_final: bool
    """It refuses the destination; else the operator is to look at it."""
    utime: int
    """Unix time in µs at which it was said."""


class Checks:
    """Asks all plugins that check destinations, in their order."""

    def __init__(self, plugins: Plugins, short_url_of: ShortUrlOf, clock: Clock) -> None:
        self._hooks = hooks = plugins.of_hook("check_destination")
        self._short_url_of = short_url_of
        self._clock = clock
        # Not the worker's: plain observe hooks may take long there.
        self._turns = {running.name: Turns(running.name, SECONDS) for running, _ in hooks}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self.plugins: Collection[str] = frozenset(running.name for running, _ in self._hooks)
        """Names of those that check."""

    async def ask(
        self,
        urls: Collection[str],
        link: link_rows.Link | None,
        account: account_rows.Account | None,
    ) -> Mapping[str, Verdict]:
        """What is to be said against destinations, by URL; those that may be are left out. `link`
        is what it was, None for what is no link yet.
        """
        if not self._hooks or not urls:
            return {}
        shown = None if link is None else shown_link(link, self._short_url_of(link))
        who = None if account is None else shown_account(account)
        found: dict[str, Verdict] = {}
        waiting = iter(dict.fromkeys(urls))
        # A task for each of thousands would be memory for nothing.
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(AT_ONCE, len(urls))):
                tasks.create_task(self._work(waiting, found, shown, who))
        return found

    def close(self) -> None:
        """Ends what is asked still; nobody waits for it."""
        for turns in self._turns.values():
            turns.close()

    async def _work(
        self,
        waiting: Iterator[str],
        found: dict[str, Verdict],
        link: Link | None,
        account: Account | None,
    ) -> None:
        for url in waiting:
            async with self._turn:
                verdict = await self._said(url, link, account)
            if verdict is not None:
                found[url] = verdict

    async def _said(self, url: str, link: Link | None, account: Account | None) -> Verdict | None:
        """The first refusal; else the first that wants it held."""
        held: Verdict | None = None
        # As browsers read it, so that no plugin need know how a host can be spelled.
        read = ada_url.URL(url).href
        for running, call in self._hooks:
            verdict = await self._answer(running, call, read, link, account)
            if verdict is not None and verdict.is_final:
                return verdict
            held = held or verdict
        return held

    async def _call(self, running: Running, call: GuardedCall, arguments: Sequence[Any]) -> Any:
        if is_async(running, call.hook):
            return await running.worker.run(call.function(*arguments), SECONDS)
        answer = await self._turns[running.name].call(partial(call.function, *arguments))
        # A plain function may answer something to wait for.
        if inspect.isawaitable(answer):
            return await running.worker.run(_awaited(answer), SECONDS)
        return answer

    async def _answer(self, running: Running, call: GuardedCall, *arguments: Any) -> Verdict | None:
        answer = await call.answered(
            partial(self._call, running, call, arguments),
            partial(self._call, running, call, (HARMLESS, None, None)),
        )
        if not call.takes(Refuse, Hold, answer=answer):
            return None
        is_final = isinstance(answer, Refuse)
        words = answer.message if is_final else answer.reason
        # A Struct's fields can hold anything.
        try:
            said = shown_words("".join((words,)))
        except Exception as fault:
            call.fail(fault)
            return None
        return Verdict(running.name, said, is_final, self._clock.now())


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def shown_words(words: str) -> str:
    """A text as a line that anybody may be shown, cut to `WORDS` characters."""
    shown = (one if one.isprintable() or one in _JOINERS else " " for one in words[:_READ])
    line = " ".join("".join(shown).split())
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"
