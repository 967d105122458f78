"""What other shorteners and browsers have written, brought in: `/-/import/file` and the pages of
one import.

A file goes to disk as it comes and is looked at first; then a button does it. What it costs, who
may do it for whom and what waits where is the affair of `upkeep.importing.waiting`.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response
from litestar.response import Stream
from msgspec import Meta

from shortd import errors
from shortd.files.multiparts import Multiparts
from shortd.files.sizes import too_large
from shortd.files.transfers import expect_upload, keep
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT
from shortd.links.access import check_host
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.moving.formats import FORMATS
from shortd.moving.options import Options
from shortd.services import Services
from shortd.spreadsheets import harmless
from shortd.upkeep.audit import called, on_page
from shortd.upkeep.importing.runs import ReportRow
from shortd.upkeep.importing.sent import FILE, Phase, SentImport, Wish
from shortd.upkeep.importing.waiting import FILE_BYTES
from shortd.web import forms, session
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.links.acting import forget
from shortd.web.links.contents import FileForm, ImportPage, SentPage
from shortd.web.links.import_words import reason_words
from shortd.web.render import language_of, long_page, page, see
from shortd.web.routing import AnyRequest, attachment_headers, client_address, services_of
from shortd.web.session import Session
from shortd.web.share.receiving import announced, body_of, filename_of

FIELD = "source"
"""The name of the file's field."""
FIELD_BYTES = 8192
MOST_PARTS = 16
NAME_CHARACTERS = 100
DOMAINS = 100
RUN = "/-/import/run/{key:str}"
TEMPLATE = "import/page.html"
COLUMNS = ("row", "code", "host", "url", "shorturl", "result", "reasons", "note")
SLICE = 500
"""Rows of a report in one piece of an answer."""
_FIRST = ("csv", "bookmarks")
"""Formats that many have, before those of other shorteners."""


class SentFile(msgspec.Struct, frozen=True, kw_only=True):
    """The fields beside the file."""

    format: Annotated[str, Meta(max_length=40)] = ""
    """Empty: to be guessed."""
    account: Annotated[str, Meta(max_length=400)] = ""
    """Whose the links become, for operators; empty: their own."""
    domains: Annotated[str, Meta(max_length=FIELD_BYTES)] = ""
    """A host there and one here in each line, `=` between them."""
    timezone: Annotated[str, Meta(max_length=64)] = ""
    database_timezone: Annotated[str, Meta(max_length=64)] = ""
    dates: Literal["", "mdy", "dmy"] = ""


class _Nothing(msgspec.Struct, frozen=True):
    """A form that is a button."""


def file_form(request: AnyRequest, form: Form[Any] | None = None) -> FileForm | None:
    """What the page shows of it; None for whoever has not signed up."""
    found = session.current(request)
    if found is None or found.temporary:
        return None
    return FileForm(
        form=form or filled(),
        formats=[(name, FORMATS[name].title) for name in _in_order()],
        most=FILE_BYTES,
        is_operator=found.account.operator,
        sent=services_of(request).upkeep.waiting.of(found.account.userid),
    )


@act("/-/import/file", status_code=303, request_max_body_size=None)
async def send(request: AnyRequest) -> Response[bytes]:
    """Takes a file, and begins to look at it."""
    found, services = session.registered(request), services_of(request)
    expect_upload(request.scope)
    size = announced(request)
    forms.charge(request, "file", FILE_MEGABYTE_WEIGHT * (min(size, FILE_BYTES) // 1_000_000))
    words = language_of(request).gettext
    lists: dict[str, list[str]] = {}
    form: Form[SentFile] = filled()
    waiting = services.upkeep.waiting
    try:
        if size > FILE_BYTES + (MOST_PARTS + 1) * FIELD_BYTES:
            raise too_large(FILE_BYTES, FIELD)
        with waiting.receiving(found.account.userid) as folder:
            name, size = await _received(request, folder, lists)
            form = forms.converted(lists, SentFile, words)
            if not size:
                form = form.wrong(FIELD, words("Choose a file."))
            if form.value is not None:
                form, wish = await _wish(request, found, form, folder, name)
                if wish is not None:
                    sent = waiting.look(folder, wish, size)
                    return see(request, f"/-/import/run/{sent.key}")
    except errors.ShortdError as refusal:
        if refusal.kind is errors.BAD_FORM:
            raise
        form = Form(typed=lists).wrong(FIELD, refusal.said(words), refusal)
    return again(request, TEMPLATE, _content(request, form), form)


@show(RUN)
async def shown(request: AnyRequest) -> Response[bytes]:
    """How far it is, what would become of it, or became."""
    one, services = _sent(request), services_of(request)
    if one.phase is Phase.DONE:
        forget(services, one.wish.account)
    words = reason_words(language_of(request).gettext)
    content = SentPage(
        sent=one,
        phase=one.phase,
        title=FORMATS[one.wish.format].title,
        account="" if one.wish.account.userid == one.wish.by else called(one.wish.account),
        words=words,
    )
    if one.is_over:
        return await long_page(request, "import/run.html", content)
    answer = page(request, "import/run.html", content)
    answer.headers["Refresh"] = "1"
    return answer


@act(f"{RUN}/apply", status_code=303)
async def apply(request: AnyRequest) -> Response[bytes]:
    """Does what was looked at."""
    one, services = _sent(request), services_of(request)
    await forms.read(request, _Nothing)
    wish, found = one.wish, session.registered(request)
    if one.phase is Phase.LOOKED and wish.account.userid != wish.by:
        async with services.upkeep.audit.noting(
            on_page(found.account),
            Action.IMPORT_LINKS,
            services.clock.now(),
            about=wish.account,
            detail=f"{wish.name}, {wish.format}",
        ):
            pass
    services.upkeep.waiting.apply(one)
    return see(request, f"/-/import/run/{one.key}")


@act(f"{RUN}/stop", status_code=303)
async def stop(request: AnyRequest) -> Response[bytes]:
    """Ends it. Links that were made stay."""
    one, services = _sent(request), services_of(request)
    await forms.read(request, _Nothing)
    services.upkeep.waiting.leave(one)
    forget(services, one.wish.account)
    return see(request, "/-/import")


@show(f"{RUN}/report.csv")
async def report_table(request: AnyRequest) -> Response[bytes] | Stream:
    """What became of each row, for a spreadsheet."""
    return _report(request, "csv", "text/csv; charset=utf-8")


@show(f"{RUN}/report.jsonl")
async def report_lines(request: AnyRequest) -> Response[bytes] | Stream:
    """The same, a JSON object a row, as the command writes it."""
    return _report(request, "jsonl", "application/jsonl")


def _report(request: AnyRequest, kind: str, media_type: str) -> Response[bytes] | Stream:
    one = _sent(request)
    if not one.is_over:
        raise errors.NOT_FOUND()
    forms.charge(request, "file")
    headers = attachment_headers(media_type, f"import.{kind}")
    if request.method == "HEAD":
        return Response(b"", headers=headers)
    pieces = _table(one.report()) if kind == "csv" else _lines(one.report())
    # An iterator that blocks is taken to a thread.
    return Stream(pieces, headers=headers)


def _sent(request: AnyRequest) -> SentImport:
    """The import of the address. `SignInFirst`; NOT_FOUND for none of whoever asks, and for one
    that only operators may do once he is none."""
    found, services = session.registered(request), services_of(request)
    one = services.upkeep.waiting.get(found.account.userid, request.path_params["key"])
    if one.wish.is_operators and not found.account.operator:
        raise errors.NOT_FOUND()
    return one


async def _received(
    request: AnyRequest, folder: Path, lists: dict[str, list[str]]
) -> tuple[str, int]:
    """The name and size of the file, which is in the folder then. BAD_FORM, FILE_TOO_LARGE."""
    kind = request.headers.get("content-type", "")

    def kept(piece: bytes, is_last: bool) -> None:
        keep(request.scope, piece, is_last)

    parts = Multiparts(kind, body_of(request), kept, most=MOST_PARTS)
    name, size = "", 0
    try:
        while (part := await parts.next()) is not None:
            if part.name != FIELD:
                raw = await parts.text(FIELD_BYTES, part.name)
                lists.setdefault(part.name or "", []).append(raw.decode("utf-8", "replace"))
                continue
            if name:
                raise errors.BAD_FORM("The body is not the form of this page.")
            name = _plain(filename_of(part))
            with (folder / FILE).open("wb") as file:
                async for piece in parts.payload():
                    size += len(piece)
                    if size > FILE_BYTES:
                        raise too_large(FILE_BYTES, FIELD)
                    await asyncio.to_thread(file.write, piece)
    finally:
        await parts.aclose()
    return name, size


async def _wish(
    request: AnyRequest, found: Session, form: Form[SentFile], folder: Path, name: str
) -> tuple[Form[SentFile], Wish | None]:
    """What is asked for, or the form with what is wrong with it. SOURCE_UNREADABLE."""
    services, words, given = services_of(request), language_of(request).gettext, form.value
    assert given is not None, "a form without a value is shown again"
    account: Account | None = found.account
    if given.account and found.account.operator:
        account = services.upkeep.people.named(given.account.strip())
    if account is None:
        return form.wrong("account", words(errors.ACCOUNT_NOT_FOUND.message)), None
    domains, refused = _domains(services, account, given.domains, words)
    if refused:
        return form.wrong("domains", refused), None
    options = Options(dates=given.dates)
    for field in ("timezone", "database_timezone"):
        text = getattr(given, field).strip()
        zone = _zone(text)
        if text and zone is None:
            said = words("There is no such time zone; one is called Europe/Berlin.")
            return form.wrong(field, said), None
        if zone is not None:
            options = msgspec.structs.replace(options, **{field: zone})
    kind: str | None = given.format
    if not kind:
        kind = await asyncio.to_thread(_guessed, folder / FILE, name)
    if kind not in FORMATS:
        said = words("What this file is cannot be told from it. Choose what wrote it.")
        return form.wrong("format", said), None
    return form, Wish(
        by=found.account.userid,
        account=account,
        is_operators=found.account.operator,
        address=client_address(services, request.scope),
        format=kind,
        name=name,
        domains=domains,
        options=options,
    )


def _domains(
    services: Services, account: Account, text: str, words: forms.Words
) -> tuple[dict[str, str], str]:
    """Our hosts by those of the source, or what is wrong with a line."""
    domains: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        theirs, equals, ours = (part.strip().lower() for part in line.partition("="))
        if not equals or len(domains) == DOMAINS:
            said = words("Write a line like old.example=%(host)s for each domain.")
            return {}, said % {"host": services.hosts.default.name}
        if ours:
            host = services.hosts.named(ours)
            try:
                if host is None:
                    raise errors.UNKNOWN_HOST()
                with services.store.read() as txn:
                    check_host(txn, account.userid, host)
            except errors.ShortdError:
                return {}, words("You have no host %(host)s here.") % {"host": ours[:100]}
        domains[theirs] = ours
    return domains, ""


def _guessed(file: Path, name: str) -> str | None:
    from shortd.moving.guesses import guess

    return guess(file, name)


def _zone(text: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(text) if text else None
    except (ValueError, OSError, LookupError):
        return None


def _plain(name: str) -> str:
    """A file's name, without folders and what cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(sign for sign in last if sign.isprintable())
    return shown[:NAME_CHARACTERS].replace("%", "") or "-"


def _in_order() -> list[str]:
    return [*_FIRST, *sorted(name for name in FORMATS if name not in _FIRST)]


def _content(request: AnyRequest, form: Form[SentFile]) -> ImportPage:
    return ImportPage(form=filled(), file=file_form(request, form))


def _table(rows: Iterator[ReportRow]) -> Iterator[bytes]:
    yield "\ufeff".encode()
    head: list[str] = list(COLUMNS)
    for some in _portions(rows):
        out = io.StringIO(newline="")
        write = csv.writer(out).writerow
        if head:
            write(head)
            head = []
        for row in some:
            cells = [getattr(row, name) for name in COLUMNS]
            cells[COLUMNS.index("reasons")] = " ".join(row.reasons)
            write([harmless(str(cell)) for cell in cells])
        yield out.getvalue().encode()


def _lines(rows: Iterator[ReportRow]) -> Iterator[bytes]:
    for some in _portions(rows):
        yield b"".join(msgspec.json.encode(row) + b"\n" for row in some)


def _portions(rows: Iterator[ReportRow]) -> Iterator[list[ReportRow]]:
    """At least one, so that a table has its head."""
    some: list[ReportRow] = []
    for row in rows:
        some.append(row)
        if len(some) == SLICE:
            yield some
            some = []
    yield some


HANDLERS = (send, shown, apply, stop, report_table, report_lines)
