"""Tells receivers of links, clicks, files and accounts by HTTP, signed, until they have taken it.

Hooks only put down what is to be delivered, one row for each receiver (`deliveries`), which the
kit's own rows hand over without loss; `sending` works that off. Without receivers nothing is
written at all, not even by the kit: see `wants`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from msgspec import structs

from shortd.plugin import (
    Account,
    BadData,
    Counts,
    Event,
    File,
    Link,
    Panel,
    Plugin,
    Refused,
    SignIn,
    StoreFull,
    Visit,
    Words,
    hookimpl,
)
from shortd_webhooks import bodies
from shortd_webhooks.data import OF_HOOK, Kind, LinkReceivers, Receiver, Settings
from shortd_webhooks.deliveries import Deliveries
from shortd_webhooks.pages import OPERATORS, OWN, handlers
from shortd_webhooks.receivers import OPERATOR, Receivers
from shortd_webhooks.sending import Sender
from shortd_webhooks.signing import Keys

Made = Callable[[Receiver], Mapping[str, Any]]
"""The data of an event, as a receiver is told them."""


class Webhooks(Plugin[Settings, LinkReceivers | None]):
    """Tells receivers of links, clicks, files and accounts as they happen (webhooks)."""

    name = "webhooks"
    Settings = Settings
    Data = LinkReceivers
    # Receivers of an account hear of all its links. Nothing here decides where a visit goes.
    everywhere = True
    pages: ClassVar[Mapping[str, str]] = {OWN: "/", OPERATORS: "/all"}

    def start(self) -> None:
        self.keys = Keys(self.server.secret, self.settings)
        self.receivers = Receivers(self.store, self.settings, self.keys.mark)
        self.deliveries = Deliveries(self.store, self.server.now)
        self.sender = Sender(
            self.server,
            self.http,
            self.keys,
            self.receivers,
            self.deliveries,
            self.settings.allow,
        )
        if any(lines.count for lines in self.deliveries.lines.values()):
            self.sender.wake()

    def wants(self, hook: str, about: Link | Account | None) -> bool:
        if about is None:
            return self.receivers.want(OF_HOOK[hook], None)
        owner = about.owner if isinstance(about, Link) else _owner_of(about, OF_HOOK[hook])
        return self.receivers.want(OF_HOOK[hook], owner)

    def check(self, data: LinkReceivers | None, link: Link) -> None:
        for index, id in enumerate(() if data is None else data.receivers):
            receiver = self.receivers.get(id)
            if receiver is None or receiver.owner != link.owner:
                raise BadData("You have no receiver with this id.", f"receivers[{index}]")

    @hookimpl
    async def link_created(self, link: Link, data: LinkReceivers | None, event: Event) -> None:
        told = bodies.of_link(link, self.keys.shown)
        await self._of_link(Kind.LINK_CREATED, link, data, event, lambda _: {"link": told})

    @hookimpl
    async def link_changed(
        self, link: Link, before: Link, data: LinkReceivers | None, event: Event
    ) -> None:
        told = bodies.of_change(link, before, self.keys.shown)
        await self._of_link(Kind.LINK_CHANGED, link, data, event, lambda _: told)

    @hookimpl
    async def link_deleted(self, link: Link, data: LinkReceivers | None, event: Event) -> None:
        told = bodies.of_link(link, self.keys.shown)
        await self._of_link(Kind.LINK_DELETED, link, data, event, lambda _: {"link": told})

    @hookimpl
    async def click_recorded(
        self, link: Link, visit: Visit, choice: str, data: LinkReceivers | None, event: Event
    ) -> None:
        of_link = bodies.of_link(link, self.keys.shown)

        def made(receiver: Receiver) -> Mapping[str, Any]:
            # What a link's owner can see of its visits he sees on its page.
            with_address = receiver.owner == OPERATOR
            return {
                "link": of_link,
                "click": bodies.of_click(visit, choice, with_address=with_address),
            }

        await self._of_link(Kind.CLICK_RECORDED, link, data, event, made)

    @hookimpl
    async def file_stored(self, file: File, data: LinkReceivers | None, event: Event) -> None:
        told = {
            "link": bodies.of_link(file.link, self.keys.shown),
            "file": bodies.of_file(file),
        }
        await self._of_link(Kind.FILE_STORED, file.link, data, event, lambda _: told)

    @hookimpl
    async def account_created(self, account: Account, event: Event) -> None:
        told = {"account": bodies.of_account(account, self.keys.shown)}
        await self._of_account(Kind.ACCOUNT_CREATED, account, event, told)

    @hookimpl
    async def account_signed_in(self, account: Account, sign_in: SignIn, event: Event) -> None:
        told = {
            "account": bodies.of_account(account, self.keys.shown),
            "sign_in": bodies.of_sign_in(sign_in),
        }
        await self._of_account(Kind.ACCOUNT_SIGNED_IN, account, event, told)

    @hookimpl
    async def daily(self, utime: int) -> None:
        """Removes what belongs to nobody any more."""
        await self.receivers.forget_strangers()
        for owner in {one.owner for one in self.receivers if one.owner != OPERATOR}:
            try:
                await self.links.of(owner, limit=1)
            except Refused as refusal:
                if refusal.code == "account_not_found":
                    for receiver in self.receivers.of(owner):
                        await self.receivers.remove(receiver.id)
        await self.deliveries.forget_strangers(lambda id: self.receivers.get(id) is not None)

    @hookimpl
    def link_panels(
        self, link: Link, data: LinkReceivers | None, counts: Counts
    ) -> Sequence[Panel]:
        if data is None:
            return ()
        found = [self.receivers.get(id) for id in data.receivers]
        rows = [
            (
                one.title[:80],
                Words("off") if one.off else Words("failing") if one.failures else Words("on"),
            )
            for one in found
            if one is not None and one.owner == link.owner
        ]
        return [Panel(Words("Webhooks"), tuple(rows))]

    @hookimpl
    def routes(self) -> Sequence[Any]:
        return handlers(self)

    async def tell(
        self,
        receiver: Receiver,
        kind: Kind,
        event: Event,
        about: str,
        subject: str,
        data: Mapping[str, Any],
        *,
        urgent: bool = False,
    ) -> None:
        """Has a receiver told of something. `about`: one after the other of the same."""
        body = bodies.body(kind, event.id, event.utime, self.server.public_url, subject, data)
        if not await self.deliveries.add(receiver.id, event.id, kind, about, body, urgent):
            await self._missed(receiver)
        self.sender.wake()

    async def _missed(self, receiver: Receiver) -> None:
        with suppress(StoreFull):
            await self.receivers.change(
                receiver.id, lambda one: structs.replace(one, missed=one.missed + 1)
            )

    async def _of_link(
        self, kind: Kind, link: Link, data: LinkReceivers | None, event: Event, made: Made
    ) -> None:
        for receiver in self.receivers.told(kind, link.owner, data):
            about = f"link {link.id}"
            await self.tell(receiver, kind, event, about, link.short_url, made(receiver))

    async def _of_account(
        self, kind: Kind, account: Account, event: Event, told: Mapping[str, Any]
    ) -> None:
        subject = self.keys.shown(account.userid)
        for receiver in self.receivers.told(kind, _owner_of(account, kind), None):
            await self.tell(receiver, kind, event, subject, subject, told)


def _owner_of(account: Account, kind: Kind) -> str:
    """Whose receivers may hear of an account."""
    return OPERATOR if kind is Kind.ACCOUNT_CREATED else account.userid
