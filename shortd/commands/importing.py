"""`shortd import`: links and clicks of other shorteners, with or without a server that runs.

The source is read here; what it says goes to where the data are.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from shortd.commands.options import PARTLY, HomePath, Place, fail, located, placed, the_place
from shortd.commands.restoring import import_export
from shortd.commands.tables import json_of, printable

if TYPE_CHECKING:
    from shortd.moving.options import Options
    from shortd.moving.source import Source
    from shortd.upkeep.importing.runs import ReportRow, Summary, Target

KEY_VARIABLE = "SHORTD_IMPORT_API_KEY"
KEY_BYTES = 4096


class Wanted(NamedTuple):
    """What a command asks for."""

    format: str
    where: str
    account: str
    """Empty where the format knows whose its links are."""
    apply: bool
    domains: Mapping[str, str]
    options: Mapping[str, Any]
    """Of `moving.sources.Options`."""


Other = Callable[[Place, Wanted, "Callable[[ReportRow], None]"], "Summary"]
OTHERS: dict[str, Other] = {"shortd": import_export}
"""Formats that bring more than an account's links, by name: each runs by itself."""


class ImportCommand(click.Command):
    """Says which formats there are, to whoever asks for help or names none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as missing:
            raise click.UsageError(f"{missing.format_message()} {_formats(ctx)}", ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_formats(ctx))


class Zone(click.ParamType[ZoneInfo]):
    """A time zone by its name."""

    name = "ZONE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        try:
            return value if isinstance(value, ZoneInfo) else ZoneInfo(value)
        except (ValueError, OSError, LookupError):
            self.fail(f"there is no time zone {value!r}; one is called Europe/Berlin", param, ctx)


class Mapped(click.ParamType[tuple[str, str]]):
    """A host there and one here."""

    name = "A=B"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        theirs, equals, ours = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not like bit.ly=s.example.org or bit.ly=", param, ctx)
        return theirs.strip().lower(), ours.strip().lower()


@click.command("import", cls=ImportCommand)
@placed
@click.argument("format_name", metavar="FORMAT")
@click.argument("where", metavar="SOURCE")
@click.option(
    "--account",
    "--owner",
    "account",
    metavar="USER",
    help="Whose the links become: username, e-mail or userid.",
)
@click.option("--apply", is_flag=True, help="Do it; without, it is only said what would be done.")
@click.option(
    "--report",
    metavar="FILE",
    type=HomePath(),
    help="Write what becomes of each row, as JSON lines.",
)
@click.option(
    "--map-domain",
    "domains",
    multiple=True,
    type=Mapped(),
    help="Put links of the domain A on our host B; empty means the account's default host.",
)
@click.option("--timezone", type=Zone(), help="Zone of times that name none; else UTC.")
@click.option(
    "--database-timezone", type=Zone(), help="Zone of a MySQL server that wrote local times as UTC."
)
@click.option("--dates", type=click.Choice(["mdy", "dmy"]), help="How 03/04/2021 is meant.")
@click.option("--prefix", metavar="P", help="Of the tables in a dump; else it is found.")
@click.option("--site", metavar="URL", help="Base URL of the other shortener, where codes need it.")
@click.option(
    "--api-key-file",
    metavar="FILE",
    type=HomePath(),
    help=f"Key for its API; or in {KEY_VARIABLE}.",
)
@click.option("--json", "as_json", is_flag=True, help="Say as JSON what it comes to.")
def import_links(
    place: Place,
    /,
    format_name: str,
    where: str,
    account: str | None,
    apply: bool,
    report: Path | None,
    domains: tuple[tuple[str, str], ...],
    api_key_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring in links and clicks from elsewhere.

    SOURCE is a file, a folder of answers of its API, - for standard input, or the address of its
    API. The server may run. Without --apply nothing changes: what would not come over as it is, is
    listed with the reason. Nothing here is ever replaced; the same once more brings only what is
    new in it.

    Exit status 3: something was left out.
    """
    from shortd.store.data_directory import act_as_owner

    place.check()
    if format_name not in OTHERS and account is None:
        raise click.UsageError("Missing option '--account'. Whose shall the links become?")
    if report is not None and _is_of(report, where, place.data_dir):
        raise click.UsageError(f"The report {report} would stand in its source, or in the data.")
    options = {name: value for name, value in options.items() if value is not None}
    with ExitStack() as files:
        # What the caller may read and write, the data's owner may not, perhaps.
        if key := _api_key(api_key_file):
            options["api_key"] = key
        file = None if report is None else files.enter_context(_opened(report))
        act_as_owner(place.data_dir)
        wanted = Wanted(
            format_name,
            where,
            account or "",
            apply,
            dict(domains),
            options,
        )
        say = _writer(file) if file is not None else _nothing if as_json else _line
        summary = OTHERS.get(format_name, _import)(place, wanted, say)
    place.tell()
    _say(summary, as_json=as_json)
    if summary.skipped:
        raise SystemExit(PARTLY)


def _import(place: Place, wanted: Wanted, say: Callable[[ReportRow], None]) -> Summary:
    from shortd.control import asking
    from shortd.control.importing import BEGIN, There
    from shortd.control.wire import Request
    from shortd.moving.options import Options

    begin = {
        "user": wanted.account,
        "source": wanted.format,
        "what": _named(wanted.where),
        "domains": wanted.domains,
        "apply": wanted.apply,
    }
    opened = _opener(place, wanted.format)
    with opened(wanted.where, Options(**wanted.options)) as source, _progress() as told:
        from shortd.upkeep.importing.runs import Run

        def run(target: Target) -> Coroutine[Any, Any, Summary]:
            return Run(source, target, wanted.domains, say, told, apply=wanted.apply).to_end()

        answer = asking.there_or_here(
            place.settings,
            Request(BEGIN, begin),
            lambda: asyncio.run(_here(place, wanted, begin, run)),
        )
        if isinstance(answer, list):
            there = There(place.settings, answer, wanted.format, apply=wanted.apply)
            answer = asyncio.run(run(there))
    return answer


async def _here(
    place: Place,
    wanted: Wanted,
    begin: dict[str, Any],
    run: Callable[[Target], Coroutine[Any, Any, Summary]],
) -> Summary:
    """Where no server runs."""
    from shortd.control import commands
    from shortd.control.importing import BEGIN
    from shortd.control.named import account_called
    from shortd.control.own_addresses import know_own_addresses
    from shortd.services import open_services
    from shortd.upkeep.importing.targets import Here

    services = await open_services(place.settings, serving=False)
    know_own_addresses(services)
    try:
        await commands.run(services, BEGIN, begin)
        account = account_called(services.store, wanted.account)
        imports, clock = services.upkeep.imports, services.clock
        return await run(Here(imports, account, wanted.format, clock, apply=wanted.apply))
    finally:
        await services.close()


def _opener(place: Place, format_name: str) -> Callable[[str, Options], Source]:
    """What opens a source of a format. Ends the command where there is none."""
    from shortd.moving.formats import FORMATS
    from shortd.moving.sources import open_source
    from shortd.upkeep.importing.plugin_sources import PluginSource

    if format_name in FORMATS:
        return partial(open_source, format_name)
    readers = _importers(place)
    if format_name not in readers:
        fail([f"there is no format {format_name!r}. {_listed(readers)}"], status=2)
    return lambda where, options: PluginSource(partial(readers[format_name], Path(where)))


def _importers(place: Place) -> dict[str, Callable[[Path], Iterable[object]]]:
    """What plugins read, by format; none of them is started for that."""
    from shortd.plugin_runtime.running import prepare, unstarted

    readers: dict[str, Callable[[Path], Iterable[object]]] = {}
    with located(place.given):
        prepared = prepare(place.settings)
    for _, plugin in unstarted(prepared, place.settings.public_url):
        with suppress(Exception):
            readers = {**plugin.importers(), **readers}
    return readers


def _formats(ctx: click.Context) -> str:
    return _listed(_importers(the_place(ctx)))


def _listed(of_plugins: Iterable[str]) -> str:
    """Which formats there are, in a sentence."""
    from shortd.moving.formats import FORMATS

    return f"Formats: {', '.join(sorted({*FORMATS, *OTHERS, *of_plugins}))}."


def _named(where: str) -> str:
    """A source as the audit log has it: no more of a path than its name, of an address its host."""
    if "://" in where:
        return urlsplit(where).hostname or "-"
    return Path(where).name


def _api_key(file: Path | None) -> str:
    if file is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    with file.open() as opened:
        return opened.read(KEY_BYTES).strip()


def _is_of(report: Path, where: str, data_dir: Path) -> bool:
    """Whether a report would take the place of its source, or of something that belongs to it."""
    with suppress(OSError, ValueError):
        place = report.resolve()
        if place.is_relative_to(data_dir.resolve()):
            return True
        if where == "-":
            return os.path.samestat(report.stat(), os.fstat(0))
        source = Path(where).resolve()
        logs = {source.with_name(source.name + end) for end in ("-wal", "-journal")}
        return place in logs or place.is_relative_to(source) or report.samefile(source)
    return False


@contextmanager
def _opened(report: Path) -> Iterator[TextIO]:
    """A new file for the report, which tells whose links lead where."""
    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        yield file


def _writer(file: TextIO) -> Callable[[ReportRow], None]:
    def write(row: ReportRow) -> None:
        file.write(json_of(row).decode() + "\n")

    return write


def _nothing(row: ReportRow) -> None:
    """For who reads the summary alone."""


def _line(row: ReportRow) -> None:
    """A line for each row that does not come over as it is."""
    if row.reasons:
        told = f"{row.row}  {row.code or '-'}  {row.result.value}: {', '.join(row.reasons)}"
        detail = "; ".join(filter(None, (row.note, row.url)))
        click.echo(printable(f"{told}  ({detail})"))


@contextmanager
def _progress() -> Iterator[Callable[[float | None], None]]:
    """Shows how far it is, on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("importing"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False, markup=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=None)
        yield lambda done: bar.update(task, total=done and 1.0, completed=done or 0.0)


def _say(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_of(summary))
        return
    from shortd.links.sheets import Result

    results = summary.results
    notes = results[Result.MADE_WITH_NOTES]
    made = results[Result.MADE] + notes
    verb = "made" if summary.applied else "would be made"
    click.echo(
        f"{made} {summary.what} {verb}, {notes} of them with notes;"
        f" {results[Result.UNCHANGED]} unchanged, {summary.skipped} skipped."
        f" They have {summary.clicks} clicks."
    )
    for reason, links in summary.reasons.items():
        click.echo(f"  {reason}: {links}")
    for remark in summary.remarks:
        click.echo(printable(remark))
    if not summary.applied:
        click.echo("Nothing was changed; --apply does it.")
