"""`shortd send` and `shortd fetch`: options in, one line of result out.

Standard output gets the result alone. What the commands need is imported once they run: the
other commands should not have to wait for it.
"""

from __future__ import annotations

import mimetypes
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

from shortd.client.failures import ClientFailure, Interrupted, Refused
from shortd.client.options import (
    Duration,
    check_code,
    check_server,
    check_short_url,
    common_options,
)

if TYPE_CHECKING:
    from shortd.client.api import Credentials
    from shortd.client.parcel import Parcel
    from shortd.client.progress import Progress
    from shortd.client.send import Terms

ZIP_TYPE = "application/zip"


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, allow_dash=True)
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
@click.option(
    "--userid",
    envvar="SHORTD_USERID",
    show_envvar=True,
    help="The account to share it with; by default a temporary one, made and remembered.",
)
@click.option(
    "--token", envvar="SHORTD_TOKEN", show_envvar=True, help="A registered account's token."
)
@click.option("--username", metavar="NAME", help="Log in by name or e-mail; asks for a password.")
@common_options
def send(
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
    patience: float,
    quiet: bool,
) -> None:
    """Share FILE (- for standard input) and print its short URL.

    Several files, and folders, get one short URL; encrypted, they are one zip. Sent again after an
    interruption, it goes on where it was.
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
    if username and (userid or token):
        raise click.UsageError("--username logs in by itself: no --userid or --token with it.")
    if token and not userid:
        raise click.UsageError("--token needs its --userid.")
    import asyncio

    from shortd.client.api import Credentials
    from shortd.client.contents import OpenFile, SeveralFiles, gathered, name_of, zipped
    from shortd.client.crypto import new_link_key, password_secret, ww7_secret
    from shortd.client.names import sendable_name
    from shortd.client.parcel import Lock, Parcel, opened, spooled
    from shortd.client.passwords import ask, new_file_password
    from shortd.client.progress import Progress
    from shortd.client.send import Terms

    lock, key = None, ""
    if password:
        derive = ww7_secret if ww7 else password_secret
        lock = Lock(derive(new_file_password()), is_bound=not ww7)
    elif key_link:
        key = new_link_key()
        lock = Lock(ww7_secret(key), is_bound=True)
    login = None
    if username:
        login = username, ask(f"Password of {username}: ", "use --userid and --token")
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
        given = Credentials(userid, token or "") if userid else login
        if key:
            # It is kept nowhere, so that a later run has another one.
            place = None
        with interruptible(goes_on=place is not None):
            sending = partial(send_parcel, server, given, parcel, terms, place, patience, progress)
            try:
                short_url = asyncio.run(sending())
            except Refused as refused:
                if refused.code != "second_factor_required" or login is None:
                    raise
                code = ask("Code of the second factor: ", "use --userid and --token")
                short_url = asyncio.run(sending(second_factor=code))
    click.echo(f"{short_url}#{key}" if key else short_url)


async def send_parcel(
    server: str,
    given: Credentials | tuple[str, str] | None,
    parcel: Parcel,
    terms: Terms,
    place: Path | None,
    patience: float,
    progress: Progress,
    second_factor: str | None = None,
) -> str:
    """The short URL of what was sent from `place`; without one it cannot be gone on with."""
    from shortd.client.api import Api, Nothing
    from shortd.client.connection import Connection
    from shortd.client.send import Sender
    from shortd.client.state import Ledger, State

    state = State(progress.note)
    async with aclosing(Connection(patience, progress.note)) as connection:
        api = Api(connection, server)
        if isinstance(given, tuple):
            credentials = await api.log_in(*given, second_factor)
        else:
            credentials = given or await api.temporary(state)
        identity = (server, credentials.userid, place, parcel.name, *parcel.version)
        kind = "send"
        if parcel.lock is not None:
            kind = "send-bound" if parcel.lock.is_bound else "send-ww7"
        with state.ledger(kind, *identity) if place else Ledger() as ledger:
            short_url = await Sender(api, credentials, parcel, terms, ledger, progress).send()
        if isinstance(given, tuple):
            with suppress(ClientFailure):
                await api.call("logout", Nothing, **credentials.inputs())
    return short_url


@click.command()
@click.argument("shorturl", callback=check_short_url)
@click.option("--password", is_flag=True, help="Ask for the password at once.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="Where to put it: a file, a folder, or - for standard output.",
)
@click.option("--force", is_flag=True, help="Replace what is there already.")
@click.option("--zip", "as_zip", is_flag=True, help="Fetch several files as one zip.")
@common_options
def fetch(
    shorturl: str,
    password: bool,
    output: str | None,
    force: bool,
    as_zip: bool,
    patience: float,
    quiet: bool,
) -> None:
    """Fetch what SHORTURL shares, and print where it is.

    An encrypted file's password is asked for, unless its key is in the link, behind "#". Several
    files go into a folder of their own. Fetched again after an interruption, it goes on where it
    was. A dot in front of a name goes (.env becomes env), so that nothing is hidden; -o names it
    otherwise.
    """
    import asyncio

    from shortd.client.connection import Connection
    from shortd.client.fetch import Target, Transfer
    from shortd.client.offer import Visitor
    from shortd.client.passwords import file_passwords
    from shortd.client.progress import Progress
    from shortd.client.several import SeveralFetch, has_begun
    from shortd.client.sinks import PartialFile, StreamSink
    from shortd.client.state import Ledger, State

    short_url, _, key = shorturl.partition("#")
    passwords = iter([key]) if key else file_passwords(at_once=password)
    wrong = "This is not the file's password."
    if key:
        wrong = "The key behind the # of this link is not its file's."
    target = None if output == "-" else Target(Path(output) if output else None, force=force)
    as_zip = as_zip or target is None
    with Progress(quiet=quiet) as progress, asyncio.Runner() as runner, ExitStack() as stack:
        state = State(progress.note)
        connection = Connection(patience, progress.note)
        stack.callback(lambda: runner.run(connection.aclose()))

        def several(visitor: Visitor, ledger: Ledger) -> Path:
            assert target is not None, "a stream gets a zip"
            fetching = SeveralFetch(connection, visitor, state, ledger, progress, target)
            with interruptible(goes_on=ledger.is_kept):
                return runner.run(fetching.run(visitor.several))

        # All that can be in the way here comes first: the visit may be the link's last.
        sink: PartialFile | StreamSink
        files = Ledger()
        if target is None:
            sink = stack.enter_context(StreamSink(binary(sys.stdout, "output")))
        else:
            if not as_zip:
                place = Path(output or "").resolve()
                files = stack.enter_context(state.ledger("fetch-several", short_url, place))
            if has_begun(files):
                click.echo(os.fsencode(several(Visitor(connection, short_url), files)))
                return
            kind = "fetch-zip" if as_zip else "fetch"
            ledger = stack.enter_context(state.ledger(kind, short_url, target.folder.resolve()))
            sink = stack.enter_context(target.open(ledger))
        visitor = Visitor(connection, short_url, sink.offer, as_zip=as_zip)
        with interruptible(goes_on=sink.goes_on):
            runner.run(visitor.look())
            # Not inside the event loop, where Ctrl-C would have to wait for an answer.
            if visitor.is_locked:
                visitor.unlock(passwords, wrong)
            runner.run(visitor.visit(sink.kept.received))
            if visitor.is_locked:
                visitor.unlock(passwords, wrong)
            name = ""
            if visitor.several is None:
                name = runner.run(Transfer(connection, visitor, sink, progress).run())
        path = None
        if visitor.several is not None and isinstance(sink, PartialFile):
            sink.discard()
            path = several(visitor, files)
        elif target is not None and isinstance(sink, PartialFile):
            path = target.take(sink, name, progress.note)
    if path is not None:
        # As bytes: a path need not be text.
        click.echo(os.fsencode(path))


def binary(stream: TextIO | None, name: str) -> BinaryIO:
    """The bytes of a standard stream, which may be closed."""
    if stream is None:
        raise ClientFailure(f"Standard {name} is closed.")
    return stream.buffer


@contextmanager
def interruptible(*, goes_on: bool) -> Iterator[None]:
    """Makes Ctrl-C one line, as any other failure is."""
    try:
        yield
    except KeyboardInterrupt:
        hint = " The same command goes on from here." if goes_on else ""
        raise Interrupted(f"Interrupted.{hint}") from None
