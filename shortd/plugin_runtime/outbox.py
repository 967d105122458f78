"""Events for `async def` observe hooks: written in the transaction that makes them true.

Changes of links, files and accounts are followed on the writer thread, whoever makes them; clicks
are told by the drain as it counts them. So a process that is killed has either both, the thing and
the event of it, or neither. What is written is bounded for each plugin; what does not fit is
dropped and counted, and never keeps anything from being stored. Who hears of it when, is for
`deliveries`. Nobody else writes these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import structlog
from msgspec import structs

from shortd import errors
from shortd.models.accounts import DELETED
from shortd.models.clicks import QR_LOAD, QR_VISIT, Click
from shortd.models.plugins import ROW_BYTES, PluginBacklog, PluginEvent
from shortd.plugin.hookspecs import OBSERVE
from shortd.plugin.types import Visit
from shortd.plugin_runtime.deciding import ShortUrlOf, shown_link
from shortd.plugin_runtime.facts import Facts, Happening, encode, happenings, hears, raw_data
from shortd.plugin_runtime.running import Plugins
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    FILES,
    LINKS,
    LINKS_BY_ID,
    PLUGIN_BACKLOGS,
    PLUGIN_EVENTS,
)
from shortd.store.txn import Change, WriteTxn

MOST_ROWS = 100_000
MOST_BYTES = 64 << 20
"""What may wait for one plugin."""

CLICKED = "click_recorded"
CLICK_SHARE = 0.75
"""Of that, what clicks may fill."""

Key = tuple[str, str, int]
"""Plugin, subject, serial."""
_FOLLOWED = frozenset((LINKS.name, FILES.name, ACCOUNTS.name))
_NO_CHANGES = frozenset(("click_recorded", "account_signed_in"))
"""Hooks that hear of what is no change of a row."""
_EMPTY = PluginBacklog()

log = structlog.get_logger(__name__)


class Outbox:
    """Writes events for the plugins that run, and ends them."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        short_url_of: ShortUrlOf,
        now: Callable[[], int],
        new_id: Callable[[], str],
        country_of: Callable[[str], str] | None = None,
    ) -> None:
        self._store = store
        self._short_url_of = short_url_of
        self._now = now
        self._new_id = new_id
        self._country_of = country_of
        self.hooks = {hook: told for hook in OBSERVE if (told := plugins.awaited(hook))}
        """Who is told, by hook."""
        self._hears_changes = bool(self.hooks.keys() - _NO_CHANGES)
        if self._hears_changes:
            store.follow(self._follow)

    @property
    def hears_clicks(self) -> bool:
        """Whether `clicks` is to be called."""
        return CLICKED in self.hooks

    def clicks(
        self,
        txn: WriteTxn,
        clicks: Mapping[int, Sequence[Click]],
        is_roomy: bool,
        give_way: Callable[[], None],
    ) -> None:
        """Writes the events of clicks, by the ids of their links, in the drain's transaction."""
        told = [one for one, _ in self.hooks[CLICKED] if one.wants(CLICKED)]
        if not told:
            return
        noting = _Noting(txn, self._new_id, is_roomy=is_roomy)
        for link_id, of_link in clicks.items():
            give_way()
            row = LINKS_BY_ID.get(txn, (link_id,))
            if row is None or row.owner == DELETED:
                continue
            link = shown_link(row, self._short_url_of(row))
            any_click = Happening(CLICKED, Facts(link), (row,))
            hearing = [running for running in told if hears(running, any_click)]
            for click in of_link if hearing else ():
                if click.kind != QR_LOAD:
                    facts = Facts(link, visit=self._visit(click), choice=click.choice)
                    happening = Happening(CLICKED, facts, (row,))
                    for running in hearing:
                        raw = raw_data(running, happening)
                        noting.note(running.name, happening, raw, click.utime)
        noting.end()

    async def tell(self, happening: Happening) -> None:
        """Writes an event that no row tells of."""
        if any(hears(running, happening) for running, _ in self.hooks.get(happening.hook, ())):
            with suppress(errors.ShortdError):
                await self._store.write(
                    lambda txn: self._note_all(txn, [happening], is_roomy=True), is_quiet=True
                )

    async def heard(self, key: Key) -> None:
        """A hook has taken an event."""
        await self._store.write(lambda txn: _end(txn, key), Reserve.ALL, is_quiet=True)

    async def drop(self, keys: Sequence[Key]) -> None:
        """Events that no hook is going to take."""

        def drop(txn: WriteTxn) -> None:
            for key in keys:
                _end(txn, key, dropped=1)

        await self._store.write(drop, Reserve.ALL, is_quiet=True)

    async def postpone(self, key: Key, attempts: int, next_utime: int) -> None:
        """A hook has failed to take an event: it is told of it again."""

        def postpone(txn: WriteTxn) -> None:
            row = PLUGIN_EVENTS.get(txn, key)
            if row is not None:
                later = structs.replace(row, attempts=attempts, next_utime=next_utime)
                PLUGIN_EVENTS.put(txn, key, later)

        await self._store.write(postpone, Reserve.ALL, is_quiet=True)

    def _follow(self, txn: WriteTxn, changes: Sequence[Sequence[Change]], is_roomy: bool) -> None:
        """Behind each transaction, on the writer thread: whatever a row can be like, what it
        belongs to is not to fail by what it cannot be told as."""
        followed = [
            of_one for of_one in changes if any(change.table in _FOLLOWED for change in of_one)
        ]
        if not followed or not self._is_wanted():
            return
        try:
            told = [
                happening
                for of_one in followed
                for happening in happenings(of_one, self._short_url_of)
                if happening.hook in self.hooks
            ]
        except (ValueError, LookupError, AttributeError, TypeError):
            log.exception("plugin_events_not_noted")
            return
        if told:
            self._note_all(txn, told, is_roomy=is_roomy)

    def _is_wanted(self) -> bool:
        """Whether anybody wants to hear of any change."""
        return any(
            running.wants(hook)
            for hook, told in self.hooks.items()
            if hook not in _NO_CHANGES
            for running, _ in told
        )

    def _note_all(self, txn: WriteTxn, told: Iterable[Happening], *, is_roomy: bool) -> None:
        noting = _Noting(txn, self._new_id, is_roomy=is_roomy)
        now = self._now()
        for happening in told:
            for running, _ in self.hooks[happening.hook]:
                if hears(running, happening):
                    raw = raw_data(running, happening)
                    noting.note(running.name, happening, raw, now)
        noting.end()

    def _visit(self, click: Click) -> Visit:
        """A click as plugins see it: what is kept of it."""
        country = ""
        if self._country_of is not None and click.address:
            country = self._country_of(click.address)
        return Visit(
            utime=click.utime,
            is_qr=click.kind == QR_VISIT,
            address=click.address,
            user_agent=click.user_agent,
            referrer=click.referrer,
            accept_language=click.language,
            do_not_track=click.do_not_track,
            country=country,
        )


class _Noting:
    """The events of one transaction."""

    def __init__(self, txn: WriteTxn, new_id: Callable[[], str], *, is_roomy: bool) -> None:
        self._txn = txn
        self._new_id = new_id
        self._is_roomy = is_roomy
        self._backlogs: dict[str, PluginBacklog] = {}

    def note(self, plugin: str, happening: Happening, raw: bytes | None, utime: int) -> None:
        """Writes an event for a plugin, if there is room."""
        backlog = self._backlogs.get(plugin)
        if backlog is None:
            backlog = PLUGIN_BACKLOGS.get(self._txn, (plugin,)) or _EMPTY
        try:
            facts = encode(structs.replace(happening.facts, data=raw))
        except ValueError:
            # Text that is none, which keeps nothing else from being stored.
            facts = b""
        size = backlog.bytes + len(facts) + ROW_BYTES
        # Strangers make clicks: they are not to keep anything else from being heard of.
        share = CLICK_SHARE if happening.hook == CLICKED else 1
        has_room = (
            self._is_roomy and backlog.rows < MOST_ROWS * share and size <= MOST_BYTES * share
        )
        if not facts or not has_room:
            self._backlogs[plugin] = structs.replace(backlog, dropped=backlog.dropped + 1)
            return
        row = PluginEvent(happening.hook, self._new_id(), utime, facts)
        PLUGIN_EVENTS.insert(self._txn, (plugin, happening.subject, backlog.serial), row)
        self._backlogs[plugin] = structs.replace(
            backlog, rows=backlog.rows + 1, bytes=size, serial=backlog.serial + 1
        )

    def end(self) -> None:
        """Writes what they come to."""
        for plugin, backlog in self._backlogs.items():
            PLUGIN_BACKLOGS.put(self._txn, (plugin,), backlog)


def _end(txn: WriteTxn, key: Key, dropped: int = 0) -> None:
    """Removes an event, and says so in what there is of them."""
    row = PLUGIN_EVENTS.delete(txn, key)
    if row is not None:
        backlog = PLUGIN_BACKLOGS.get(txn, (key[0],)) or _EMPTY
        less = structs.replace(
            backlog,
            rows=max(0, backlog.rows - 1),
            bytes=max(0, backlog.bytes - len(row.facts) - ROW_BYTES),
            dropped=backlog.dropped + dropped,
        )
        PLUGIN_BACKLOGS.put(txn, (key[0],), less)
