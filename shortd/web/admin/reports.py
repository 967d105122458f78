"""What visitors say of links, and what is done about it: `/-/admin/reports`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.accounts.accounts import label
from shortd.hosts.blocked import REASON_CHARACTERS
from shortd.hosts.destinations import host_of
from shortd.hosts.patterns import MOST_BYTES
from shortd.links.reports import Reported
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.models.blocking import Reason
from shortd.services import Services
from shortd.store.schema import ACCOUNTS
from shortd.web import forms
from shortd.web.admin.blocked import block_pattern
from shortd.web.admin.cursors import address, asked, numbers
from shortd.web.admin.operators import PATH, SEARCH_WEIGHT, noted, operator_of
from shortd.web.admin.operators import Reason as WhyOff
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.links.head import link_id_of
from shortd.web.messages import Message
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of
from shortd.web.visitor.reporting import reason_words

REPORTS = f"{PATH}/reports"
LIST, ONE = "admin/reports.html", "admin/report.html"
ROWS = 50
"""Links of a page."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    pattern: Annotated[str, Meta(min_length=1, max_length=MOST_BYTES)]
    reason: Annotated[str, Meta(max_length=REASON_CHARACTERS)] = ""
    off: bool = False


class Nothing(msgspec.Struct, frozen=True):
    """A form of a button alone."""


class ReportedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link that was reported."""

    reported: Reported
    short_url: str
    owner: str
    """Whose it is; empty for who has not signed up."""
    host: str
    """Where it leads; empty for a file."""

    @property
    def address(self) -> str:
        return f"{REPORTS}/{self.reported.link.id}"


class ReportsPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/reports.html."""

    rows: Sequence[ReportedRow]
    reasons: Mapping[Reason, str]
    wanted: bool
    """Visitors can report links."""
    older: str
    first: str
    is_cut: bool = False


class ReportPage(msgspec.Struct, frozen=True, kw_only=True):
    """admin/report.html."""

    row: ReportedRow
    reasons: Mapping[Reason, str]
    forms: Mapping[str, Form[Any]]

    def form(self, name: str) -> Form[Any]:
        return self.forms.get(name) or filled()


@show(REPORTS)
async def reports(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    forms.charge(request, "", SEARCH_WEIGHT)
    services, words = services_of(request), language_of(request).gettext
    place = numbers(asked(request, "after"), (10**6,))
    start = place[0] if place else 0
    found = await services.links.reports.open()
    content = ReportsPage(
        rows=[_row(services, one) for one in found[start : start + ROWS]],
        reasons=reason_words(words),
        wanted=services.settings.web.reports,
        older=address(REPORTS, after=str(start + ROWS)) if start + ROWS < len(found) else "",
        first=REPORTS if start else "",
    )
    return page(request, LIST, content)


@show(f"{REPORTS}/{{link_id:int}}")
async def report(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    found = _asked(request)
    return _dealt_with(request) if found is None else page(request, ONE, _content(request, found))


@act(f"{REPORTS}/{{link_id:int}}/off", status_code=303)
async def turn_off(request: AnyRequest) -> Response[bytes]:
    """Turns the link off. Visitors are told what they are told of any link that is off."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    form, found = await forms.read(request, WhyOff), _asked(request)
    if found is None:
        return _dealt_with(request)
    if form.value is None:
        return again(request, ONE, _content(request, found, {"off": form}), form)
    link, short_url = found.link, services.hosts.short_url(found.link)
    about, reason = _owner(services, found), form.value.reason
    async with noted(
        request, Action.TURN_OFF_LINK, short_url, about=about, detail=link.url, reason=reason
    ):
        await services.upkeep.moderation.turn_off(link.id)
    await services.links.reports.close(link.id)
    return see(request, REPORTS, Message(words("Turned off {link}"), link=short_url))


@act(f"{REPORTS}/{{link_id:int}}/block", status_code=303)
async def block(request: AnyRequest) -> Response[bytes]:
    """Blocks where the link leads, and turns off what leads there where that is wanted."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    form, found = await forms.read(request, Block), _asked(request)
    if found is None:
        return _dealt_with(request)
    if form.value is not None:
        given = form.value
        try:
            await block_pattern(request, given.pattern, given.reason, off=given.off)
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
        else:
            await services.links.reports.close(found.link.id)
            said = words("Blocked. No new link leads there.")
            if given.off:
                said = words("Blocked. Links that lead there are being turned off.")
            return see(request, REPORTS, said)
    return again(request, ONE, _content(request, found, {"block": form}), form)


@act(f"{REPORTS}/{{link_id:int}}/dismiss", status_code=303)
async def dismiss(request: AnyRequest) -> Response[bytes]:
    """Nothing is wrong with the link."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    await forms.read(request, Nothing)
    found = _asked(request)
    if found is None:
        return _dealt_with(request)
    short_url, about = services.hosts.short_url(found.link), _owner(services, found)
    async with noted(request, Action.DISMISS_REPORTS, short_url, about=about):
        await services.links.reports.close(found.link.id)
    said = Message(words("Dismissed what was said of {link}"), link=short_url)
    return see(request, REPORTS, said)


def _asked(request: AnyRequest) -> Reported | None:
    """The link that the address names, if anything is said of it."""
    return services_of(request).links.reports.of_link(link_id_of(request))


def _dealt_with(request: AnyRequest) -> Response[bytes]:
    words = language_of(request).gettext
    return see(request, REPORTS, words("Nothing is said of this link, or no longer."))


def _owner(services: Services, found: Reported) -> Account | None:
    return services.store.get(ACCOUNTS, (found.link.owner,))


def _row(services: Services, found: Reported) -> ReportedRow:
    link = found.link
    return ReportedRow(
        reported=found,
        short_url=services.hosts.short_url(link),
        owner=label(_owner(services, found)),
        host="" if link.filekey else host_of(link.url),
    )


def _content(
    request: AnyRequest, found: Reported, refused: Mapping[str, Form[Any]] | None = None
) -> ReportPage:
    services, words = services_of(request), language_of(request).gettext
    row = _row(services, found)
    given = {"block": filled(pattern=row.host, off="1"), **(refused or {})}
    return ReportPage(row=row, reasons=reason_words(words), forms=given)


HANDLERS = (reports, report, turn_off, block, dismiss)
