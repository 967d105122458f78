"""Tables of links: `/-/import` takes one in, `/-/export.csv` and the list's toolbar give one.

A table that was sent waits in memory until it is taken or left: nothing is made before somebody has
seen what would be. It waits for a while, and for one restart of the server it does not.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from secrets import token_hex
from typing import Annotated
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.response import Stream
from msgspec import Meta

from shortd import errors
from shortd.clock import MINUTE
from shortd.file_names import shortened
from shortd.links.access import may_see
from shortd.links.bulk import AT_ONCE
from shortd.links.qr import QrOptions
from shortd.links.sheets import (
    Result,
    RowResult,
    Sheet,
    only,
    read_sheet,
)
from shortd.models.accounts import Account
from shortd.models.links import Link
from shortd.services import Services
from shortd.store.schema import LINKS_BY_ID
from shortd.web import forms, session
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.links import filters, imports
from shortd.web.links.acting import FORM_BYTES, LINK_WEIGHT, Selected, chosen_links, forget
from shortd.web.links.contents import ImportPage
from shortd.web.render import language_of, page
from shortd.web.routing import AnyRequest, attachment, attachment_headers, services_of

_CSV = "text/csv; charset=utf-8"
TABLE_BYTES = 2 << 20
TABLES = 20
"""Tables that wait, of all accounts; the oldest goes first."""
WAIT = 30 * MINUTE
"""µs."""
SHOWN = 500
"""Rows that a page shows; the table of refused ones has all."""
ROW_WEIGHT = 20
QR_CODES = 500
"""In one archive."""
QR_WEIGHT = 200
TEMPLATE = "import/page.html"
NAME_BYTES = 200
"""Of an image's name in an archive, without its number and its suffix."""


class Waiting(msgspec.Struct, kw_only=True):
    """A table that was sent, and what became of it."""

    userid: str
    utime: int
    packed: bytes
    """The table as it came."""
    done: ImportPage | None = None
    """What was shown when it was taken; None until then."""
    refused: bytes = b""
    """The rows that were refused, as a table."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    text: Annotated[str, Meta(max_length=TABLE_BYTES)] = ""
    job: Annotated[str, Meta(max_length=32)] = ""


@show("/-/import")
async def import_page(request: AnyRequest) -> Response[bytes]:
    session.needed(request)
    return page(request, TEMPLATE, _content(request, filled()))


@act("/-/import", status_code=200, request_max_body_size=2 * TABLE_BYTES)
async def take(request: AnyRequest) -> Response[bytes]:
    """Shows what would become of each row of a table; then, asked again, does it."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    form: Form[Sent] = await forms.read(request, Sent, call="urls", most=2 * TABLE_BYTES)
    if form.value is None:
        return again(request, TEMPLATE, _content(request, form), form)
    now, waiting = services.clock.now(), _waiting(request)
    try:
        key, apply = form.value.job, bool(form.value.job)
        if key:
            table = _table(waiting, found.account, key, now)
        else:
            key, content = token_hex(16), form.files.get("file") or form.value.text.encode()
            if not content.strip():
                raise errors.BAD_FILE("Choose a file, or paste a table.", field="file")
            packed = await asyncio.to_thread(zlib.compress, content)
            table = Waiting(userid=found.account.userid, utime=now, packed=packed)
        if table.done is None:
            sheet = await asyncio.to_thread(read_sheet, zlib.decompress(table.packed))
            forms.charge(request, "", ROW_WEIGHT * len(sheet.rows))
            if apply:
                # Whoever presses the button twice is not to have it done twice.
                waiting.pop(key, None)
            results = await services.links.sheets.take(found.account, sheet, now, apply=apply)
            forget(services, found.account)
            content_of_page = _shown(key, sheet, results, applied=apply)
            if apply:
                table.done = content_of_page
                refused = "".join(only(sheet, results, Result.SKIPPED, words))
                table.refused = await asyncio.to_thread(zlib.compress, refused.encode("utf-8-sig"))
                table.packed = b""
        else:
            content_of_page = table.done
    except errors.ShortdError as refusal:
        if refusal.status >= 429:
            raise
        form = form.wrong("file", refusal.said(words), refusal)
        return again(request, TEMPLATE, _content(request, form), form)
    _keep(waiting, key, table, now)
    return page(request, TEMPLATE, content_of_page)


@show("/-/import/{job:str}/refused.csv")
async def refused(request: AnyRequest) -> Response[bytes]:
    """The rows of a table that were refused, each with why, to be mended and sent again."""
    found, services = session.needed(request), services_of(request)
    table = _table(
        _waiting(request), found.account, request.path_params["job"], services.clock.now()
    )
    if table.done is None:
        raise errors.NOT_FOUND()
    return attachment(zlib.decompress(table.refused), _CSV, "refused.csv")


@show("/-/export.csv")
async def export(request: AnyRequest) -> Response[bytes] | Stream:
    """The links that fit the filters of the address, as a table."""
    found, services = session.needed(request), services_of(request)
    query = filters.read(request.query_params.dict()).query()
    sources = services.links.search.of_account(found.account, query.team or None)
    size = sum(source.size for source in sources)
    forms.charge(request, "get_entries", LINK_WEIGHT * size)
    headers = attachment_headers(_CSV, "links.csv")
    if request.method == "HEAD":
        return Response(b"", headers=headers)
    links = services.links.listing.every(found.account, query, services.clock.now())
    return Stream(_encoded(services, links), headers=headers)


@act("/-/links/export", status_code=200, request_max_body_size=FORM_BYTES)
async def export_selected(request: AnyRequest) -> Response[bytes] | Stream:
    """The selected links as a table."""
    services, links = await _selected(request, LINK_WEIGHT, most=100_000)
    return Stream(_encoded(services, _some(links)), headers=attachment_headers(_CSV, "links.csv"))


@act("/-/links/qr.zip", status_code=200, request_max_body_size=FORM_BYTES)
async def qr_codes(request: AnyRequest) -> Response[bytes]:
    """QR codes of the selected links, as the account wants them, in one archive."""
    services, links = await _selected(request, QR_WEIGHT, most=QR_CODES)
    account = session.needed(request).account
    try:
        look = msgspec.convert(
            services.accounts.preferences.of(account).qr, QrOptions, strict=False
        )
    except msgspec.ValidationError:
        look = QrOptions()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        names: Counter[str] = Counter()
        for link in links:
            image = await services.links.drawing.image(services.hosts.short_url(link), look)
            host = services.hosts.numbered(link.host).name.replace(":", "-")
            name = f"{host}/{shortened(quote(link.code, safe=''), NAME_BYTES, len)}"
            names[name.lower()] += 1
            # Systems that know no case would put one over the other.
            number = f" {names[name.lower()]}" if names[name.lower()] > 1 else ""
            packed.writestr(f"{name}{number}.{look.format}", image)
    return attachment(archive.getvalue(), "application/zip", "qr-codes.zip")


async def _selected(request: AnyRequest, weight: int, most: int) -> tuple[Services, Sequence[Link]]:
    found, services = session.needed(request), services_of(request)
    form: Form[Selected] = await forms.read(
        request, Selected, call="get_entries", most=FORM_BYTES, fields=AT_ONCE + 20
    )
    if form.value is None:
        raise errors.BAD_FORM()
    ids = (await chosen_links(services, found.account, form.value))[:most]
    forms.charge(request, "", weight * len(ids))
    links: list[Link] = []
    for start in range(0, len(ids), 200):
        with services.store.read() as txn:
            rows = [LINKS_BY_ID.get(txn, (link_id,)) for link_id in ids[start : start + 200]]
            links += [row for row in rows if row and may_see(txn, found.account.userid, row)]
        await asyncio.sleep(0)
    return services, links


async def _some(links: Sequence[Link]) -> AsyncIterator[list[Link]]:
    for start in range(0, len(links), 100):
        yield list(links[start : start + 100])
        await asyncio.sleep(0)


async def _encoded(services: Services, links: AsyncIterator[list[Link]]) -> AsyncIterator[bytes]:
    async for text in services.links.sheets.write(links):
        if text:
            yield text.encode()


def _content(request: AnyRequest, form: Form[Sent]) -> ImportPage:
    return ImportPage(form=form, file=imports.file_form(request))


def _shown(key: str, sheet: Sheet, results: Sequence[RowResult], *, applied: bool) -> ImportPage:
    counts = Counter(row.result.value for row in results)
    # What somebody has to look at stands first.
    ordered = sorted(results, key=lambda row: row.result is not Result.SKIPPED)
    return ImportPage(
        form=filled(),
        job=key,
        head=list(zip(sheet.head, sheet.columns, strict=True)),
        is_cut=sheet.is_cut,
        applied=applied,
        rows=ordered[:SHOWN],
        counts=dict(counts),
    )


def _waiting(request: AnyRequest) -> dict[str, Waiting]:
    tables: dict[str, Waiting] = request.app.state.tables
    return tables


def _table(waiting: dict[str, Waiting], account: Account, key: str, now: int) -> Waiting:
    table = waiting.get(key)
    if table is None or table.userid != account.userid or now - table.utime > WAIT:
        raise errors.BAD_FILE("This table does not wait any more; send it again.", field="file")
    return table


def _keep(waiting: dict[str, Waiting], key: str, table: Waiting, now: int) -> None:
    """Keeps a table, one of each account."""
    for other, known in list(waiting.items()):
        if known.userid == table.userid or now - known.utime > WAIT:
            del waiting[other]
    for oldest in list(waiting)[: max(0, len(waiting) - TABLES + 1)]:
        del waiting[oldest]
    waiting[key] = table


HANDLERS = (import_page, take, refused, export, export_selected, qr_codes)
