"""All links, and what the operator does to one: `/-/admin/links`."""

from __future__ import annotations

from typing import Any

from litestar import Response

from shortd.accounts.accounts import label
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.models.links import Link
from shortd.services import Services
from shortd.store.schema import ACCOUNTS, FILES
from shortd.upkeep.moderation import LinkSearch, cursor_of
from shortd.upkeep.people import handle_of
from shortd.web import forms
from shortd.web.admin.contents import LinkPage, LinkRow, LinksPage
from shortd.web.admin.cursors import address, asked
from shortd.web.admin.operators import (
    PATH,
    SEARCH_WEIGHT,
    MayReason,
    Reason,
    noted,
    operator_of,
)
from shortd.web.forms import Form, again
from shortd.web.guard import act, show
from shortd.web.links.head import link_id_of
from shortd.web.messages import Message
from shortd.web.render import language_of, long_page, page, see
from shortd.web.routing import AnyRequest, services_of

LINKS = f"{PATH}/links"
LINK = "admin/link.html"


@show(LINKS)
async def links(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    services = services_of(request)
    here = {name: asked(request, name, 400) for name in ("q", "owner", "to", "off")}
    after = asked(request, "after", 500)
    owner = services.upkeep.people.named(here["owner"]) if here["owner"] else None
    is_unknown = bool(here["owner"]) and owner is None
    search = LinkSearch(here["q"], owner, here["to"], bool(here["off"]))
    forms.charge(request, "", SEARCH_WEIGHT if search.is_narrow else 0)
    rows: list[Link] = []
    older, is_cut = "", False
    if not is_unknown:
        place = cursor_of(after, of_owner=owner is not None)
        found = await services.upkeep.moderation.page(search, place)
        rows, is_cut = found.rows, found.is_cut
        older = "-".join(map(str, found.older)) if found.older else ""
    content = LinksPage(
        rows=_rows(services, rows),
        q=here["q"],
        owner=here["owner"],
        to=here["to"],
        off=search.off,
        unknown=is_unknown,
        older=address(LINKS, **here, after=older) if older else "",
        first=address(LINKS, **here) if after else "",
        is_cut=is_cut,
    )
    return await long_page(request, "admin/links.html", content)


@show(f"{LINKS}/{{link_id:int}}")
async def link(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    return page(request, LINK, _content(request))


@act(f"{LINKS}/{{link_id:int}}/off", status_code=303)
async def turn_off(request: AnyRequest) -> Response[bytes]:
    """Visitors are told what they are told of any link that is off."""
    return await _do(request, "off", Reason, Action.TURN_OFF_LINK)


@act(f"{LINKS}/{{link_id:int}}/on", status_code=303)
async def turn_on(request: AnyRequest) -> Response[bytes]:
    return await _do(request, "on", MayReason, Action.TURN_ON_LINK)


@act(f"{LINKS}/{{link_id:int}}/delete", status_code=303)
async def delete(request: AnyRequest) -> Response[bytes]:
    """At once and for good."""
    return await _do(request, "delete", Reason, Action.DELETE_LINK)


async def _do(
    request: AnyRequest, what: str, kind: type[MayReason], action: Action
) -> Response[bytes]:
    """One form of a link's page."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    moderation, link_id = services.upkeep.moderation, link_id_of(request)
    found, owner = moderation.link(link_id)
    form = await forms.read(request, kind)
    if form.value is None:
        return again(request, LINK, _content(request, {what: form}), form)
    short_url = services.hosts.short_url(found)
    reason = form.value.reason
    async with noted(request, action, short_url, about=owner, detail=found.url, reason=reason):
        if what == "delete":
            await moderation.delete(link_id)
        elif what == "on":
            await moderation.turn_on(link_id)
        else:
            await moderation.turn_off(link_id)
    said = {
        "off": words("Turned off {link}"),
        "on": words("{link} is on again"),
        "delete": words("Deleted {link}"),
    }
    back = LINKS if what == "delete" else f"{LINKS}/{link_id}"
    return see(request, back, Message(said[what], link=short_url))


def _content(request: AnyRequest, refused: dict[str, Form[Any]] | None = None) -> LinkPage:
    services = services_of(request)
    found, owner = services.upkeep.moderation.link(link_id_of(request))
    with services.store.read() as txn:
        clicks = services.clicks.clicks.live(txn, found.id).count
        file = FILES.get(txn, (found.filekey,)) if found.filekey else None
    return LinkPage(
        row=_row(services, found, owner),
        clicks=clicks,
        stored=-1 if file is None else file.stored_size,
        forms=refused or {},
    )


def _rows(services: Services, found: list[Link]) -> list[LinkRow]:
    with services.store.read() as txn:
        owners = {link.owner: ACCOUNTS.get(txn, (link.owner,)) for link in found}
    return [_row(services, link, owners[link.owner]) for link in found]


def _row(services: Services, link: Link, owner: Account | None) -> LinkRow:
    return LinkRow(
        link=link,
        short_url=services.hosts.short_url(link),
        owner=label(owner),
        handle="" if owner is None else handle_of(owner),
        is_locked=owner is not None and owner.locked,
    )


HANDLERS = (links, link, turn_off, turn_on, delete)
