"""Every hook, on one page. A plugin implements those it wants and marks them with `@hookimpl`.

Five kinds:

- *Decide* hooks (`destination`, `interstitial`) answer a visit. They run on the event loop
  between request and response: no waiting, no I/O, well below a millisecond. They are asked in
  order, and the first answer counts: `@hookimpl(tryfirst=True)` before plain before `trylast=True`,
  within these by the plugins' names. `shortd plugins` shows the order.
- *Observe* hooks (`click_recorded` to `account_signed_in`) hear of what has happened, after it is
  on disk or answered, beside the server: they may wait. A plain one hears of each event at most
  once, an `async def` one at least once, across restarts.
- The *check* hook (`check_destination`) is asked before a destination is kept, away from the event
  loop: it may wait, and may be `async def`.
- *Jobs* (`daily`) are called by the server's clock. They may wait, plain or `async def`.
- *Extension* hooks (`commands` to `importers`) add to the server and its command line.

A hook may leave out what it does not need of its parameters.

No plugin breaks a visit: one that raises, or answers something that cannot be used, is passed over
as if it had answered None. One that fails again and again, or takes too long, is paused, and no
other hook with it. What is raised is logged: keep secrets out of messages.

docs/plugin-reference.md has what each is asked about, what it may take, and all bounds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import click
import pluggy

from shortd.plugin.pages import SignInOffer
from shortd.plugin.types import (
    Account,
    Counts,
    Destination,
    Event,
    File,
    Hold,
    ImportedLink,
    Interstitial,
    Link,
    Panel,
    Refuse,
    SignIn,
    Visit,
)

PROJECT = "shortd"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's method as a hook; takes `tryfirst=True` or `trylast=True`."""

DataT = TypeVar("DataT")
"""A plugin's data of one link: its `Data`, or None where it has none."""

Waits: TypeAlias = Awaitable[None] | None
"""What a hook answers that may be `def` or `async def`."""

DECIDE = ("destination", "interstitial")
OBSERVE = (
    "click_recorded",
    "link_created",
    "link_changed",
    "link_deleted",
    "file_stored",
    "account_created",
    "account_signed_in",
)
CHECK = ("check_destination",)
JOBS = ("daily",)
EXTEND = ("commands", "routes", "authenticate", "panel", "link_panels", "link_columns", "importers")
ASYNC = frozenset((*OBSERVE, *CHECK, *JOBS))
"""Hooks that may be `async def`."""
HOOKS = (*DECIDE, *OBSERVE, *CHECK, *JOBS, *EXTEND)
"""All hooks by name, in the order of this page."""


class Hookspecs(Generic[DataT]):
    """The hooks as methods; `Plugin` inherits them, so that a type checker knows them."""

    @hookspec
    def destination(self, link: Link, visit: Visit, data: DataT) -> Destination | str | None:
        """Where this visit goes; None leaves it to the next plugin, in the end to the link's URL.

        What is answered is checked like any destination. Never asked for the link of a file, for
        one that is disabled, expired or over its owner's budget.
        """
        return None

    @hookspec
    def interstitial(
        self, link: Link, visit: Visit, data: DataT, destination: str, nonce: str
    ) -> Interstitial | None:
        """A page in place of the redirect to `destination`; None for the redirect.

        `nonce` is for this one response: `<script nonce="…">`, `<style nonce="…">`. The visit is a
        click like any. Never asked for files, HEAD, prefetches and robots; the answer is
        not used if it is `tracking` and the visitor does not want that.
        """
        return None

    @hookspec
    def click_recorded(
        self, link: Link, visit: Visit, choice: str, data: DataT, event: Event
    ) -> Waits:
        """A click was counted. `choice` is "plugin:choice" of who decided, or empty; two of them,
        with a space between, if another plugin showed a page on the way.

        `visit.address` is full whatever `[clicks] ip` says: keep no more of it than that. An
        `async def` hook is given what is kept: that address, and the referrer without its path.
        """

    @hookspec
    def link_created(self, link: Link, data: DataT, event: Event) -> Waits:
        """A link was made: by a call, for a file, by an import."""

    @hookspec
    def link_changed(self, link: Link, before: Link, data: DataT, event: Event) -> Waits:
        """A link was changed or moved to another address. One whose code is taken over by a new
        link is not changed but deleted. `data` are those it has now.
        """

    @hookspec
    def link_deleted(self, link: Link, data: DataT, event: Event) -> Waits:
        """A link was deleted: by a call, by a new one on its code, or with its account."""

    @hookspec
    def file_stored(self, file: File, data: DataT, event: Event) -> Waits:
        """A file is whole and its link works."""

    @hookspec
    def account_created(self, account: Account, event: Event) -> Waits:
        """An account was made, or a temporary one was turned into a registered one."""

    @hookspec
    def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Refuse | Hold | Awaitable[Refuse | Hold | None] | None:
        """Whether a link may lead to `url`: None if so, `Refuse` if it must not, `Hold` if the
        operator is to look at it before visitors get there. `url` is as a browser reads it.

        Asked wherever a destination is set, or changed to another: the link's own, where it leads
        once it has ended, and each URL in plugins' data. `link` is the link as it was before, None
        for one that is to be made; `account` is who sets it, None where nobody in particular does.
        May be `async def`; after 10 s, and where it fails, it counts as None. Of several plugins
        one that refuses wins over one that holds.
        """
        return None

    @hookspec
    def account_signed_in(self, account: Account, sign_in: SignIn, event: Event) -> Waits:
        """Somebody signed in: with a password, at an issuer, with a passkey. Calls with an API key
        are none.
        """

    @hookspec
    def daily(self, utime: int) -> Waits:
        """Once a day, after the time of `[plugins] daily` (03:00) on the server's clock, or soon
        after the next start. Never twice a day: one that fails is called the next day.
        """

    @hookspec
    def commands(self) -> Sequence[click.Command]:
        """Commands for `shortd x NAME …`. The plugin has its settings there; it is not started, and
        has no secret.
        """
        return ()

    @hookspec
    def routes(self) -> Sequence[Any]:
        """Litestar route handlers, served below `/-/x/NAME/`: to operators, unless they say
        `access=Access.PUBLIC` or `access=Access.ACCOUNT`. One with the parameter `caller: Caller`
        is told who asks. They run on the event loop (plain functions in a thread, unless they say
        `sync_to_thread=False`), on this server's own origin: what they answer is theirs to escape,
        unless `self.page` makes it.
        """
        return ()

    @hookspec
    def authenticate(self) -> Sequence[SignInOffer]:
        """Buttons for the page on which people sign in, asked for when the server starts. Each
        leads to a public route of the plugin, which ends with `self.sign_in`.
        """
        return ()

    @hookspec
    def panel(self, link: Link, data: DataT, counts: Counts) -> Panel | None:
        """What the link's owner is shown about it (`get_panels`)."""
        return None

    @hookspec
    def link_panels(self, link: Link, data: DataT, counts: Counts) -> Sequence[Panel]:
        """The same for a plugin that has more than one table to show; up to 8 are shown."""
        return ()

    @hookspec
    def link_columns(self, link: Link, data: DataT) -> Mapping[str, str | int]:
        """What the list of links shows beside the link: title to cell. Up to 3 columns a plugin,
        80 characters a cell. Called for each link of a page: be quick.
        """
        return {}

    @hookspec
    def importers(self) -> Mapping[str, Callable[[Path], Iterator[ImportedLink]]]:
        """Readers of files for `shortd import FORMAT FILE`, by format. One that meets a line it
        cannot read raises ValueError and says which.
        """
        return {}
