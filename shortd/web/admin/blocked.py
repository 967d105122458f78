"""Where no link may lead: `/-/admin/blocked`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.hosts.blocked import REASON_CHARACTERS
from shortd.hosts.destinations import MAX_URL_BYTES, parse_destination
from shortd.hosts.patterns import MOST_BYTES, read_pattern
from shortd.links.blocking import Round
from shortd.models.audit import Action
from shortd.models.blocking import BlockedPattern
from shortd.services import Services
from shortd.web import forms
from shortd.web.admin.cursors import address, asked, numbers
from shortd.web.admin.operators import PATH, SEARCH_WEIGHT, noted, operator_of
from shortd.web.forms import Form, Words, again, filled
from shortd.web.guard import act, show
from shortd.web.home.making import full
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

BLOCKED = f"{PATH}/blocked"
TEMPLATE = "admin/blocked.html"
ROWS = 50
"""Patterns of a page."""
_MOST_ROWS = 10**6


class NewPattern(msgspec.Struct, frozen=True, kw_only=True):
    pattern: Annotated[str, Meta(min_length=1, max_length=MOST_BYTES)]
    reason: Annotated[str, Meta(max_length=REASON_CHARACTERS)] = ""
    off: bool = False
    """Links that lead there are to be switched off."""


class OnePattern(msgspec.Struct, frozen=True, kw_only=True):
    pattern: Annotated[str, Meta(min_length=1, max_length=MOST_BYTES)]


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """An address that was tried against the list."""

    url: str
    fault: str = ""
    """Why it is no address at all."""
    by: BlockedPattern | None = None


class BlockedPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/blocked.html."""

    rows: Sequence[BlockedPattern]
    total: int
    form: Form[Any]
    tested: Tested | None
    rounds: Sequence[Round]
    """Searches for links to switch off, the newest first."""
    q: str
    older: str
    first: str
    is_cut: bool = False

    @property
    def under_way(self) -> bool:
        return any(not one.is_over for one in self.rounds)


@show(BLOCKED)
async def blocked(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    forms.charge(request, "", SEARCH_WEIGHT if asked(request, "q") else 0)
    form = filled(pattern=asked(request, "pattern", MOST_BYTES))
    return page(request, TEMPLATE, _content(request, form))


@act(BLOCKED, status_code=303)
async def block(request: AnyRequest) -> Response[bytes]:
    """Blocks what a pattern says, and turns off what leads there where that is wanted."""
    operator_of(request)
    words = language_of(request).gettext
    form = await forms.read(request, NewPattern)
    if form.value is not None:
        given = form.value
        try:
            await block_pattern(request, given.pattern, given.reason, off=given.off)
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
        else:
            said = words("Blocked. No new link leads there.")
            if given.off:
                said = words("Blocked. Links that lead there are being turned off.")
            return see(request, BLOCKED, said)
    return again(request, TEMPLATE, _content(request, form), form)


@act(f"{BLOCKED}/remove", status_code=303)
async def unblock(request: AnyRequest) -> Response[bytes]:
    """Lets links lead there again. What is free already is no mistake."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    form = await forms.read(request, OnePattern)
    if form.value is None:
        raise errors.BAD_FORM()
    try:
        text = read_pattern(form.value.pattern).text
        async with noted(request, Action.UNBLOCK_DESTINATION, text):
            await services.blocked.remove(text)
    except errors.ShortdError as refusal:
        if refusal.kind not in (errors.NOT_FOUND, errors.INVALID_FIELD):
            raise
    return see(request, BLOCKED, words("Links may lead there again. What is off stays off."))


async def block_pattern(request: AnyRequest, pattern: str, reason: str, *, off: bool) -> None:
    """What an operator has asked for, noted. INVALID_FIELD."""
    services = services_of(request)
    text = read_pattern(pattern).text
    detail = "with links that lead there" if off else ""
    async with noted(request, Action.BLOCK_DESTINATION, text, detail=detail, reason=reason):
        await services.blocked.add(text, reason, services.clock.now())
    if off:
        services.links.blocking.start(text)


def _content(request: AnyRequest, form: Form[Any]) -> BlockedPage:
    services, words = services_of(request), language_of(request).gettext
    q, url = asked(request, "q"), asked(request, "url", MAX_URL_BYTES)
    place = numbers(asked(request, "after"), (_MOST_ROWS,))
    start = place[0] if place else 0
    found = services.blocked.all()
    if q:
        wanted = q.casefold()
        found = [
            row for row in found if wanted in row.text.casefold() or wanted in row.reason.casefold()
        ]
    more = start + ROWS < len(found)
    return BlockedPage(
        rows=found[start : start + ROWS],
        total=len(services.blocked),
        form=form,
        tested=_tested(services, url, words) if url else None,
        rounds=services.links.blocking.rounds,
        q=q,
        older=address(BLOCKED, q=q, after=str(start + ROWS)) if more else "",
        first=address(BLOCKED, q=q) if start else "",
    )


def _tested(services: Services, url: str, words: Words) -> Tested:
    try:
        read = parse_destination(full(url), services.hosts.names, is_set=False)
    except errors.ShortdError as refusal:
        return Tested(url=url, fault=refusal.said(words))
    return Tested(url=url, by=services.blocked.find(read.url))


HANDLERS = (blocked, block, unblock)
