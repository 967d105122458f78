"""What has happened, told to the observe hooks in a thread of its own.

Links, files and accounts are heard of through the store: whatever the way by which a row was
made, changed or deleted, the event follows its commit. Clicks are told by `Visits`. Everything
waits a moment on the event loop, so that responses leave first, and then in a bounded queue;
what does not fit is dropped and counted. Hooks nobody implements cost nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from msgspec import structs

from shortd.models import accounts as account_rows
from shortd.models import files as file_rows
from shortd.models import links as link_rows
from shortd.plugin.hookspecs import OBSERVE
from shortd.plugin.types import Account, File, Link, Visit
from shortd.plugin_runtime.deciding import ShortUrlOf, shown_link
from shortd.plugin_runtime.running import Plugins
from shortd.store.schema import ACCOUNTS, FILES, LINKS
from shortd.store.txn import Change

QUEUE = 10_000
"""Events that may wait."""
HAND_OVER_SECONDS = 0.01
"""Events are collected for so long before the thread gets them."""
STOP_SECONDS = 5.0
"""How long a stopping server waits for hooks that are still at work."""

Event = tuple[str, tuple[Any, ...]]
"""A hook and its arguments."""

log = structlog.get_logger(__name__)


class Events:
    """The queue and its thread; all but `_work` belongs to the event loop."""

    def __init__(
        self,
        plugins: Plugins,
        short_url_of: ShortUrlOf,
        country_of: Callable[[str], str] | None = None,
    ) -> None:
        self._hooks = {
            hook: [call for _, call in calls]
            for hook in OBSERVE
            if (calls := plugins.of_hook(hook))
        }
        self.hear_clicks = "click_recorded" in self._hooks
        """Whether `click` is to be called at all."""
        self.hear_changes = bool(self._hooks.keys() - {"click_recorded"})
        """Whether `changed` is to be called at all."""
        self.dropped = 0
        """Events for which there was no room."""
        self._short_url_of = short_url_of
        self._country_of = country_of
        self._collected: list[Event] = []
        self._queue: deque[Event] = deque()
        self._wake = threading.Condition()
        self._busy = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        if self._hooks:
            self._thread = threading.Thread(target=self._work, name="shortd-observers", daemon=True)
            self._thread.start()

    @property
    def waiting(self) -> int:
        """Events that no hook has heard of yet."""
        return len(self._collected) + len(self._queue)

    def click(self, row: link_rows.Link, visit: Visit, choice: str) -> None:
        """A click was recorded; its response may not have left yet."""
        if self._has_room():
            if self._country_of is not None:
                visit = structs.replace(visit, country=self._country_of(visit.address))
            self._add("click_recorded", self._shown(row), visit, choice)

    def changed(self, changes: Sequence[Change]) -> None:
        """A write is on disk: what it did, net, to links, files and accounts."""
        for hook, arguments in self._net(changes):
            if hook in self._hooks and self._has_room():
                self._add(hook, *arguments)

    def settle(self, seconds: float = STOP_SECONDS) -> bool:
        """Waits until all hooks have heard of all events so far; False if that takes longer."""
        self._hand_over()
        with self._wake:
            return self._wake.wait_for(lambda: not self._queue and not self._busy, seconds)

    def close(self) -> None:
        """Lets the hooks finish, within reason, and ends the thread."""
        if self._thread is None:
            return
        settled = self.settle()
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if settled:
            self._thread.join()
        else:
            log.warning("observers_left_behind", events=self.waiting)

    def _net(self, changes: Sequence[Change]) -> Iterator[Event]:
        """Events of one transaction: a link that was moved was deleted and put again."""
        links: dict[int, tuple[link_rows.Link | None, link_rows.Link | None]] = {}
        for change in changes:
            if change.table == LINKS.name:
                link_id = (change.before or change.after).id
                first, _ = links.get(link_id, (_living(change.before), None))
                links[link_id] = (first, _living(change.after))
        shared = {}
        for first, last in links.values():
            if last is not None and last.filekey:
                shared[last.filekey] = last
            if first is None and last is not None:
                yield "link_created", (self._shown(last),)
            elif first is not None and last is None:
                yield "link_deleted", (self._shown(first),)
            elif first is not None and last is not None and first != last:
                yield "link_changed", (self._shown(last), self._shown(first))
        for change in changes:
            before, after = change.before, change.after
            if change.table == FILES.name and before is None and after is not None:
                link = shared.get(change.key[0])
                if link is not None:
                    yield "file_stored", (_shown_file(after, self._shown(link)),)
            elif change.table == ACCOUNTS.name and after is not None and _is_new(before, after):
                yield "account_created", (shown_account(after),)

    def _shown(self, row: link_rows.Link) -> Link:
        return shown_link(row, self._short_url_of(row))

    def _has_room(self) -> bool:
        if self.waiting < QUEUE:
            return True
        if not self.dropped:
            log.warning("observers_too_slow", waiting=self.waiting)
        self.dropped += 1
        return False

    def _add(self, hook: str, *arguments: Any) -> None:
        if not self._collected:
            asyncio.get_running_loop().call_later(HAND_OVER_SECONDS, self._hand_over)
        self._collected.append((hook, arguments))

    def _hand_over(self) -> None:
        with self._wake:
            self._queue.extend(self._collected)
            self._wake.notify_all()
        self._collected.clear()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._busy = False
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._queue or self._stopping)
                if self._stopping:
                    return
                hook, arguments = self._queue.popleft()
                self._busy = True
            for call in self._hooks[hook]:
                call(*arguments)


def _living(row: link_rows.Link | None) -> link_rows.Link | None:
    """The row; None for a link that is deleted, though that may be undone: then it is made anew."""
    return None if row is None or row.owner == account_rows.DELETED else row


def _is_new(before: account_rows.Account | None, after: account_rows.Account) -> bool:
    """Whether an account was made, or registered after having been a temporary one."""
    temporary = account_rows.AccountType.TEMPORARY
    return before is None or (before.type is temporary and after.type is not temporary)


def _shown_file(row: file_rows.File, link: Link) -> File:
    return File(
        link=link,
        owner=row.owner,
        filename=row.filename,
        filesize=row.filesize,
        filetype=row.filetype,
        encrypted=row.encryption is not file_rows.Encryption.NONE,
    )


def shown_account(row: account_rows.Account) -> Account:
    """An account as plugins see it."""
    return Account(
        userid=row.userid,
        type=row.type.value,
        utime=row.create_utime,
        username=row.username,
        email=row.email,
    )
