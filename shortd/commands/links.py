"""`shortd link …`: links, and where they may lead."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from shortd.commands.ages import age
from shortd.commands.blocking import link_block, link_blocked, link_unblock
from shortd.commands.control import answered, end, json_option, look
from shortd.commands.options import PARTLY, Place, fail, placed, show
from shortd.commands.tables import (
    Column,
    Record,
    day,
    field,
    print_json,
    print_list,
    printable,
    time,
)
from shortd.commands.terms import WHEN_HELP, changes_of, term_options
from shortd.commands.working import working

LINK_HELP = (
    "LINK is a short URL, with or without its scheme, or a code. Before one that begins with a"
    " hyphen stands --."
)
AGE_HELP = "AGE is a number and s, m, h, d, w or y: 90s, 12h, 7d, 1y."
ORDERS: dict[str, Callable[[Record], int]] = {
    "new": lambda link: -link["created_utime"],
    "clicks": lambda link: -link["clicks"],
    "latest": lambda link: -(link["last_click_utime"] or 0),
    "ending": lambda link: link["expiration_utime"] or 2**62,
}
AT_ONCE = 100
"""Links that one request names."""
REQUEST_BYTES = 32 * 1024

REASON_CHARACTERS = 300
"""Of a reason that owners are told."""

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


def _state(link: Record) -> str:
    words = [
        "" if link["enabled"] else "disabled" if link["refused"] is None else "refused",
        "held" if link["held"] else "",
        "ended" if link["ended"] else "",
        "archived" if link["archived"] else "",
        "password" if link["password"] else "",
        "" if link["kind"] == "url" else link["kind"],
    ]
    return ", ".join(filter(None, words)) or "on"


def _asks(row: Record) -> str:
    return row["plugin"] if row["checks"] is not False else f"{row['plugin']} (checks no more)"


HELD = (
    Column("SHORT URL", field("short_url")),
    Column("LEADS TO", field("url"), folds=True),
    Column("PLUGIN", _asks),
    Column("REASON", field("reason"), folds=True),
    Column("OWNER", field("owner"), 2),
    Column("SINCE", day("since_utime"), 2),
)
COLUMNS = (
    Column("SHORT URL", field("short_url")),
    Column("CLICKS", field("clicks")),
    Column("CREATED", day("created_utime"), 2),
    Column("LAST CLICK", day("last_click_utime"), 4),
    Column("OWNER", field("owner"), 1),
    Column("STATE", _state),
    Column("TAGS", lambda link: ", ".join(link["tags"]) or "-", 3, folds=True),
    Column("DESTINATION", field("url"), folds=True),
)


@click.group()
def link() -> None:
    """Look after links, and where they may lead."""


def _filters(command: CommandFunction) -> CommandFunction:
    """The options that say which links."""
    options = (
        click.option("--owner", metavar="USER", help="Of this account alone."),
        click.option("--host", metavar="HOST", help="On this host of the server."),
        click.option("--destination-host", metavar="HOST", help="Leading there, or below it."),
        click.option("--tag", metavar="NAME", help="With this tag."),
        click.option("--older", metavar="AGE", callback=age, help="Made longer ago."),
        click.option("--newer", metavar="AGE", callback=age, help="Made since."),
        click.option("--clicks-below", type=int, metavar="N", help="With fewer clicks."),
        click.option("--clicks-above", type=int, metavar="N", help="With more clicks."),
        click.option("--disabled", is_flag=True, help="Those that are disabled, alone."),
        click.option("--ended", is_flag=True, help="Those whose time or clicks are over, alone."),
        click.option("--archived", is_flag=True, help="Those that are archived, alone."),
        click.option(
            "--sort",
            type=click.Choice(list(ORDERS)),
            default="new",
            show_default=True,
            help="The newest, the most clicks, the latest click or the next to end first.",
        ),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="So many at most."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@link.command("list", epilog=AGE_HELP)
@placed
@_filters
@json_option
def link_list(place: Place, /, as_json: bool, **wanted: Any) -> None:
    """List links, whosever they are.

    All that is asked for has to fit. Archived ones are left out unless they are asked for.
    """
    _list(place, as_json=as_json, **wanted)


@link.command("search", epilog=AGE_HELP)
@placed
@click.argument("words", nargs=-1, required=True)
@_filters
@json_option
def link_search(place: Place, /, words: tuple[str, ...], as_json: bool, **wanted: Any) -> None:
    """List links by what people remember of them.

    All WORDS have to be in the code, the destination, the title, the tags or the note; capitals
    make no difference.
    """
    _list(place, as_json=as_json, words=list(words), **wanted)


def _list(place: Place, *, as_json: bool, sort: str, limit: int | None, **wanted: Any) -> None:
    found = look(place, "link list", **wanted)
    if wanted["owner"] is not None and sort == "new":
        # So they come; what is behind the last of them is never read.
        rows = _first(found, limit)
    else:
        rows = _in_order(found, sort, limit)
    print_list(rows, COLUMNS, "no links", as_json=as_json)


def _first(portions: Iterator[list[Record]], limit: int | None) -> Iterator[list[Record]]:
    left = sys.maxsize if limit is None else limit
    for portion in portions:
        yield portion[:left]
        left -= len(portion)
        if left <= 0:
            return


def _in_order(
    portions: Iterator[list[Record]], sort: str, limit: int | None
) -> Iterator[list[Record]]:
    from shortd.commands.sorting import in_order

    ordered = in_order(portions, ORDERS[sort], limit)
    with working("reading links"):
        first = next(ordered, [])
    yield first
    yield from ordered


@link.command("show", epilog=LINK_HELP)
@placed
@click.argument("links", nargs=-1, required=True, metavar="LINK...")
@click.option("--host", metavar="HOST", help="On which host, where a code stands on several.")
@json_option
def link_show(place: Place, links: tuple[str, ...], host: str | None, as_json: bool) -> None:
    """Show links with all their terms."""
    from shortd.errors import ShortdError

    found: list[Record] = []
    refused: list[str] = []
    for one in links:
        try:
            portions = look(place, "link show", link=one, host=host)
            found += [record for portion in portions for record in portion]
        except ShortdError as refusal:
            refused.append(str(refusal))
    if as_json:
        print_json([found])
    else:
        for number, record in enumerate(found):
            if number:
                click.echo()
            show({name: printable(fact) for name, fact in _facts(record)})
    if refused:
        fail(map(printable, refused), status=PARTLY if found else 1)


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    """What there is to say of a link; not what it does not have."""
    yield "link", record["short_url"]
    yield ("leads to" if record["kind"] == "url" else record["kind"]), record["url"]
    yield "state", _state(record)
    if record["held_for"]:
        yield "held for", "; ".join(record["held_for"])
    if record["refused"]:
        yield "refused", record["refused"]
    for name in ("title", "note", "owner", "team", "campaign"):
        if record[name]:
            yield name, " ".join(record[name].split())
    if record["tags"]:
        yield "tags", ", ".join(record["tags"])
    yield "created", time("created_utime")(record)
    unique = f", unique {record['clicks_unique']}" if record["counts_unique"] else ""
    yield "clicks", f"{record['clicks']}, by QR code {record['clicks_qr']}{unique}"
    if record["last_click_utime"]:
        yield "last click", time("last_click_utime")(record)
    if record["valid_since"]:
        yield "starts", time("valid_since")(record)
    if record["expiration_utime"]:
        yield "expires", time("expiration_utime")(record)
    if record["expiration_count"]:
        yield "max clicks", str(record["expiration_count"])
    for name, said in (("date_fallback", "expired url"), ("count_fallback", "used-up url")):
        if record[name]:
            yield said, record[name]
    yield from record["utm"].items()
    if record["forward_query"] != "server":
        yield "query", record["forward_query"]
    if record["robots"] is not None:
        yield "robots", "yes" if record["robots"] else "no"
    if record["tag"]:
        yield "tag bits", str(record["tag"])


@link.command("add", epilog=WHEN_HELP)
@placed
@click.argument("url")
@click.option("--code", metavar="CODE", help="The ending; else one is drawn.")
@click.option("--host", metavar="HOST", help="On this host; else the default one.")
@click.option(
    "--owner",
    metavar="USER",
    help="Whose it is; else the only operator's or the only account's, or nobody's (@anonymous).",
)
@term_options
def link_add(
    place: Place, /, url: str, code: str | None, host: str | None, owner: str | None, **options: Any
) -> None:
    """Make a link, and print its short URL.

    URL is where it leads.
    """
    terms = changes_of(options)
    args = {"url": url, "code": code, "host": host, "owner": owner, "terms": terms}
    rows, refused = answered(place, "link add", **args)
    end(place, [row[:1] for row in rows], refused)
    for word in (word for row in rows for word in row[1:]):
        # Who keeps the short URL in a variable reads it all the same.
        click.echo(f"shortd: {printable(word)}", err=True)


@link.command("set", epilog=f"{LINK_HELP} {WHEN_HELP}")
@placed
@click.argument("links", nargs=-1, required=True, metavar="LINK...")
@click.option("--host", metavar="HOST", help="On which host, where a code stands on several.")
@click.option("--url", metavar="URL", help="Another destination.")
@click.option("--code", metavar="CODE", help="Another ending; clicks and statistics stay.")
@term_options
def link_set(
    place: Place,
    /,
    links: tuple[str, ...],
    host: str | None,
    url: str | None,
    code: str | None,
    **options: Any,
) -> None:
    """Change the terms of links.

    What is not named stays; tags that are named take the place of those that were there. Owners are
    not told.
    """
    terms = changes_of(options)
    terms |= {} if url is None else {"destination": url}
    terms |= {} if code is None else {"code": code}
    if not terms:
        raise click.UsageError("Say what to change, by an option.")
    if code is not None and len(links) > 1:
        raise click.UsageError("Several links cannot have one code.")
    _each(place, "link set", links, host=host, terms=terms)


def _acting(reader: str = "For shortd audit.") -> Callable[[CommandFunction], CommandFunction]:
    """What is done to links for a reason, and who reads that."""
    options = (
        click.argument("links", nargs=-1, required=True, metavar="LINK..."),
        click.option("--host", metavar="HOST", help="On which host, where a code is on several."),
        click.option("--reason", metavar="TEXT", default="", help=reader),
    )

    def decorated(command: CommandFunction) -> CommandFunction:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


@link.command("enable", epilog=LINK_HELP)
@placed
@_acting()
def link_enable(place: Place, links: tuple[str, ...], host: str | None, reason: str) -> None:
    """Switch links on again, whoever has switched them off."""
    _each(place, "link enable", links, host=host, reason=reason)


@link.command("disable", epilog=LINK_HELP)
@placed
@_acting()
def link_disable(place: Place, links: tuple[str, ...], host: str | None, reason: str) -> None:
    """Switch links off; their owners cannot switch them on.

    Visitors find no link there.
    """
    _each(place, "link disable", links, host=host, reason=reason)


@link.command("held")
@placed
@json_option
def link_held(place: Place, as_json: bool) -> None:
    """List the links that plugins have had held.

    Those that have waited longest come first. Visitors are told that such a link is being checked
    until it is approved or refused, also where the plugin is gone by then.
    """
    print_list(look(place, "link held"), HELD, "no link is held", as_json=as_json)


@link.command("approve", epilog=LINK_HELP)
@placed
@_acting()
def link_approve(place: Place, links: tuple[str, ...], host: str | None, reason: str) -> None:
    """Let links go that are held, or that were refused."""
    _each(place, "link approve", links, host=host, reason=reason)


@link.command("refuse", epilog=LINK_HELP)
@placed
@_acting("For the owner, and for shortd audit.")
def link_refuse(place: Place, links: tuple[str, ...], host: str | None, reason: str) -> None:
    """Refuse links that are held.

    They are off, and their owners cannot switch them on.
    """
    if len(reason) > REASON_CHARACTERS:
        raise click.UsageError(f"A reason has at most {REASON_CHARACTERS} characters.")
    _each(place, "link refuse", links, host=host, reason=reason)


@link.command("delete", epilog=LINK_HELP)
@placed
@_acting()
@click.option("--yes", is_flag=True, help="Do not ask; without a terminal nothing is asked.")
def link_delete(
    place: Place, links: tuple[str, ...], host: str | None, reason: str, yes: bool
) -> None:
    """Delete links with their files and statistics, for good."""
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        what = links[0] if len(links) == 1 else f"{len(links)} links"
        click.confirm(f"Delete {what} with all statistics?", abort=True, err=True)
    _each(place, "link delete", links, host=host, reason=reason)


def _each(place: Place, command: str, links: tuple[str, ...], **args: Any) -> None:
    """Does something to links, some with each request."""
    from shortd.control import asking

    place.check()
    rows: list[list[str]] = []
    refused: list[str] = []
    for some in _batches(links):
        came = asking.act(place.settings, command, {"links": some, **args})
        rows += came.rows
        refused += came.refused
    end(place, rows, refused)


def _batches(links: tuple[str, ...]) -> Iterator[list[str]]:
    batch: list[str] = []
    for one in links:
        # In JSON a character may take six bytes.
        if batch and (len(batch) == AT_ONCE or 6 * len("".join((*batch, one))) > REQUEST_BYTES):
            yield batch
            batch = []
        batch.append(one)
    yield batch


for command in (link_block, link_unblock, link_blocked):
    link.add_command(command)
