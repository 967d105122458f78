"""The newest visits of a link, as far as they are kept and may be shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import msgspec
from litestar import Response

from shortd.clock import utc_text
from shortd.models.clicks import QR_VISIT, Visit
from shortd.spreadsheets import harmless
from shortd.visitors.devices import UNKNOWN
from shortd.visitors.visitors import parse_agent, parser_ready, primary_language
from shortd.web import forms, guard, render
from shortd.web.links.head import LinkHead, asked_link, head_of
from shortd.web.routing import AnyRequest, attachment, services_of

SHOWN = 50
"""Visits on the page; the file has all that are kept."""
MOST = 100_000
_COLUMNS = (
    *("time", "source", "country", "device", "system", "browser", "language"),
    *("robot", "by_qr", "repeat", "address"),
)


class VisitRow(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as it is shown."""

    utime: int
    source: str
    country: str
    """Empty where nothing is known."""
    device: str
    system: str
    browser: str
    language: str
    robot: str
    """Its name; empty for people."""
    by_qr: bool
    is_repeat: bool
    """The visitor had been there within the link's window: no unique click."""
    address: str


class VisitsPage(msgspec.Struct, frozen=True, kw_only=True):
    """visits.html."""

    head: LinkHead
    visits: tuple[VisitRow, ...]
    has_more: bool
    is_without_robots: bool
    days: int
    """How long visits are kept."""
    kept: int
    """How many of a link are kept."""
    ip: str
    """`[clicks] ip`: full, truncated or none."""


@guard.show("/-/links/{link_id:int}/visits")
async def visits(request: AnyRequest) -> Response[bytes]:
    """Who came lately."""
    link = asked_link(request)
    forms.charge(request, "get_stats")
    services = services_of(request)
    settings = services.settings.clicks
    is_without = request.query_params.get("without") == "robots"
    now = services.clock.now()
    most = MOST if is_without else SHOWN + 1
    found = await services.clicks.recent_visits.of_link(link.id, most, now)
    await parser_ready()
    rows: list[VisitRow] = []
    for visit in found:
        row = _row(request, visit)
        if not (is_without and row.robot):
            rows.append(row)
        if len(rows) > SHOWN:
            break
    content = VisitsPage(
        head=head_of(request, link),
        visits=tuple(rows[:SHOWN]),
        has_more=len(rows) > SHOWN,
        is_without_robots=is_without,
        days=settings.visit_days,
        kept=settings.visits_per_link,
        ip=settings.ip,
    )
    return render.page(request, "link/visits.html", content)


@guard.show("/-/links/{link_id:int}/visits.csv")
async def visits_file(request: AnyRequest) -> Response[bytes]:
    """All that are kept, as CSV (RFC 4180)."""
    link = asked_link(request)
    forms.charge(request, "export_stats")
    services = services_of(request)
    found = await services.clicks.recent_visits.of_link(link.id, MOST, services.clock.now())
    await parser_ready()
    text = _csv(_row(request, visit) for visit in found)
    return attachment(text.encode(), "text/csv; charset=utf-8", f"visits-{link.id}.csv")


def _row(request: AnyRequest, visit: Visit) -> VisitRow:
    agent = parse_agent(visit.user_agent)
    country_of = services_of(request).visitors.country_of
    country = visit.country
    if not country and country_of is not None and visit.address:
        country = country_of(visit.address)
    return VisitRow(
        utime=visit.utime,
        source=visit.referrer,
        country=country,
        device=agent.device,
        system=_named(agent.system, agent.system_version),
        browser=_named(agent.browser, agent.browser_version),
        language=primary_language(visit.language),
        robot=agent.bot_name,
        by_qr=visit.kind == QR_VISIT,
        is_repeat=visit.is_repeat,
        address=visit.address,
    )


def _named(name: str, version: str) -> str:
    if name == UNKNOWN:
        return ""
    return name if version in ("", UNKNOWN) else f"{name} {version}"


def _csv(rows: Iterable[VisitRow]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in rows:
        told = (row.source, row.country, row.device, row.system, row.browser, row.language)
        marks = (row.robot, "yes" if row.by_qr else "", "yes" if row.is_repeat else "", row.address)
        writer.writerow((utc_text(row.utime), *map(harmless, told), *map(harmless, marks)))
    return text.getvalue()


HANDLERS = (visits, visits_file)
