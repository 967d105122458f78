"""What the list does to links: to one by its row, to the selected, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.clock import DAY
from shortd.links.bulk import AT_ONCE, Change, Outcome, ending, listed, switched
from shortd.links.sheets import time_of
from shortd.links.tagging import tagged, untagged
from shortd.models.accounts import Account
from shortd.models.common import NEVER
from shortd.services import Services
from shortd.store.schema import CAMPAIGNS
from shortd.web import forms, session
from shortd.web.guard import act
from shortd.web.links import filters, jobs
from shortd.web.links.contents import RowPage
from shortd.web.links.head import link_id_of
from shortd.web.links.rows import rows_of
from shortd.web.links.saying import told, undo_address
from shortd.web.messages import Message
from shortd.web.render import PART_HEADER, language_of, page, see
from shortd.web.routing import AnyRequest, services_of

LINK_WEIGHT = 10
"""Weight units of each further link that something is done to."""
FORM_BYTES = 256 << 10

Ids = Annotated[list[Annotated[int, Meta(ge=0, le=2**63 - 1)]], Meta(max_length=AT_ONCE)]


class Nothing(msgspec.Struct, frozen=True):
    """A form of a button alone."""


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """Links, and what is to be done to them."""

    do: str = ""
    id: Ids = []
    all: bool = False
    """All that fit `query`, in the place of those of `id`."""
    query: Annotated[str, Meta(max_length=8192)] = ""
    tag: Annotated[str, Meta(max_length=256)] = ""
    ends: Annotated[str, Meta(max_length=64)] = ""
    place: Annotated[str, Meta(max_length=64)] = ""


@act("/-/links/{link_id:int}/{what:str}", status_code=303)
async def one(request: AnyRequest) -> Response[bytes]:
    """A button of a row: on, off, hide, show, delete."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    link_id, what = link_id_of(request), request.path_params["what"]
    said = {
        "on": words("{link} is on again"),
        "off": words("Turned off {link}"),
        "hide": words("{link} is left out of lists"),
        "show": words("{link} is in lists again"),
        "delete": words("Deleted {link}"),
    }
    if what not in said:
        raise errors.NOT_FOUND()
    await forms.read(request, Nothing, call="delete" if what == "delete" else "set_enabled")
    link = services.links.links.changeable(found.account, link_id)
    outcome = await _done(services, found.account, [link_id], _change(what), what == "delete")
    short_url = services.hosts.short_url(link)
    message = Message(said[what], link=short_url, undo=undo_address(outcome))
    for code in outcome.refused:
        message = Message(words(errors.CATALOGUE[code].message), kind="bad")
    if request.headers.get(PART_HEADER, "") == f"row-{link_id}":
        left = [] if what == "delete" else [services.links.links.get(found.account, link_id)]
        rows = await rows_of(services, found.account, left)
        return page(request, "dashboard/row.html", RowPage(rows=rows), message=message)
    return see(request, _back(request), message)


@act("/-/links/bulk", status_code=303, request_max_body_size=FORM_BYTES)
async def bulk(request: AnyRequest) -> Response[bytes]:
    """Buttons of the toolbar, for the selected links."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(
        request, Selected, call="set_enabled", most=FORM_BYTES, fields=AT_ONCE + 20
    )
    selected = form.value
    if selected is None:
        raise errors.BAD_FORM()
    back = f"{filters.PATH}?{selected.query}" if selected.query else filters.PATH
    back = session.back_to(request, back, filters.PATH)
    now = services.clock.now()
    try:
        links = await chosen_links(services, found.account, selected)
        if not links:
            return see(request, back, Message(words("Nothing is selected."), kind="bad"))
        forms.charge(request, "", LINK_WEIGHT * len(links))
        if len(links) > AT_ONCE:
            job = jobs.of(request).start(
                found.account,
                len(links),
                lambda progress: _act(services, found.account, links, selected, now, progress),
                back,
            )
            return see(request, f"/-/links/bulk/{job.id}")
        outcome = await _act(services, found.account, links, selected, now, None)
    except errors.ShortdError as refusal:
        if refusal.status >= 429:
            raise
        return see(request, back, Message(refusal.said(words), kind="bad"))
    return see(request, back, told(request, outcome))


@act("/-/undo/{number:int}", status_code=303)
async def undo(request: AnyRequest) -> Response[bytes]:
    """Takes back what was done last, all of it."""
    found = session.needed(request)
    services, language = services_of(request), language_of(request)
    await forms.read(request, Nothing, call="set_enabled")
    number = request.path_params["number"]
    if not 0 <= number < 2**63:
        raise errors.NOT_FOUND()
    undone = await services.links.undoing.undo(found.account, number, services.clock.now())
    forget(services, found.account)
    words = language.gettext
    if not undone.links:
        said = Message(words("It is too late to undo this."), kind="bad")
    elif undone.refused:
        said = Message(
            words("Undone for %(done)s; %(refused)s have changed since.")
            % {"done": len(undone.links), "refused": undone.refused}
        )
    elif len(undone.links) == 1:
        link = services.links.links.get(found.account, undone.links[0])
        said = Message(words("{link} is as it was"), link=services.hosts.short_url(link))
    else:
        count = len(undone.links)
        said = Message(
            language.ngettext(
                "%(count)s link is as it was", "%(count)s links are as they were", count
            )
            % {"count": language.number(count)}
        )
    return see(request, _back(request), said)


async def chosen_links(services: Services, account: Account, selected: Selected) -> Sequence[int]:
    """Ids of the links that are meant."""
    if not selected.all:
        return list(dict.fromkeys(selected.id))
    query = filters.read(parse_qs(selected.query)).query()
    return await services.links.listing.ids(account, query, services.clock.now())


def forget(services: Services, account: Account) -> None:
    """Drops what is kept of an account's lists, which are others now."""
    services.links.listing.forget(account)
    services.links.tagging.forget(account)


async def _act(
    services: Services,
    account: Account,
    links: Sequence[int],
    selected: Selected,
    now: int,
    progress: jobs.Progress | None,
) -> Outcome:
    do, bulk = selected.do, services.links.bulk
    if do == "move":
        kind, _, key = selected.place.partition(":")
        team, campaign = (key, None) if kind == "team" else (None, key)
        if kind == "campaign":
            row = services.store.get(CAMPAIGNS, (key,))
            if row is None:
                raise errors.CAMPAIGN_NOT_FOUND(field="place")
            team = row.team
        outcome = await bulk.place(
            account, links, now, team=team, campaign=campaign, progress=progress
        )
        forget(services, account)
        return outcome
    if do == "delete":
        return await _done(services, account, links, None, True, progress)
    return await _done(services, account, links, _bulk_change(selected), False, progress)


def _bulk_change(selected: Selected) -> Change:
    if selected.do == "tag" or (selected.do == "typed" and selected.tag):
        return tagged(selected.tag)
    if selected.do == "untag":
        return untagged(" ".join(selected.tag.split()))
    if selected.do == "never":
        return ending(NEVER)
    if selected.do in ("ends", "typed"):
        day = time_of(selected.ends, "ends")
        if day is None:
            raise errors.MISSING_FIELD("Choose a day first.", field="ends")
        return ending(day + DAY)
    change = _change(selected.do)
    if change is None:
        raise errors.BAD_FORM()
    return change


def _change(what: str) -> Change | None:
    return {
        "on": switched(True),
        "off": switched(False),
        "hide": listed(True),
        "show": listed(False),
    }.get(what)


async def _done(
    services: Services,
    account: Account,
    links: Sequence[int],
    change: Change | None,
    is_deletion: bool,
    progress: jobs.Progress | None = None,
) -> Outcome:
    now, bulk = services.clock.now(), services.links.bulk
    if is_deletion or change is None:
        outcome = await bulk.delete(account, links, now, progress)
    else:
        outcome = await bulk.change(account, links, change, now, progress)
    forget(services, account)
    return outcome


def _back(request: AnyRequest) -> str:
    """The page that the button stands on."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return filters.PATH
    address = parts.path + (f"?{parts.query}" if parts.query else "")
    return session.back_to(request, address, filters.PATH)


HANDLERS = (one, bulk, undo)
