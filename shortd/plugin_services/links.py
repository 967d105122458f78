"""`self.links` of a plugin: links through the services, as an account or as the operator.

All of it runs on the server's own event loop, wherever it is awaited. What is refused is told by a
`Refused`, whose fields have the names of the kit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, Unpack

import msgspec
from msgspec import Struct

from shortd import errors
from shortd.accounts.accounts import unlocked
from shortd.accounts.services import AccountServices
from shortd.clock import Clock
from shortd.field_errors import field_error, wishes_of
from shortd.hosts import Hosts, ShortHost, without_scheme
from shortd.hosts.destinations import parse_destination
from shortd.limits.services import LimitServices
from shortd.links import NewLink
from shortd.links.plugin_data import Check
from shortd.links.services import LinkServices
from shortd.links.terms import TermChanges
from shortd.models.accounts import DELETED, Account, AccountType
from shortd.models.audit import Action, Way
from shortd.models.links import Link
from shortd.plugin import Link as ShownLink
from shortd.plugin import LinkTerms, Refused
from shortd.plugin.links import Named, Owner
from shortd.plugin_runtime.deciding import shown_link
from shortd.plugin_runtime.home import at_home
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, LINKS, LINKS_BY_ID
from shortd.upkeep.audit import Actor
from shortd.upkeep.default_owner import default_owner
from shortd.upkeep.moderation import Cursor, LinkSearch
from shortd.upkeep.services import UpkeepServices

WEIGHT = 1000
"""Of what an account has a plugin write, in weight units: as a form costs."""
MOST = 1000
"""Links of one answer."""
OWN_ADDRESS = "127.0.0.1"
"""From where a plugin acts for an account that has no budget of its own."""
CALLED = {"destination": "url"}
"""Fields of refusals by what the kit calls them."""

T = TypeVar("T")


class Rooms(Struct, frozen=True):
    """The services behind it."""

    store: Store
    hosts: Hosts
    limits: LimitServices
    accounts: AccountServices
    links: LinkServices
    upkeep: UpkeepServices
    check: Check
    clock: Clock


class PluginLinks:
    """Of one plugin. `home` is the loop of the server."""

    def __init__(self, name: str, rooms: Rooms, home: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._rooms = rooms
        self._home = home

    async def make(
        self,
        url: str,
        *,
        account: Owner | None = None,
        code: str = "",
        host: str = "",
        data: Struct | Mapping[str, Any] | None = None,
        **terms: Unpack[LinkTerms],
    ) -> ShownLink:
        return await self._here(self._make(url, account, code, host, data, terms))

    async def change(
        self,
        link: Named,
        *,
        account: Owner | None = None,
        url: str | None = None,
        code: str | None = None,
        **terms: Unpack[LinkTerms],
    ) -> ShownLink:
        given = {"destination": url, "code": code}
        known = {name: value for name, value in given.items() if value is not None}
        return await self._here(self._change(link, account, _changes({**known, **terms})))

    async def disable(
        self, link: Named, *, account: Owner | None = None, reason: str = ""
    ) -> ShownLink:
        return await self._here(self._switch(link, account, reason, on=False))

    async def enable(
        self, link: Named, *, account: Owner | None = None, reason: str = ""
    ) -> ShownLink:
        return await self._here(self._switch(link, account, reason, on=True))

    async def find(self, short_url: str, *, account: Owner | None = None) -> ShownLink | None:
        return await self._here(self._find(short_url, account))

    async def of(
        self, account: Owner, after: ShownLink | None = None, limit: int = 100
    ) -> list[ShownLink]:
        return await self._here(self._of(account, after, limit))

    async def all(self, after: ShownLink | None = None, limit: int = 100) -> list[ShownLink]:
        return await self._here(self._all(after, limit))

    async def search(self, text: str, limit: int = 100) -> list[ShownLink]:
        return await self._here(self._search(text, limit))

    async def set_data(
        self,
        link: Named,
        data: Struct | Mapping[str, Any] | None,
        *,
        account: Owner | None = None,
    ) -> ShownLink:
        return await self._here(self._set_data(link, data, account))

    async def _here(self, work: Coroutine[Any, Any, T]) -> T:
        """Does it at home. Refused."""
        try:
            return await at_home(self._home, work)
        except Refused:
            raise
        except errors.ShortdError as refusal:
            refused = Refused.because(refusal)
            refused.field = CALLED.get(refused.field or "", refused.field)
            raise refused from None

    async def _make(
        self,
        url: str,
        account: Owner | None,
        code: str,
        host: str,
        data: Struct | Mapping[str, Any] | None,
        terms: Mapping[str, Any],
    ) -> ShownLink:
        rooms, now = self._rooms, self._rooms.clock.now()
        by = None if account is None else self._account(account, now)
        where = self._host(host)
        wanted = rooms.links.codes.check(code, where, wide=by is None) if code else None
        destination = parse_destination(_text(url, "url"), rooms.hosts.names, field="url")
        changes = _changes(terms)
        if by is not None:
            self._charge(by, now)
        given = await rooms.links.terms.of_new(changes)
        owner = by or await default_owner(rooms.store, rooms.accounts.accounts, now)
        plugins = None
        if data is not None:
            row = Link(
                id=0,
                owner=owner.userid,
                host=where.number,
                code=wanted or "",
                url=destination.url,
                utime=now,
            )
            plugins = {self._name: rooms.check(row, self._name, _plain(data))}
        new = NewLink(
            destination,
            where,
            wanted,
            given.terms,
            given.password,
            replaces=False,
            plugins=plugins,
        )
        if by is not None:
            [link] = await rooms.links.links.create(owner, [new], now)
            return self._shown(link)
        # What is drawn is not known before it is written.
        subject = destination.url if wanted is None else where.short_url(wanted)
        detail = "" if wanted is None else destination.url
        async with self._noted(Action.ADD_LINK, subject, owner, detail):
            [link] = await rooms.links.links.create(owner, [new], now)
        return self._shown(link)

    async def _change(self, named: Named, account: Owner | None, changes: TermChanges) -> ShownLink:
        rooms, now = self._rooms, self._rooms.clock.now()
        link = self._link(named)
        if account is not None:
            by = self._account(account, now)
            self._charge(by, now)
            return self._shown(await rooms.links.terms.change(by, link.id, changes))
        owner = self._owner(link)
        detail = ", ".join(
            CALLED.get(name, name)
            for name in TermChanges.__struct_fields__
            if getattr(changes, name) is not None
        )
        async with self._noted(Action.CHANGE_LINK, self._called(link), owner, detail):
            changed = await rooms.links.terms.change(owner, link.id, changes, wide=True)
        return self._shown(changed)

    async def _switch(
        self, named: Named, account: Owner | None, reason: str, *, on: bool
    ) -> ShownLink:
        rooms, now = self._rooms, self._rooms.clock.now()
        link = self._link(named)
        if account is not None:
            by = self._account(account, now)
            self._charge(by, now)
            changes = TermChanges(enabled=on)
            return self._shown(await rooms.links.terms.change(by, link.id, changes))
        action = Action.TURN_ON_LINK if on else Action.TURN_OFF_LINK
        moderation = rooms.upkeep.moderation
        async with self._noted(action, self._called(link), self._owner(link), link.url, reason):
            switched = await (moderation.turn_on if on else moderation.turn_off)(link.id)
        return self._shown(switched)

    async def _find(self, short_url: str, account: Owner | None) -> ShownLink | None:
        try:
            link = self._link(_text(short_url, "link"))
            if account is not None:
                by = self._account(account, self._rooms.clock.now())
                link = self._rooms.links.links.get(by, link.id)
        except errors.ShortdError as refusal:
            if refusal.kind is errors.ENTRY_NOT_FOUND:
                return None
            raise
        return self._shown(link)

    async def _of(self, account: Owner, after: ShownLink | None, limit: int) -> list[ShownLink]:
        row = self._row(account)
        cursor = None if after is None else (after.utime, after.id)
        found = await self._rooms.upkeep.moderation.page(
            LinkSearch(owner=row), cursor, most=_limit(limit)
        )
        return [self._shown(link) for link in found.rows]

    async def _all(self, after: ShownLink | None, limit: int) -> list[ShownLink]:
        cursor: Cursor | None = None
        if after is not None:
            # It may be gone; where it was is behind which to go on.
            cursor = self._rooms.links.links.address(after.short_url)
            if cursor is None:
                link = self._link_of(after.id)
                cursor = (link.host, link.code)
        while True:
            found = await self._rooms.upkeep.moderation.page(
                LinkSearch(), cursor, most=_limit(limit)
            )
            if found.rows or found.older is None:
                return [self._shown(link) for link in found.rows]
            cursor = found.older

    async def _search(self, text: str, limit: int) -> list[ShownLink]:
        found = await self._rooms.upkeep.moderation.page(
            LinkSearch(text=_text(text, "text")), None, most=_limit(limit)
        )
        return [self._shown(link) for link in found.rows[: _limit(limit)]]

    async def _set_data(
        self, named: Named, data: Struct | Mapping[str, Any] | None, account: Owner | None
    ) -> ShownLink:
        rooms, now = self._rooms, self._rooms.clock.now()
        link = self._link(named)
        plain = None if data is None else _plain(data)
        if account is not None:
            by = self._account(account, now)
            self._charge(by, now)
            await rooms.links.plugin_data.change(by, link.id, self._name, lambda _: plain, now)
            return self._shown(rooms.links.links.get(by, link.id))
        owner, detail = self._owner(link), f"data of {self._name}"
        async with self._noted(Action.CHANGE_LINK, self._called(link), owner, detail):
            await rooms.links.plugin_data.change(owner, link.id, self._name, lambda _: plain, now)
        return self._shown(self._link_of(link.id))

    def _shown(self, link: Link) -> ShownLink:
        return shown_link(link, self._called(link))

    def _called(self, link: Link) -> str:
        return self._rooms.hosts.short_url(link)

    def _host(self, name: str) -> ShortHost:
        if not name:
            return self._rooms.hosts.default
        host = self._rooms.hosts.named(without_scheme(_text(name, "host")).partition("/")[0])
        if host is None:
            raise errors.UNKNOWN_HOST(field="host")
        return host

    def _link(self, named: Named) -> Link:
        """The link that is meant, if there is one. ENTRY_NOT_FOUND."""
        if isinstance(named, ShownLink):
            return self._link_of(named.id)
        address = self._rooms.links.links.address(_text(named, "link"))
        link = None if address is None else self._rooms.store.get(LINKS, address)
        if link is None or link.owner == DELETED:
            raise errors.ENTRY_NOT_FOUND(field="link")
        return link

    def _link_of(self, link_id: int) -> Link:
        with self._rooms.store.read() as txn:
            link = LINKS_BY_ID.get(txn, (link_id,))
        if link is None or link.owner == DELETED:
            raise errors.ENTRY_NOT_FOUND(field="link")
        return link

    def _owner(self, link: Link) -> Account:
        owner = self._rooms.store.get(ACCOUNTS, (link.owner,))
        if owner is None:
            raise errors.ENTRY_NOT_FOUND(field="link")
        return owner

    def _row(self, account: Owner) -> Account:
        userid = account if isinstance(account, str) else account.userid
        row = self._rooms.store.get(ACCOUNTS, (_text(userid, "account"),))
        if row is None:
            raise errors.ACCOUNT_NOT_FOUND(field="account")
        return row

    def _account(self, account: Owner, now: int) -> Account:
        """An account that may do something. ACCOUNT_NOT_FOUND, ACCOUNT_LOCKED, ACCOUNT_EXPIRED."""
        row = self._row(account)
        if row.type is AccountType.TEMPORARY and row.expiration_utime <= now:
            raise errors.ACCOUNT_EXPIRED(field="account")
        return unlocked(row)

    def _charge(self, account: Account, now: int) -> None:
        if account.type is not AccountType.ANONYMOUS:
            self._rooms.limits.budgets.charge_account(account, OWN_ADDRESS, WEIGHT, now)

    def _noted(
        self, action: Action, subject: str, about: Account, detail: str, reason: str = ""
    ) -> AbstractAsyncContextManager[None]:
        return self._rooms.upkeep.audit.noting(
            Actor(Way.PLUGIN, name=self._name),
            action,
            self._rooms.clock.now(),
            subject,
            about=about,
            detail=detail,
            reason=_text(reason, "reason"),
        )


def _changes(terms: Mapping[str, Any]) -> TermChanges:
    """Terms as an author gives them. TypeError for names that are none, INVALID_FIELD for values
    of other types."""
    if unknown := terms.keys() - set(TermChanges.__struct_fields__):
        raise TypeError(f"a link has no {', '.join(sorted(unknown))}")
    try:
        return msgspec.convert({**terms}, TermChanges)
    except msgspec.ValidationError as fault:
        raise field_error(str(fault), wishes_of(TermChanges)) from None


def _plain(data: Struct | Mapping[str, Any]) -> dict[str, Any]:
    """Data as JSON has them. INVALID_FIELD for what cannot be written so."""
    try:
        return msgspec.convert(msgspec.to_builtins(data), dict[str, Any])
    except (TypeError, ValueError, msgspec.MsgspecError):
        raise errors.INVALID_FIELD("These are no data of a link.", field="data") from None


def _text(value: str, field: str) -> str:
    """INVALID_FIELD for what an author took for a text."""
    if not isinstance(value, str):
        raise errors.INVALID_FIELD(field=field)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise errors.INVALID_FIELD("Contains half a surrogate pair.", field=field) from None
    return value


def _limit(limit: int) -> int:
    return min(max(1, limit), MOST)
