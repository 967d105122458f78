"""`shortd backup` and `shortd restore`: copies of everything, and the way back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shortd.commands.options import PARTLY, HomePath, Place, fail, placed
from shortd.commands.tables import json_of

if TYPE_CHECKING:
    from shortd.upkeep.backup_manifest import Manifest

ACCEPT = (
    "database and clicks are what was backed up: --accept-faults puts them back with what there is"
    " of the rest"
)
LOST = (
    "all else is backed up. An older backup may have these; of which links they are is told by"
    " `shortd doctor --files`, with the server stopped."
)


@click.command()
@placed
@click.argument("dest", metavar="[DEST]", required=False, type=HomePath())
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N alone.")
@click.option("--verify", is_flag=True, help="Read it once more, as doctor does, before it counts.")
@click.option("--to-stdout", is_flag=True, help="Write it as tar, instead of into DEST.")
@click.option("--json", "as_json", is_flag=True, help="Say what was made as JSON.")
def backup(
    place: Place,
    dest: Path | None,
    keep: int | None,
    verify: bool,
    to_stdout: bool,
    as_json: bool,
) -> None:
    """Copy all that is kept, while the server goes on.

    It goes into a new folder, such as DEST/20261128T184500Z, which has its name once it is whole,
    and DEST/latest leads to the newest. Files take no more room where DEST is on the same disk or
    has them from an older backup: they get another name (a hard link).
    """
    from rich.filesize import decimal

    from shortd.client.progress import Progress
    from shortd.store.data_directory import StoreError
    from shortd.upkeep.backup import back_up, stream

    if (dest is None) != to_stdout:
        raise click.UsageError("Say where: DEST, or --to-stdout.")
    if to_stdout and (keep or verify or as_json):
        raise click.UsageError("--keep, --verify and --json go with DEST alone.")
    if to_stdout and sys.stdout.isatty():
        # Also one that somebody's `docker exec -t` makes, which changes what goes through it.
        raise click.UsageError("A terminal takes no tar: send it on to a file, or to a program.")
    place.check()
    if dest is not None:
        dest = dest.absolute()
        if dest.resolve().is_relative_to(place.data_dir.resolve()):
            raise StoreError(f"{dest} is in the data directory, and would be lost with it")
        _make(dest, place.data_dir)
    place.enter()
    with Progress() as progress:
        progress.start("backup", None, 0)
        if dest is None:
            _tell_lost(place, stream(place.data_dir, sys.stdout.buffer, progress.advance))
            return
        try:
            made, manifest = back_up(
                place.data_dir, dest, keep=keep or 0, verify=verify, told=progress.advance
            )
        except PermissionError as fault:
            raise StoreError(
                f"{fault.filename}: {fault.strerror}; backups are made by the user whose data they"
                f" are: give him the folder"
            ) from fault
    if as_json:
        facts = {"path": str(made), "size": manifest.size(), "files": len(manifest.files)}
        facts |= {"verified": verify, "counts": manifest.counts, "lost": [*manifest.lost]}
        click.echo(json_of(facts))
    else:
        counts = ", ".join(f"{name} {count}" for name, count in manifest.counts.items())
        checked = ", read again and sound" if verify else ""
        click.echo(f"{made}: {counts}; {decimal(manifest.size())}{checked}.")
    _tell_lost(place, manifest)


def _tell_lost(place: Place, manifest: Manifest) -> None:
    """Ends in part where shared files could not be backed up, as the server has lost them."""
    if manifest.lost:
        place.tell()
        lost = [f"{name} is lost or damaged in the data directory" for name in manifest.lost]
        fail([*lost, LOST], status=PARTLY)


@click.command()
@placed
@click.argument("source", metavar="BACKUP", type=HomePath())
@click.option("--yes", is_flag=True, help="Do not ask before something else takes its place.")
@click.option(
    "--accept-faults",
    is_flag=True,
    help="Go on where shared files are damaged or not there, or rows contradict each other.",
)
def restore(place: Place, source: Path, yes: bool, accept_faults: bool) -> None:
    """Make a backup the data directory.

    The server must be stopped. BACKUP (such as DEST/latest) is checked as a whole first. What is in
    the data directory now is kept beside it, under its name with before-restore and the time. A
    database that was kept before an upgrade (db-before-schema-N in the data directory) takes the
    place of the database alone, for the older version of shortd.
    """
    from shortd.client.progress import Progress
    from shortd.store.data_directory import DATABASE, what_is_wrong
    from shortd.upkeep import restore as restoring
    from shortd.upkeep.backup_manifest import MANIFEST

    source = source.resolve()
    directory = place.data_dir
    if not source.is_dir():
        fail([f"{source} {'is no folder' if source.exists() else 'is not there'}"])
    if directory.resolve().is_relative_to(source):
        fail([f"{directory} is the backup itself: name another place with --data"])
    if (source.parent / MANIFEST).exists():
        fail([f"{source} is a part of a backup: restore {source.parent}"])
    if (source / DATABASE.name).is_file() and not (source / MANIFEST).exists():
        _put_back_database(place, source, yes=yes)
        return
    with Progress() as progress:
        progress.start("reading the backup", None, 0)
        try:
            manifest = restoring.check(source, progress.advance, accept_faults=accept_faults)
        except restoring.Damaged as damaged:
            way = [ACCEPT] if damaged.can_be_accepted else []
            fail([str(damaged), *damaged.found, *way])
    if directory.exists() and not directory.is_dir():
        fail([f"{directory} {what_is_wrong(directory)}"])
    if directory.is_dir() and any(directory.iterdir()):
        _ask(f"{directory} is kept aside, and {source.name} takes its place.", yes=yes)
    with Progress() as progress:
        progress.start("restoring", manifest.size(), 0)
        kept = restoring.put_back(source, manifest, directory, progress.advance)
    counts = ", ".join(f"{name} {count}" for name, count in manifest.counts.items())
    click.echo(f"{directory} is what it was at {_time(manifest.created_utime)}: {counts}.")
    if kept is not None:
        click.echo(f"What was there is in {kept}; delete it when you are sure.")


def _put_back_database(place: Place, copy: Path, *, yes: bool) -> None:
    from shortd.upkeep import restore as restoring

    place.enter()
    _ask(f"The database in {place.data_dir} is kept aside; what it got since is lost.", yes=yes)
    now, then, kept = restoring.put_back_database(copy, place.data_dir)
    for name, count in then.items():
        click.echo(f"{name}: {count} again, {now.get(name, 0)} before.")
    click.echo(f"The database of before is in {kept}. Start the older version of shortd now.")


def _make(dest: Path, data_dir: Path) -> None:
    """Makes the folder for backups, for the user whose data they are."""
    if os.geteuid() == 0 and not dest.exists():
        from shortd.store.data_directory import DATABASE

        owner = (data_dir / DATABASE).stat()
        dest.mkdir(mode=0o700, parents=True)
        os.chown(dest, owner.st_uid, owner.st_gid)


def _ask(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        fail([f"{question} Say --yes if that is meant."], status=2)
    click.confirm(f"{question} Go on?", abort=True, err=True)


def _time(utime: int) -> str:
    from shortd.clock import utc_text

    return utc_text(utime)
