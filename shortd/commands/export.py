"""`shortd export`: everything that is somebody's, for another server or a spreadsheet."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from shortd.commands.options import PARTLY, HomePath, Place, fail, placed
from shortd.commands.tables import json_of

if TYPE_CHECKING:
    from shortd.models.links import Link
    from shortd.services import Services
    from shortd.settings import Settings
    from shortd.store import Store

LINKS_AT_ONCE = 500


@click.command()
@placed
@click.argument("dest", metavar="[DEST]", required=False, type=HomePath())
@click.option(
    "--csv", "table", metavar="FILE", type=HomePath(), help="Write links alone, for a spreadsheet."
)
@click.option("--json", "as_json", is_flag=True, help="Say what was written as JSON.")
def export(place: Place, dest: Path | None, table: Path | None, as_json: bool) -> None:
    """Write everything into files that others can read.

    The server goes on meanwhile. DEST is a new folder: manifest.json, rows.jsonl (accounts, teams,
    links, clicks, a JSON object a line) and files/. `shortd import shortd DEST` puts all of it into
    another server. It holds what accounts are checked against, such as hashes of passwords: keep it
    as you keep the data.
    """
    from rich.filesize import decimal

    from shortd.client.progress import Progress
    from shortd.upkeep.export import check_new
    from shortd.upkeep.export import export as export_all

    if (dest is None) == (table is None):
        raise click.UsageError("Say where: DEST, or --csv FILE.")
    place.check()
    target = (dest or table or Path()).absolute()
    check_new(target)
    enter_for(place, target)
    with Progress() as progress:
        progress.start("export", None, 0)
        if table is not None:
            counts = {"link": asyncio.run(_write_table(place.settings, target))}
            size, files, lost = target.stat().st_size, 0, list[str]()
        else:
            now = time.time_ns() // 1000
            made = asyncio.run(export_all(place.settings, target, now, progress.advance))
            counts, size, files, lost = made.counts, made.size(), len(made.files), made.lost
    place.tell()
    if as_json:
        facts = {"path": str(target), "size": size, "files": files, "counts": counts, "lost": lost}
        click.echo(json_of(facts))
    else:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        click.echo(f"{target}: {told or 'nothing'}; {decimal(size)}.")
    if lost:
        fail((f"{name} is lost in the data directory" for name in lost), status=PARTLY)


def enter_for(place: Place, target: Path) -> None:
    """Becomes the user whose data these are, who has to be able to write the target. StoreError."""
    from shortd.store.data_directory import StoreError, user_name

    if target.parent.resolve().is_relative_to(place.data_dir.resolve()):
        raise StoreError(f"{target} is in the data directory, and would be lost with it")
    place.enter()
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise StoreError(
            f"{target.parent}: {user_name(os.geteuid())}, whose data these are, cannot write"
            " there; name a folder that he can write to"
        )


async def opened_copy(settings: Settings, scratch: Path) -> Services:
    """The services of a copy of the data as they are now, which lies in a new folder.

    No plugin is started for it: what links keep of them is read as it is.
    """
    from shortd.services import open_services
    from shortd.upkeep.settled import settle

    copy = await settle(settings, scratch)
    return await open_services(copy, plugins=(), serving=False)


async def _write_table(settings: Settings, target: Path) -> int:
    """Writes all links as a table, and says how many there are."""
    from shortd.syncing import sync

    with tempfile.TemporaryDirectory(
        prefix=f".{target.name}.", suffix=".partial", dir=target.parent
    ) as folder:
        services = await opened_copy(settings, Path(folder, "data"))
        try:
            partial = Path(folder, "table")
            with partial.open("xb") as out:
                rows = await _write_links(services, out)
                out.flush()
                os.fsync(out.fileno())
        finally:
            await services.close()
        partial.chmod(0o600)
        partial.rename(target)
    sync(target.parent)
    return rows


async def _write_links(services: Services, out: BinaryIO) -> int:
    rows = 0

    async def counted() -> AsyncIterator[list[Link]]:
        nonlocal rows
        async for links in _all_links(services.store):
            rows += len(links)
            yield links

    async for text in services.links.sheets.write(counted()):
        out.write(text.encode())
    return rows


async def _all_links(store: Store) -> AsyncIterator[list[Link]]:
    """All links, some at a time."""
    from shortd.models.accounts import DELETED
    from shortd.store.schema import LINKS

    after: tuple[int, str] | None = None
    while True:
        with store.read() as txn:
            found = list(islice(LINKS.scan(txn, after=after), LINKS_AT_ONCE))
        yield [link for _, link in found if link.owner != DELETED]
        if len(found) < LINKS_AT_ONCE:
            return
        after = found[-1][0]
