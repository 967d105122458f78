"""`shortd fetch`: options in, one line of result out.

Standard output gets the result alone. What the command needs is imported once it runs: the other
commands should not have to wait for it.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import click

from shortd.client.options import (
    account_options,
    check_account,
    check_server,
    check_short_url,
    common_options,
)
from shortd.client.terminal import binary, interruptible


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
@account_options("For a box of yours: the account that it belongs to.")
@click.option(
    "--server",
    metavar="URL",
    callback=check_server,
    help="For a box of yours, where pages have an address of their own: the server's other one.",
)
@common_options
def fetch(
    shorturl: str,
    password: bool,
    output: str | None,
    force: bool,
    as_zip: bool,
    userid: str | None,
    token: str | None,
    username: str | None,
    server: str | None,
    patience: float,
    quiet: bool,
) -> None:
    """Fetch what SHORTURL shares, and print where it is.

    An encrypted file's password is asked for, unless its key is in the link, behind "#". Several
    files go into a folder of their own. So does all that came into a box of yours, by the address
    of its page (/-/boxes/1), with its key behind "#" if it is encrypted. Fetched again after an
    interruption, it goes on where it was. A dot in front of a name goes (.env becomes env), so that
    nothing is hidden; -o names it otherwise.
    """
    check_account(userid, token, username)
    import asyncio

    from shortd.client.box_fetching import box_number
    from shortd.client.bundles import Bundle
    from shortd.client.connection import Connection
    from shortd.client.fetch import Target, Transfer
    from shortd.client.offer import Visitor
    from shortd.client.passwords import file_passwords
    from shortd.client.progress import Progress
    from shortd.client.several import SeveralFetch, has_begun
    from shortd.client.sinks import PartialFile, StreamSink
    from shortd.client.state import Ledger, State

    short_url, _, key = shorturl.partition("#")
    if box_number(short_url) is not None:
        if as_zip or password or output == "-":
            raise click.UsageError("A box is fetched into a folder: no --zip, --password or -o -.")
        from shortd.client.box_commands import Owner, fetch_box

        place = Path(output) if output else None
        owner = Owner(userid, token, username)
        into = Target(place, force=force)
        fetch_box(short_url, key, owner, server, into, patience, quiet=quiet)
        return
    if server:
        raise click.UsageError("--server is for boxes: a short URL names its server.")
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
            fetching = SeveralFetch(connection, state, ledger, progress, target)
            again = visitor.several is None
            address = fetching.address if again else str(visitor.several)
            bundle = Bundle(connection, visitor, address)
            with interruptible(goes_on=ledger.is_kept):
                return fetching.whole(runner.run(fetching.run(bundle, again=again)))

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
