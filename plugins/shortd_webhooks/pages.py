"""Pages of receivers: an account's own, and the operator's, which differ in whose they show.

A secret is shown on the very answer that made it, and nowhere else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from litestar import Response, get, post
from litestar.response import Redirect
from msgspec import structs

from shortd.plugin import Access, BadData, Caller, Event, Refused
from shortd_webhooks.data import (
    BY_HAND,
    KINDS,
    OF_ACCOUNTS,
    OFF,
    Kind,
    Receiver,
)
from shortd_webhooks.receivers import OF_ACCOUNT, OF_OPERATOR, OPERATOR, TooMany
from shortd_webhooks.signing import DAY

if TYPE_CHECKING:
    from shortd_webhooks import Webhooks

ROOT = "/-/x/webhooks"
SHOWN = 100
"""Deliveries of a page."""
NAME_CHARACTERS = 60
URL_CHARACTERS = 2048
WAIT_SECONDS = 5.0
"""How long who sends a test waits to see what comes of it."""


def _(text: str) -> str:
    """Marks a text for the catalogues."""
    return text


OWN = _("Webhooks")
OPERATORS = _("Webhooks of this server")
ONE = _("Receiver of webhooks")


class Form(NamedTuple):
    """A receiver as somebody has filled it in."""

    name: str = ""
    url: str = ""
    kinds: tuple[str, ...] = ()
    is_chosen: bool = False


class Pages:
    """Those of accounts, or of operators."""

    def __init__(self, plugin: Webhooks, access: Access) -> None:
        self.plugin = plugin
        self.access = access
        self.is_operators = access is Access.OPERATOR
        self.path = "/all" if self.is_operators else ""
        self.address = ROOT + self.path
        self.kinds: Sequence[Kind] = KINDS if self.is_operators else OF_ACCOUNTS

    async def list(self, caller: Caller) -> Response[bytes]:
        kinds = tuple(kind.value for kind in self.kinds if kind is not Kind.CLICK_RECORDED)
        return await self._list(caller, Form(kinds=kinds))

    async def add(self, caller: Caller) -> Response[bytes]:
        plugin, form = self.plugin, await self._form(caller)
        try:
            receiver = Receiver(
                id="wh_" + secrets.token_hex(8),
                owner=self._owner(caller),
                url=self._url(form.url),
                name=_name(form.name),
                kinds=self._kinds(form.kinds),
                utime=plugin.server.now(),
                is_chosen=form.is_chosen,
                mark=plugin.keys.mark,
            )
            await plugin.receivers.add(receiver)
        except BadData as wrong:
            return await self._list(caller, form, wrong)
        except TooMany:
            most = OF_OPERATOR if self.is_operators else OF_ACCOUNT
            full = BadData("There is room for %(most)s receivers.", "", most=most)
            return await self._list(caller, form, full)
        return await self._one(caller, receiver, secret=plugin.keys.secret_of(receiver))

    async def one(self, caller: Caller) -> Response[bytes]:
        receiver = self._receiver(caller)
        said = caller.request.query_params.get("said", "")
        return await self._one(caller, receiver, said=said)

    async def change(self, caller: Caller) -> Response[bytes]:
        receiver, form = self._receiver(caller, may_change=True), await self._form(caller)
        try:
            new = {
                "url": self._url(form.url),
                "name": _name(form.name),
                "kinds": self._kinds(form.kinds),
                "is_chosen": form.is_chosen,
            }
        except BadData as wrong:
            return await self._one(caller, receiver, form=form, wrong=wrong)
        await self.plugin.receivers.change(receiver.id, lambda one: structs.replace(one, **new))
        return self._back(receiver, "kept")

    async def secret(self, caller: Caller) -> Response[bytes]:
        plugin, receiver = self.plugin, self._receiver(caller, may_change=True)
        now, mark = plugin.server.now(), plugin.keys.mark

        def rotated(one: Receiver) -> Receiver:
            if one.mark != mark:
                # What it had before nobody here can sign with.
                return structs.replace(one, generation=1, rotated=0, mark=mark, off="")
            return structs.replace(one, generation=one.generation + 1, rotated=now)

        await plugin.receivers.change(receiver.id, rotated)
        receiver = self._receiver(caller)
        return await self._one(caller, receiver, secret=plugin.keys.secret_of(receiver))

    async def switch(self, caller: Caller) -> Response[bytes]:
        plugin, receiver = self.plugin, self._receiver(caller)
        is_on = (await caller.request.form()).get("on") == "1"

        def switched(one: Receiver) -> Receiver:
            if not is_on:
                return structs.replace(one, off=one.off or BY_HAND)
            return structs.replace(
                one, off="", failures=0, failing_since=0, failed=0, retry_after=0
            )

        if is_on and not receiver.is_configured and receiver.mark != plugin.keys.mark:
            return self._back(receiver, "moved")
        await plugin.receivers.change(receiver.id, switched)
        plugin.sender.wake()
        return self._back(receiver, "on" if is_on else "off")

    async def remove(self, caller: Caller) -> Response[bytes]:
        receiver = self._receiver(caller, may_change=True)
        await self.plugin.receivers.remove(receiver.id)
        await self.plugin.deliveries.forget(receiver.id)
        return Redirect(self.address or ROOT, status_code=303)

    async def test(self, caller: Caller) -> Response[bytes]:
        plugin, receiver = self.plugin, self._receiver(caller)
        event = Event("test_" + secrets.token_hex(11), plugin.server.now())
        tried = plugin.sender.expect(receiver.id, event.id)
        subject = self.address
        data = {"message": "This is a test.", "receiver": receiver.id}
        await plugin.tell(receiver, Kind.TEST, event, event.id, subject, data, urgent=True)
        await asyncio.wait([asyncio.wrap_future(tried)], timeout=WAIT_SECONDS)
        return self._back(receiver, "tested")

    async def again(self, caller: Caller) -> Response[bytes]:
        plugin, receiver = self.plugin, self._receiver(caller)
        event = str(caller.request.path_params["event"])
        tried = plugin.sender.expect(receiver.id, event)
        if not await plugin.deliveries.again(receiver.id, event):
            raise Refused("not_found")
        plugin.sender.wake()
        await asyncio.wait([asyncio.wrap_future(tried)], timeout=WAIT_SECONDS)
        return self._back(receiver, "again")

    async def _list(
        self, caller: Caller, form: Form, wrong: BadData | None = None
    ) -> Response[bytes]:
        plugin = self.plugin
        rows = [
            (one, plugin.deliveries.waiting(one.id))
            for one in plugin.receivers.of(self._owner(caller))
        ]
        return await plugin.page(
            caller,
            OPERATORS if self.is_operators else OWN,
            plugin.template("list.html"),
            status=422 if wrong else 200,
            rows=rows,
            **self._shared(form, wrong),
        )

    async def _one(
        self,
        caller: Caller,
        receiver: Receiver,
        *,
        secret: str = "",
        said: str = "",
        form: Form | None = None,
        wrong: BadData | None = None,
    ) -> Response[bytes]:
        plugin = self.plugin
        shown = form or Form(receiver.name, receiver.url, receiver.kinds, receiver.is_chosen)
        now = plugin.server.now()
        return await plugin.page(
            caller,
            ONE,
            plugin.template("receiver.html"),
            status=422 if wrong else 200,
            receiver=receiver,
            secret=secret,
            said=said,
            both_until=receiver.rotated + DAY if now - receiver.rotated < DAY else 0,
            waiting=plugin.deliveries.waiting(receiver.id),
            deliveries=plugin.deliveries.latest(receiver.id, SHOWN),
            **self._shared(shown, wrong),
        )

    def _shared(self, form: Form, wrong: BadData | None) -> dict[str, Any]:
        return {
            "root": self.address,
            "is_operators": self.is_operators,
            "kinds": self.kinds,
            "form": form,
            "errors": {} if wrong is None else {wrong.field: wrong.sentence},
            "allow": self.plugin.settings.allow if self.is_operators else (),
            "reasons": OFF,
        }

    def _back(self, receiver: Receiver, said: str) -> Redirect:
        address = f"{self.address}/receivers/{receiver.id}?said={said}"
        return Redirect(address, status_code=303)

    def _owner(self, caller: Caller) -> str:
        if self.is_operators:
            return OPERATOR
        assert caller.account is not None, "access says so"
        return caller.account.userid

    def _receiver(self, caller: Caller, *, may_change: bool = False) -> Receiver:
        """The one that the address names. Refused."""
        receiver = self.plugin.receivers.get(str(caller.request.path_params["receiver"]))
        if receiver is None or receiver.owner != self._owner(caller):
            raise Refused("not_found")
        if may_change and receiver.is_configured:
            raise Refused("forbidden")
        return receiver

    async def _form(self, caller: Caller) -> Form:
        form = await caller.request.form()

        def text(name: str) -> str:
            said = form.get(name, "")
            return said.strip() if isinstance(said, str) else ""

        kinds = tuple(one for one in form.getall("kinds", []) if isinstance(one, str))
        return Form(text("name"), text("url"), kinds, text("is_chosen") == "1")

    def _kinds(self, given: Sequence[str]) -> tuple[Kind, ...]:
        kinds = tuple(kind for kind in self.kinds if kind in given)
        if not kinds:
            raise BadData("Choose what it is told of.", "kinds")
        return kinds

    def _url(self, given: str) -> str:
        if len(given) > URL_CHARACTERS:
            raise BadData("At most %(most)s characters.", "url", most=URL_CHARACTERS)
        return self.plugin.check_url(given, "url")


def handlers(plugin: Webhooks) -> list[Any]:
    """The routes of all pages."""
    return [
        handler
        for access in (Access.ACCOUNT, Access.OPERATOR)
        for handler in _of(Pages(plugin, access))
    ]


def _of(pages: Pages) -> list[Any]:
    path, one = pages.path, f"{pages.path}/receivers/{{receiver:str}}"

    @get(path or "/", access=pages.access)
    async def show_list(caller: Caller) -> Response[bytes]:
        return await pages.list(caller)

    @post(path or "/", access=pages.access)
    async def add(caller: Caller) -> Response[bytes]:
        return await pages.add(caller)

    @get(one, access=pages.access)
    async def show_one(caller: Caller) -> Response[bytes]:
        return await pages.one(caller)

    @post(f"{one}/{{action:str}}", access=pages.access)
    async def act(caller: Caller) -> Response[bytes]:
        actions = {
            "change": pages.change,
            "secret": pages.secret,
            "switch": pages.switch,
            "remove": pages.remove,
            "test": pages.test,
        }
        action = actions.get(str(caller.request.path_params["action"]))
        if action is None:
            raise Refused("not_found")
        return await action(caller)

    @post(f"{one}/again/{{event:str}}", access=pages.access)
    async def again(caller: Caller) -> Response[bytes]:
        return await pages.again(caller)

    return [show_list, add, show_one, act, again]


def _name(given: str) -> str:
    if len(given) > NAME_CHARACTERS:
        raise BadData("At most %(most)s characters.", "name", most=NAME_CHARACTERS)
    if not given.isprintable():
        raise BadData("One line of text.", "name")
    return given
