"""`shortd doctor`: does what is stored agree with itself?"""

from __future__ import annotations

import click

from shortd.commands.options import Place, fail, placed
from shortd.commands.working import working

ADVICE = (
    "where counts or indexes differ from rows, the rows are right.",
    "nothing was changed. Keep a copy of this directory as it is, and put back the newest backup"
    " that `shortd doctor --data BACKUP` finds in order.",
)


@click.command()
@placed
def doctor(place: Place) -> None:
    """Check what is stored against itself, and change nothing.

    The server must be stopped; a copy or a backup can be checked at any time (--data).
    """
    from shortd.clock import utc_text
    from shortd.files.blobs import stored_blobs
    from shortd.mail.outbox import given_up, status_of
    from shortd.store.check import faults
    from shortd.store.looking import looked_at
    from shortd.store.schema import SCHEMA_VERSION

    place.enter()
    with looked_at(place.data_dir) as store:
        blobs = {name: status.st_size for name, status in stored_blobs(place.data_dir / "files")}
        with store.read() as txn:
            with working("checking"):
                found = list(faults(txn, blobs))
            outbox, lost = status_of(txn), given_up(txn)
        schema = store.found_schema
    place.tell()
    if schema is not None and schema < SCHEMA_VERSION:
        click.echo(
            f"Schema {schema}: the next start of the server makes it {SCHEMA_VERSION}, after"
            " a copy. What it will be then was checked."
        )
    if outbox.oldest_utime is not None:
        since = utc_text(outbox.oldest_utime)
        click.echo(f"Mail waiting: {outbox.waiting}, the oldest since {since}.")
    for row in lost:
        click.echo(
            f"A mail to {row.recipient} ({row.purpose}) was given up"
            f" at {utc_text(row.given_up_utime)} after {row.attempts} attempts: {row.reason}"
        )
    if found:
        fail([*found, *ADVICE])
    click.echo("Everything stored agrees with itself.")
