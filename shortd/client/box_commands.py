"""What `shortd send --to` and `shortd fetch` do with boxes, once their options are read."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import sys
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import NamedTuple

import click

from shortd.client.api import Api
from shortd.client.box_fetching import OwnBox, box_number
from shortd.client.box_sending import BoxSender, BoxVisitor
from shortd.client.connection import Connection
from shortd.client.contents import ZIP_TYPE, OpenFile, gathered, zipped
from shortd.client.failures import ClientFailure, Refused
from shortd.client.fetch import Target
from shortd.client.names import sendable_name
from shortd.client.parcel import Parcel, opened, spooled
from shortd.client.passwords import box_passwords, variable_key
from shortd.client.progress import Progress
from shortd.client.several import SeveralFetch, has_begun
from shortd.client.signing_in import given_account, signed_in, with_second_factor
from shortd.client.state import State
from shortd.client.terminal import binary, interruptible

NOTE_CHARACTERS = 1000


class Owner(NamedTuple):
    """Whose box it is, as options say it."""

    userid: str | None
    token: str | None
    username: str | None


def send_to_box(
    box: str, files: tuple[str, ...], name: str | None, note: str, patience: float, *, quiet: bool
) -> None:
    """Sends each file, and each folder as a zip, and prints its name once it is in the box.
    `ClientFailure`, UsageError.
    """
    if name and len(files) > 1:
        raise click.UsageError("--name is for one file: each has its own in a box.")
    if len(note) > NOTE_CHARACTERS:
        raise click.UsageError(f"A --note has {NOTE_CHARACTERS} characters at most.")
    paths = [Path(file) for file in files]
    names = [name or _name(path) for path in paths]
    with Progress(quiet=quiet) as progress, asyncio.Runner() as runner, ExitStack() as stack:
        state, connection = State(progress.note), Connection(patience, progress.note)
        stack.callback(lambda: runner.run(connection.aclose()))
        visitor = BoxVisitor(connection, box)
        with interruptible(goes_on=False):
            runner.run(visitor.look())
            if visitor.is_protected:
                tries = (runner.run(visitor.open(password)) for password in box_passwords())
                if not any(tries):
                    raise ClientFailure("This is not the box's password.")
            # What is seen at once is said before anything is sent.
            sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
            visitor.check(zip(names, sizes, strict=True))
        places = [(path.resolve(), *_version(path)) for path in paths]
        ledger = stack.enter_context(state.ledger("send-box", box, note, name, *places))
        sender = BoxSender(visitor, note, ledger, progress)
        is_sealed = bool(visitor.box.public_key)
        with interruptible(goes_on=ledger.is_kept):
            for number, (path, called) in enumerate(zip(paths, names, strict=True)):
                if not sender.is_sent(number):
                    with ExitStack() as inside:
                        parcel = _parcel(path, called, progress, inside, is_sealed=is_sealed)
                        visitor.check([(called, parcel.size)])
                        runner.run(sender.send(number, parcel))
                click.echo(called)
        ledger.forget()


def fetch_box(
    address: str,
    key: str,
    owner: Owner,
    server: str | None,
    target: Target,
    patience: float,
    *,
    quiet: bool,
) -> None:
    """Fetches all that came into a box, and prints the folder. `server` is where it is, unless at
    the address of its page. `ClientFailure`, also for what is damaged; all else is there then.
    """
    given = given_account(*owner)
    if given is None:
        raise ClientFailure(
            "A box is its owner's alone: say who you are by --username, or --userid and --token."
        )
    key = key or variable_key()
    place, number = address.partition("/-/boxes/")[0], box_number(address)
    assert number is not None, "it is the address of a box"
    server = server or place
    with Progress(quiet=quiet) as progress, ExitStack() as stack:
        state = State(progress.note)
        where = target.folder.resolve() / (target.name or "")
        ledger = stack.enter_context(state.ledger("fetch-box", address, where))

        async def fetch(second_factor: str | None) -> tuple[Path, SeveralFetch, OwnBox]:
            async with (
                aclosing(Connection(patience, progress.note)) as connection,
                signed_in(Api(connection, server), given, second_factor) as credentials,
            ):
                box = OwnBox(connection, server, number, credentials, key)
                fetching = SeveralFetch(connection, state, ledger, progress, target)
                try:
                    folder = await fetching.run(box, again=has_begun(ledger))
                    return folder, fetching, box
                except Refused as refused:
                    if refused.status != 404 or not box.elsewhere:
                        raise
                    raise ClientFailure(
                        f"{server} has the box, but not its files: try --server {box.elsewhere}."
                    ) from None

        with interruptible(goes_on=ledger.is_kept):
            folder, fetching, box = with_second_factor(lambda code: asyncio.run(fetch(code)), given)
        fetching.whole(folder)
        if box.unreadable:
            raise ClientFailure(
                f"{box.unreadable} of the files cannot be opened: whoever sent them went wrong."
                f" The others are in {folder}."
            )
    click.echo(os.fsencode(folder))


def _parcel(
    path: Path, called: str, progress: Progress, stack: ExitStack, *, is_sealed: bool
) -> Parcel:
    if path.is_dir():
        members = gathered([path], progress.note)
        progress.start(called, sum(member.size for member in members), 0)
        content = zipped(members, progress.advance)
        return Parcel(content, called, ZIP_TYPE, None, is_sealed=is_sealed)
    if str(path) == "-":
        file = stack.enter_context(spooled(binary(sys.stdin, "input")))
    else:
        file = stack.enter_context(opened(path))
    filetype, _ = mimetypes.guess_type(called)
    return Parcel(OpenFile(file), called, filetype or "", None, is_sealed=is_sealed)


def _name(path: Path) -> str:
    name = sendable_name(path.resolve().name)
    return f"{name}.zip" if path.is_dir() else name


def _version(path: Path) -> tuple[int, int]:
    """When two are alike, so is the file."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
