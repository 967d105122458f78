"""Links that a plugin has had held, and letting them go: `/-/admin/held`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.accounts.accounts import label
from shortd.links.holding import MOST_COUNTED, WORD_CHARACTERS
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.models.links import Held, Link
from shortd.services import Services
from shortd.store.schema import ACCOUNTS
from shortd.upkeep.people import handle_of
from shortd.web import forms
from shortd.web.admin.cursors import address, asked, numbers
from shortd.web.admin.operators import PATH, noted, operator_of
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.links.head import link_id_of
from shortd.web.messages import Message
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

HELD = f"{PATH}/held"
TEMPLATE = "admin/held.html"
ROWS = 50
"""Links of a page."""
_INT64 = 2**63 - 1

Seen = Annotated[int, Meta(ge=0, le=_INT64)]
"""`Held.latest` as the page has shown it."""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    seen: Seen


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    seen: Seen
    word: Annotated[str, Meta(max_length=WORD_CHARACTERS)] = ""


class HeldRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link that is held."""

    link: Link
    held: Held
    short_url: str
    owner: str
    """Whose it is; empty for who has not signed up."""
    handle: str
    """What pages call that account by; empty if it is gone."""
    gone: Sequence[str]
    """Names of plugins that have had it held and check no more."""
    form: Form[Any]

    @property
    def address(self) -> str:
        return f"{HELD}/{self.link.id}"


class HeldPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/held.html."""

    rows: Sequence[HeldRow]
    total: int
    is_more: bool
    """There are at least so many."""
    checks: bool
    """A plugin checks destinations."""
    older: str
    first: str
    is_cut: bool = False


@show(HELD)
async def held(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    forms.charge(request, "")
    return page(request, TEMPLATE, _content(request))


@act(f"{HELD}/{{link_id:int}}/approve", status_code=303)
async def approve(request: AnyRequest) -> Response[bytes]:
    """Visitors get there from now on."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(request, Approval)
    if form.value is None:
        raise errors.BAD_FORM()
    link, owner, short_url = _asked(request)
    about = link.held.destinations if link.held is not None else ()
    detail = " ".join(one.url for one in about) or link.url
    try:
        async with noted(request, Action.APPROVE_LINK, short_url, about=owner, detail=detail):
            await services.links.holding.approve(link.id, form.value.seen)
    except errors.ShortdError as refusal:
        if refusal.kind is not errors.LINK_NOT_HELD:
            raise
        return see(request, HELD, refusal.said(words))
    return see(request, HELD, Message(words("Let go {link}"), link=short_url))


@act(f"{HELD}/{{link_id:int}}/refuse", status_code=303)
async def refuse(request: AnyRequest) -> Response[bytes]:
    """Turns the link off; its owner is told why."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(request, Refusal)
    link, owner, short_url = _asked(request)
    if form.value is None:
        return again(request, TEMPLATE, _content(request, {link.id: form}), form)
    word = form.value.word.strip()
    about = link.held.destinations if link.held is not None else ()
    detail = " ".join(one.url for one in about) or link.url
    try:
        async with noted(
            request, Action.REFUSE_LINK, short_url, about=owner, detail=detail, reason=word
        ):
            await services.links.holding.refuse(link.id, word, form.value.seen)
    except errors.ShortdError as refusal:
        if refusal.kind is not errors.LINK_NOT_HELD:
            raise
        return see(request, HELD, refusal.said(words))
    return see(request, HELD, Message(words("Refused {link}. It is off."), link=short_url))


def _asked(request: AnyRequest) -> tuple[Link, Account | None, str]:
    """The link that the address names, and whose it is. ENTRY_NOT_FOUND."""
    services = services_of(request)
    link, owner = services.upkeep.moderation.link(link_id_of(request))
    return link, owner, services.hosts.short_url(link)


def _content(request: AnyRequest, refused: Mapping[int, Form[Any]] | None = None) -> HeldPage:
    services = services_of(request)
    place = numbers(asked(request, "after"), (_INT64, _INT64))
    after = (place[0], place[1]) if place else None
    found = services.links.holding.page(after, ROWS + 1)
    rows = [
        _row(services, link, link.held, (refused or {}).get(link.id))
        for link in found[:ROWS]
        if link.held is not None
    ]
    older = ""
    if len(found) > ROWS and rows:
        older = address(HELD, after=f"{rows[-1].held.since}-{rows[-1].link.id}")
    total = services.links.holding.count()
    return HeldPage(
        rows=rows,
        total=total,
        is_more=total >= MOST_COUNTED,
        checks=services.links.links.checks.are_asked,
        older=older,
        first=HELD if after else "",
    )


def _row(services: Services, link: Link, held: Held, form: Form[Any] | None) -> HeldRow:
    owner = services.store.get(ACCOUNTS, (link.owner,))
    asked = services.plugin_runtime.checks.plugins
    names = dict.fromkeys(one.plugin for one in held.destinations)
    return HeldRow(
        link=link,
        held=held,
        short_url=services.hosts.short_url(link),
        owner="" if owner is None else label(owner),
        handle="" if owner is None else handle_of(owner),
        gone=[name for name in names if name not in asked],
        form=form or filled(),
    )


HANDLERS = (held, approve, refuse)
