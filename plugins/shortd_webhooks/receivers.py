"""All receivers: kept in the database, and in memory, where each event looks them up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from msgspec import structs

from shortd.plugin import Store
from shortd_webhooks.data import MOVED, OF_SETTINGS, Kind, LinkReceivers, Receiver, Settings

OF_ACCOUNT = 10
OF_OPERATOR = 20
"""How many an account, and the operator, can make."""
ALL = 5000
PAGE = 1000
OPERATOR = ""
"""The owner of the operator's."""


class TooMany(Exception):
    """There is no room for one more receiver."""


class Receivers:
    """Safe from any thread. What changes one is awaited."""

    def __init__(self, store: Store, settings: Settings, mark: str) -> None:
        self._table = store.table("receivers", Receiver)
        self._settings = settings
        self._lock = threading.Lock()
        self._all: dict[str, Receiver] = {}
        self._of: dict[str, dict[str, Receiver]] = {}
        """By owner."""
        for receiver in self._kept():
            if receiver.is_configured and self._from_settings(receiver) is None:
                continue
            if not receiver.is_configured and receiver.mark != mark and not receiver.off:
                receiver = structs.replace(receiver, off=MOVED)
            self._take(receiver.id, receiver)
        for name, one in settings.receivers.items():
            if OF_SETTINGS + name not in self._all:
                receiver = Receiver(OF_SETTINGS + name, OPERATOR, one.url, name, one.events, 0)
                self._take(receiver.id, receiver)
        self._kinds = self._wanted()

    def __iter__(self) -> Iterator[Receiver]:
        return iter(list(self._all.values()))

    def get(self, id: str) -> Receiver | None:
        return self._all.get(id)

    def of(self, owner: str) -> list[Receiver]:
        """An account's, or the operator's, the oldest first."""
        found = list(self._of.get(owner, {}).values())
        return sorted(found, key=lambda one: (one.utime, one.id))

    def want(self, kind: Kind, owner: str | None) -> bool:
        """Whether anybody may have to be told of what happens to something of an owner's; None: to
        anything at all. Chosen links are not looked at.
        """
        if owner is None:
            return kind in self._kinds
        return any(_is_told(one, kind) for one in self._both(owner))

    def told(self, kind: Kind, owner: str, data: LinkReceivers | None) -> list[Receiver]:
        """Who is told of what happened to something of an owner's. `data` are those of the link."""
        chosen = () if data is None else data.receivers
        return [
            one
            for one in self._both(owner)
            if _is_told(one, kind) and (not one.is_chosen or one.id in chosen)
        ]

    async def add(self, receiver: Receiver) -> None:
        """TooMany, StoreFull."""
        most = OF_ACCOUNT if receiver.owner else OF_OPERATOR
        own = [one for one in self.of(receiver.owner) if not one.is_configured]
        if len(own) >= most or len(self._all) >= ALL:
            raise TooMany
        await self._table.put(receiver.id, receiver)
        self._read(receiver.id)

    async def change(self, id: str, change: Callable[[Receiver], Receiver]) -> None:
        """Replaces one; nothing where there is none. StoreFull."""
        known = self._all.get(id)
        if known is None:
            return

        def changed(row: Receiver | None) -> Receiver | None:
            if row is None and not known.is_configured:
                return None
            return change(known if row is None or known.off == MOVED else row)

        await self._table.update(id, changed)
        self._read(id)

    async def remove(self, id: str) -> None:
        await self._table.delete(id)
        with self._lock:
            self._take(id, None)
            self._kinds = self._wanted()

    async def forget_strangers(self) -> None:
        """Removes rows of receivers that the settings no longer have."""
        for receiver in self._kept():
            if receiver.is_configured and receiver.id not in self._all:
                await self._table.delete(receiver.id)

    def _both(self, owner: str) -> Iterable[Receiver]:
        found = list(self._of.get(OPERATOR, {}).values())
        return [*found, *list(self._of.get(owner, {}).values())] if owner else found

    def _kept(self) -> Iterator[Receiver]:
        after = ""
        while page := self._table.items(after=after, limit=PAGE):
            for _, receiver in page:
                yield receiver
            after = page[-1][0]

    def _read(self, id: str) -> None:
        # Two who changed it in turn read it in turn.
        with self._lock:
            self._take(id, self._table.get(id))
            self._kinds = self._wanted()

    def _wanted(self) -> frozenset[Kind]:
        """What anybody is told of at all."""
        return frozenset(kind for one in self._all.values() if not one.off for kind in one.kinds)

    def _take(self, id: str, receiver: Receiver | None) -> None:
        before = self._all.pop(id, None)
        if before is not None:
            self._of[before.owner].pop(id, None)
            if not self._of[before.owner]:
                del self._of[before.owner]
        if receiver is not None and receiver.is_configured:
            receiver = self._from_settings(receiver)
        if receiver is not None:
            self._all[id] = receiver
            self._of.setdefault(receiver.owner, {})[id] = receiver

    def _from_settings(self, receiver: Receiver) -> Receiver | None:
        """What is kept of one of the settings', as they have it now."""
        one = self._settings.receivers.get(receiver.name)
        if one is None:
            return None
        return structs.replace(receiver, owner=OPERATOR, url=one.url, kinds=one.events)


def _is_told(receiver: Receiver, kind: Kind) -> bool:
    return not receiver.off and kind in receiver.kinds
