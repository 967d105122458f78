"""`shortd send`: options in, one line of result out.

Standard output gets the result alone. What the command needs is imported once it runs: the other
commands should not have to wait for it.
"""

from __future__ import annotations

import mimetypes
import os
import sys
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from shortd.client.options import (
    Duration,
    FilePath,
    account_options,
    check_account,
    check_code,
    check_server,
    common_options,
)
from shortd.client.terminal import binary, interruptible

if TYPE_CHECKING:
    from shortd.client.api import Credentials
    from shortd.client.parcel import Parcel
    from shortd.client.progress import Progress
    from shortd.client.send import Terms
    from shortd.client.signing_in import Login

FOR_BOXES = frozenset({"files", "name", "to", "note", "patience", "quiet"})
"""Parameters that go with --to."""


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE…", type=FilePath(exists=True, allow_dash=True)
)
@click.option("--name", help="The name to share it under; needed for standard input.")
@click.option("--password", is_flag=True, help="Encrypt it under a password that is asked for.")
@click.option("--key-link", is_flag=True, help="Encrypt it under a key that the link carries.")
@click.option("--ww7", is_flag=True, help="With --password: as ww7's own clients can open it.")
@click.option("--expire", metavar="TIME", type=Duration(), help="End the link after 24h, 7d, …")
@click.option("--count", metavar="N", type=click.IntRange(1), help="End the link after N visits.")
@click.option(
    "--code", callback=check_code, help="The short URL's own part: 6 to 16 letters or digits."
)
@click.option(
    "--server",
    metavar="URL",
    envvar="SHORTD_SERVER_URL",
    default="http://127.0.0.1:8080",
    show_envvar=True,
    show_default=True,
    callback=check_server,
    help="Where to share it.",
)
@account_options("The account to share it with; by default a temporary one, made and remembered.")
@click.option("--to", metavar="BOX", help="Send it into somebody's box, by the box's short URL.")
@click.option("--note", metavar="TEXT", default="", help="With --to: a note for the receiver.")
@common_options
@click.pass_context
def send(
    ctx: click.Context,
    files: tuple[str, ...],
    name: str | None,
    password: bool,
    key_link: bool,
    ww7: bool,
    expire: int | None,
    count: int | None,
    code: str | None,
    server: str,
    userid: str | None,
    token: str | None,
    username: str | None,
    to: str | None,
    note: str,
    patience: float,
    quiet: bool,
) -> None:
    """Share FILE (- for standard input) and print its short URL.

    Several files, and folders, get one short URL; encrypted, they are one zip. Sent again after an
    interruption, it goes on where it was. With --to nothing is shared: each file goes into
    somebody's box, a folder as a zip, and its name is printed.
    """
    is_input = "-" in files
    if is_input and len(files) > 1:
        raise click.UsageError("Standard input cannot be sent together with files.")
    if is_input and not name:
        raise click.UsageError("Standard input needs a --name.")
    if password and key_link:
        raise click.UsageError("--password and --key-link are two ways of encrypting.")
    if ww7 and not password:
        raise click.UsageError("--ww7 is for files that are encrypted with --password.")
    if to is not None:
        _check_for_box(ctx)
        from shortd.client.box_commands import send_to_box

        send_to_box(to, files, name, note, patience, quiet=quiet)
        return
    if note:
        raise click.UsageError("--note is for what is sent --to a box.")
    check_account(userid, token, username)
    import asyncio

    from shortd.client.contents import ZIP_TYPE, OpenFile, SeveralFiles, gathered, name_of, zipped
    from shortd.client.crypto import new_link_key, password_secret, ww7_secret
    from shortd.client.names import sendable_name
    from shortd.client.parcel import Lock, Parcel, opened, spooled
    from shortd.client.passwords import new_file_password
    from shortd.client.progress import Progress
    from shortd.client.send import Terms
    from shortd.client.signing_in import given_account, with_second_factor

    lock, key = None, ""
    if password:
        derive = ww7_secret if ww7 else password_secret
        lock = Lock(derive(new_file_password()), is_bound=not ww7)
    elif key_link:
        key = new_link_key()
        lock = Lock(ww7_secret(key), is_bound=True)
    given = given_account(userid, token, username)
    terms = Terms(expire or 0, count or 0, code or "")
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(quiet=quiet))
        paths = [Path(file) for file in files]
        place = paths[0].resolve() if not is_input and paths[0].is_file() else None
        if len(paths) > 1 or paths[0].is_dir():
            place = Path(os.path.commonpath([path.resolve() for path in paths]))
            members = gathered(paths, progress.note)
            called = name or name_of(paths)
            if lock is None:
                parcel = Parcel(SeveralFiles(members), called, ZIP_TYPE, None, members)
            else:
                called = called if called.lower().endswith(".zip") else f"{called}.zip"
                progress.start(called, sum(member.size for member in members), 0)
                with interruptible(goes_on=False):
                    content = zipped(members, progress.advance)
                parcel = Parcel(content, called, ZIP_TYPE, lock)
        else:
            if is_input:
                file = stack.enter_context(spooled(binary(sys.stdin, "input")))
            else:
                file = stack.enter_context(opened(paths[0]))
            called = name or sendable_name(paths[0].name)
            filetype, _ = mimetypes.guess_type(called)
            parcel = Parcel(OpenFile(file), called, filetype or "", lock)
        if key:
            # It is kept nowhere, so that a later run has another one.
            place = None
        with interruptible(goes_on=place is not None):

            def sent(second_factor: str | None) -> str:
                sending = send_parcel(
                    server, given, second_factor, parcel, terms, place, patience, progress
                )
                return asyncio.run(sending)

            short_url = with_second_factor(sent, given)
    click.echo(f"{short_url}#{key}" if key else short_url)


def _check_for_box(ctx: click.Context) -> None:
    """UsageError for options that a box has no use for."""
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in FOR_BOXES:
            raise click.UsageError(f"{parameter.opts[0]} is not for what is sent --to a box.")


async def send_parcel(
    server: str,
    given: Credentials | Login | None,
    second_factor: str | None,
    parcel: Parcel,
    terms: Terms,
    place: Path | None,
    patience: float,
    progress: Progress,
) -> str:
    """The short URL of what was sent from `place`; without one it cannot be gone on with."""
    from shortd.client.api import Api
    from shortd.client.connection import Connection
    from shortd.client.send import Sender
    from shortd.client.signing_in import signed_in
    from shortd.client.state import Ledger, State

    state = State(progress.note)
    async with aclosing(Connection(patience, progress.note)) as connection:
        api = Api(connection, server)
        account = given or await api.temporary(state)
        kind = "send"
        if parcel.lock is not None:
            kind = "send-bound" if parcel.lock.is_bound else "send-ww7"
        async with signed_in(api, account, second_factor) as credentials:
            identity = (server, credentials.userid, place, parcel.name, *parcel.version)
            with state.ledger(kind, *identity) if place else Ledger() as ledger:
                sender = Sender(api, credentials, parcel, terms, ledger, progress)
                short_url = await sender.send()
    return short_url
