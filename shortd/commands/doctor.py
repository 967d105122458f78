"""`shortd doctor` and `shortd compact`: what is stored, sound and no larger than it has to be."""

from __future__ import annotations

from typing import Any

import click

from shortd.commands.control import json_option
from shortd.commands.options import PARTLY, Place, fail, placed
from shortd.commands.tables import print_object
from shortd.commands.working import working

ADVICE = (
    "where counts or indexes differ from rows, the rows are right.",
    "nothing was changed. `shortd doctor --fix` mends what follows from rows; for the rest, keep a"
    " copy of this directory as it is, and put back the newest backup that `shortd doctor --data"
    " BACKUP` finds in order.",
)
LEFT = (
    "these are left: what they tell of is lost, or for you to decide about. A backup from before"
    " may have it: `shortd doctor --data BACKUP` says whether that one is in order.",
)
SOUND = "Everything stored agrees with itself."


@click.command()
@placed
@click.option("--fix", is_flag=True, help="Mend what follows from the rest, after a copy.")
@click.option("--files", is_flag=True, help="Read all shared files, too, and compare their sums.")
@json_option
def doctor(place: Place, fix: bool, files: bool, as_json: bool) -> None:
    """Check what is stored against itself.

    Nothing is changed, unless by --fix. The server must be stopped; a copy or a backup can be
    checked at any time (--data). --fix makes indexes, counts and sums anew from the rows that they
    are of, and removes what belongs to links, teams and accounts that do not exist; the database of
    before is kept beside it. Of shared files that are there it compares the sizes; a backup's are
    always read. Exit status 1 if anything is wrong, 3 if a part of it was mended.
    """
    from shortd.client.progress import Progress
    from shortd.store.looking import looked_at
    from shortd.store.schema import SCHEMA_VERSION
    from shortd.upkeep.backup_manifest import unlike_manifest
    from shortd.upkeep.mending import damaged, found

    if fix and files:
        raise click.UsageError("--fix and --files are two things: nothing mends a file")
    place.enter()
    if fix:
        _fix(place, as_json=as_json)
        return
    with looked_at(place.data_dir) as store:
        with working("checking"):
            wrong = [*unlike_manifest(place.data_dir), *found(store, place.data_dir)]
        if files:
            with Progress() as progress:
                progress.start("reading files", None, 0)
                wrong += damaged(store, place.data_dir, progress.advance)
        waiting, lines = _mail(store)
        schema = store.found_schema
    place.tell()
    if as_json:
        print_object({"schema": schema, "faults": wrong, "mail": waiting})
        raise SystemExit(1 if wrong else 0)
    if schema is not None and schema < SCHEMA_VERSION:
        click.echo(
            f"Schema {schema}: the next start of the server makes it {SCHEMA_VERSION}, after"
            " a copy. What it will be then was checked."
        )
    for line in lines:
        click.echo(line)
    if wrong:
        fail([*wrong, *ADVICE])
    click.echo(SOUND)


def _fix(place: Place, *, as_json: bool) -> None:
    from shortd.clock import SystemClock
    from shortd.store.schema import SCHEMA_VERSION
    from shortd.upkeep.backup_manifest import MANIFEST
    from shortd.upkeep.mending import mended

    if (place.data_dir / MANIFEST).exists():
        fail([f"{place.data_dir} is a backup, which nothing changes: restore it, then mend that"])
    result = mended(place.data_dir, SystemClock().now())
    place.tell()
    status = 0 if not result.left else PARTLY if len(result.left) < len(result.before) else 1
    if as_json:
        print_object(
            {
                "schema": SCHEMA_VERSION,
                "faults": result.left,
                "mended": [line for line in result.before if line not in set(result.left)],
                "copy": None if result.copy is None else str(result.copy),
            }
        )
        raise SystemExit(status)
    left = set(result.left)
    for line in result.before:
        if line not in left:
            click.echo(f"Mended: {line}.")
    if result.copy is not None:
        click.echo(f"The database of before is in {result.copy}; delete it when you are sure.")
    if result.left:
        fail([*result.left, *LEFT], status=status)
    click.echo(SOUND)


def _mail(store: Any) -> tuple[dict[str, object], list[str]]:
    """What waits and what was given up: as data, and as lines."""
    from shortd.clock import utc_text
    from shortd.mail.outbox import given_up, status_of

    with store.read() as txn:
        outbox, lost = status_of(txn), given_up(txn)
    lines = []
    if outbox.oldest_utime is not None:
        since = utc_text(outbox.oldest_utime)
        lines.append(f"Mail waiting: {outbox.waiting}, the oldest since {since}.")
    lines += [
        f"A mail to {row.recipient} ({row.purpose}) was given up"
        f" at {utc_text(row.given_up_utime)} after {row.attempts} attempts: {row.reason}"
        for row in lost
    ]
    return {
        "waiting": outbox.waiting,
        "oldest_utime": outbox.oldest_utime,
        "given_up": len(lost),
    }, lines


@click.command()
@placed
def compact(place: Place) -> None:
    """Give back what the database has free within itself.

    The server must be stopped. LMDB uses again what was deleted, but its file never shrinks. A copy
    without what is free takes its place once it is whole; the disk needs room for it meanwhile.
    """
    from rich.filesize import decimal

    from shortd.store.copies import compact as compacted

    place.enter()
    before, after = compacted(place.data_dir)
    place.tell()
    click.echo(f"The database: {decimal(before)} before, {decimal(after)} now.")
