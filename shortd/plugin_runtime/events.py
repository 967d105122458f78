"""What has happened, and is told to the observe hooks: plain ones in a thread of their plugin's, in
memory (`listeners`); `async def` ones by way of the database (`outbox`, `deliveries`).

Links, files and accounts are heard of through the store: whatever the way by which a row was
made, changed or deleted, the event follows its commit. Clicks are told by `Visits`, and by the
drain. Hooks nobody implements cost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from msgspec import structs

from shortd.models import accounts as account_rows
from shortd.models import links as link_rows
from shortd.plugin.hookspecs import OBSERVE
from shortd.plugin.types import SignIn, Visit
from shortd.plugin_runtime.deciding import ShortUrlOf, shown_link
from shortd.plugin_runtime.deliveries import Deliveries
from shortd.plugin_runtime.facts import Facts, Happening, happenings, hears, shown_account
from shortd.plugin_runtime.guard import GuardedCall
from shortd.plugin_runtime.jobs import Jobs
from shortd.plugin_runtime.listeners import Listener
from shortd.plugin_runtime.outbox import Outbox
from shortd.plugin_runtime.running import Plugins
from shortd.store.txn import Change
from shortd.visitors.visitors import kept_address

STOP_SECONDS = 5.0
"""How long a stopping server waits for hooks that are still at work."""
BEGUN_SECONDS = 2.0
"""How long what plugins have begun may take to end."""
LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Events:
    """Who is told of what. Belongs to the event loop."""

    def __init__(
        self,
        plugins: Plugins,
        outbox: Outbox,
        deliveries: Deliveries,
        jobs: Jobs,
        short_url_of: ShortUrlOf,
        now: Callable[[], int],
        new_id: Callable[[], str],
        country_of: Callable[[str], str] | None = None,
        address_mode: str = "full",
    ) -> None:
        """`address_mode` is `[clicks] ip`."""
        self._workers = [running.worker for running in plugins.running.values()]
        self.outbox = outbox
        self.deliveries = deliveries
        self.jobs = jobs
        self._listeners: dict[str, Listener] = {}
        self._hooks: dict[str, list[tuple[Listener, GuardedCall]]] = {}
        for hook in OBSERVE:
            for running, call in plugins.plain(hook):
                listener = self._listeners.setdefault(running.name, Listener(running, new_id))
                self._hooks.setdefault(hook, []).append((listener, call))
        self._of_clicks = self._hooks.get("click_recorded", [])
        self.hear_clicks = bool(self._of_clicks)
        """Whether `click` is to be called at all."""
        self.hear_all_clicks = any(
            listener.running.plugin.Data is None or listener.running.plugin.everywhere
            for listener, _ in self._of_clicks
        )
        """Whether that of links without data of a plugin is to be."""
        self.hear_changes = bool(self._hooks.keys() - {"click_recorded", "account_signed_in"})
        """Whether `changed` is to be called at all."""
        self._short_url_of = short_url_of
        self._now = now
        self._country_of = country_of
        self._address_mode = address_mode
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Events that some hook has not heard of yet."""
        return sum(self.waiting_of(name) for name in self._names())

    @property
    def dropped(self) -> int:
        """Events that some hook never heard of."""
        return sum(self.dropped_of(name) for name in self._names())

    def waiting_of(self, plugin: str) -> int:
        """Events that a plugin has not heard of yet."""
        listener = self._listeners.get(plugin)
        in_memory = 0 if listener is None else listener.waiting
        return in_memory + self.deliveries.waiting.get(plugin, 0)

    def dropped_of(self, plugin: str) -> int:
        """Events that a plugin never heard of: of `async def` hooks ever, of plain ones since the
        start.
        """
        listener = self._listeners.get(plugin)
        in_memory = 0 if listener is None else listener.dropped
        return in_memory + self.deliveries.dropped.get(plugin, 0)

    def click(self, row: link_rows.Link, visit: Visit, choice: str) -> None:
        """A click was recorded; its response may not have left yet. For plain hooks: the drain
        tells the others.
        """
        happening = None
        for listener, call in self._of_clicks:
            if happening is None:
                if not (row.plugins or self.hear_all_clicks):
                    return
                if self._country_of is not None and not visit.country:
                    visit = structs.replace(visit, country=self._country_of(visit.address))
                link = shown_link(row, self._short_url_of(row))
                facts = Facts(link, visit=visit, choice=choice)
                happening = Happening("click_recorded", facts, (row,))
            if hears(listener.running, happening):
                listener.tell(call, happening, visit.utime)

    def changed(self, changes: Sequence[Change]) -> None:
        """A write is on disk: what it did, net, to links, files and accounts. For plain hooks."""
        for happening in happenings(changes, self._short_url_of):
            self._tell(happening)

    def signed_in(self, row: account_rows.Account, sign_in: SignIn) -> None:
        """Somebody has signed in to an account."""
        account = shown_account(row)
        self._tell(Happening("account_signed_in", Facts(account=account, sign_in=sign_in)))
        if "account_signed_in" in self.outbox.hooks:
            address = kept_address(sign_in.address, self._address_mode)
            kept = structs.replace(sign_in, address=address)
            told = self.outbox.tell(
                Happening("account_signed_in", Facts(account=account, sign_in=kept))
            )
            task = asyncio.get_running_loop().create_task(told)
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def heard_of_sign_in(
        self, row: account_rows.Account, how: str, address: str, user_agent: str
    ) -> None:
        """The same, as accounts tell it."""
        self.signed_in(row, SignIn(how, address, user_agent))

    async def run(self) -> None:
        """Tells, and begins what is to be done daily, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.deliveries.run())
            tasks.create_task(self.jobs.run())
            tasks.create_task(self._watch())

    async def settle(self, seconds: float = STOP_SECONDS) -> bool:
        """Waits until all hooks have heard of all events that are due so far; False if that takes
        longer.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            if self._telling:
                await asyncio.wait(self._telling, timeout=left)
            heard = [await listener.settle(left) for listener in self._listeners.values()]
            if not all(heard) or not await self.deliveries.settle(left):
                return False
            # What they have heard may have had them do what others hear of.
            if not any(listener.waiting for listener in self._listeners.values()):
                return True
        return False

    async def end(self) -> None:
        """Lets hooks that are at work finish, within reason; the store is still open."""
        self.jobs.end()
        if self._telling:
            await asyncio.wait(self._telling, timeout=1)
        listeners = self._listeners.values()
        _, *settled = await asyncio.gather(
            self._end_all(),
            *(listener.settle(STOP_SECONDS) for listener in listeners),
        )
        for listener, is_settled in zip(listeners, settled, strict=True):
            if not is_settled:
                log.warning(
                    "observers_left_behind",
                    plugin=listener.running.name,
                    events=listener.waiting,
                )

    async def _end_all(self) -> None:
        """What is under way ends in its order: hooks may hand on to what was begun beside them."""
        await self.deliveries.end(STOP_SECONDS / 2)
        await asyncio.gather(*(worker.end_begun(BEGUN_SECONDS) for worker in self._workers))

    async def _watch(self) -> None:
        while self._listeners:
            await asyncio.sleep(LOOK_SECONDS)
            for listener in self._listeners.values():
                listener.look()

    def _tell(self, happening: Happening) -> None:
        for listener, call in self._hooks.get(happening.hook, ()):
            if hears(listener.running, happening):
                listener.tell(call, happening, self._now())

    def _names(self) -> set[str]:
        deliveries = self.deliveries
        return {*self._listeners, *deliveries.waiting, *deliveries.dropped}
