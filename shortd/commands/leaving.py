"""`shortd user export` and `shortd user delete`: what somebody is owed who goes, or who asks."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shortd.commands.control import USER_HELP, act
from shortd.commands.export import enter_for, opened_copy
from shortd.commands.options import PARTLY, HomePath, Place, placed
from shortd.commands.tables import json_of

if TYPE_CHECKING:
    from shortd.client.progress import Progress
    from shortd.settings import Settings
    from shortd.upkeep.belongings import Taken


@click.command("export", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@click.argument("target", metavar="FILE.tar", type=HomePath())
@click.option("--json", "as_json", is_flag=True, help="Say what was written as JSON.")
def user_export(place: Place, name: str, target: Path, as_json: bool) -> None:
    """Write all of one person's data into a tar.

    The server goes on meanwhile. It has what he gave and made, files among it, and what is kept
    about him, as he finds it on his own page; nothing that opens an account, nothing of others.
    """
    from rich.filesize import decimal

    from shortd.client.progress import Progress
    from shortd.control import asking
    from shortd.upkeep.export import check_new

    place.check()
    target = target.absolute()
    check_new(target)
    enter_for(place, target)
    with Progress() as progress:
        progress.start("export", None, 0)
        userid, taken = asyncio.run(_export(place.settings, name, target, progress))
    asking.act(place.settings, "user exported", {"user": userid})
    place.tell()
    for path in taken.missing:
        click.echo(f"shortd: {path} is not on the disk, and was left out", err=True)
    counts = taken.manifest.counts
    if as_json:
        facts = {"path": str(target), "size": taken.size, "files": taken.files, "counts": counts}
        click.echo(json_of(facts | {"missing": taken.missing}))
    else:
        told = ", ".join(f"{kind} {count}" for kind, count in counts.items())
        click.echo(f"{target}: {told}; files on disk {taken.files}; {decimal(taken.size)}.")
    if taken.missing:
        raise SystemExit(PARTLY)


@click.command("delete", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@click.confirmation_option(prompt="Delete the account with its links, files and keys, for good?")
def user_delete(place: Place, name: str) -> None:
    """Delete an account with all that is its own, for good.

    What it made for teams goes to them. What named it elsewhere is removed as well: mails,
    invitations, what it spent. `shortd user export` first gives it what it leaves behind.
    """
    act(place, "user delete", user=name)


remove = click.Command(
    "remove",
    callback=user_delete.callback,
    params=user_delete.params,
    help=user_delete.help,
    epilog=USER_HELP,
    hidden=True,
)
"""Its name of old."""

OF_A_USER = (user_export, user_delete, remove)
"""Commands of the group `user`."""


async def _export(
    settings: Settings, name: str, target: Path, progress: Progress
) -> tuple[str, Taken]:
    from shortd.control.named import account_called
    from shortd.upkeep.belongings import write_belongings

    with tempfile.TemporaryDirectory(
        prefix=f".{target.name}.", suffix=".partial", dir=target.parent
    ) as folder:
        services = await opened_copy(settings, Path(folder, "data"))
        try:
            account = account_called(services.store, name)
            taken = await write_belongings(
                services.store,
                services.upkeep.takeout,
                account,
                settings.data_dir / "files",
                target,
                Path(folder),
                time.time_ns() // 1000,
                progress.advance,
            )
        finally:
            await services.close()
    return account.userid, taken
