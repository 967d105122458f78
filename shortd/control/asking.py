"""Commands, run where the data are: by the server that has them, or over the directory itself.

Nothing of a server is imported while one can be asked: then a command takes no time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeVar

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from shortd import errors
from shortd.control.wire import ANSWER_BYTES, Record, Reply, Request, Rows, short_path
from shortd.settings import Settings
from shortd.store.data_directory import DataDirectoryInUse, act_as_owner

ANSWER_SECONDS = 600.0
START_SECONDS = 10.0
"""How long a command waits for a server that has the directory and does not take commands yet."""

T = TypeVar("T")


class Came(NamedTuple):
    """What came of a command that acts."""

    rows: Rows
    refused: Sequence[str]
    """Of several things, those that were not done, and why."""


def look(settings: Settings, command: str, args: dict[str, Any]) -> Iterator[list[Record]]:
    """What a command shows that changes nothing, not even a file; some of it at a time.

    Raises ShortdError, StoreError, in the midst of it, too.
    """
    request = Request(command, args)
    with ExitStack() as undo:

        def attempt() -> Iterator[list[Record]]:
            replies = _asked(settings, request)
            if replies is not None:
                return (list(reply.records) for reply in replies)
            return undo.enter_context(_here(settings, request))

        yield from _patiently(attempt)


def look_there(
    settings: Settings, command: str, *, seconds: float = ANSWER_SECONDS
) -> Iterator[list[Record]]:
    """The same of a running server alone; nothing where none takes commands. Each reply may take so
    many seconds."""
    for reply in _asked(settings, Request(command, {}), seconds) or ():
        yield list(reply.records)


def act(settings: Settings, command: str, args: dict[str, Any]) -> Came:
    """What a command says that changes something.

    Raises ShortdError, StoreError, ConfigError.
    """
    request = Request(command, args)

    async def run() -> Came:
        from shortd.control import commands
        from shortd.control.own_addresses import know_own_addresses
        from shortd.control.registry import DoneInPart
        from shortd.services import open_services

        act_as_owner(settings.data_dir)
        services = await open_services(settings, serving=False)
        know_own_addresses(services)
        try:
            return Came(await commands.run(services, command, args), ())
        except DoneInPart as done:
            return Came(done.rows, done.refused)
        finally:
            await services.close()

    def attempt() -> Came:
        replies = _asked(settings, request)
        if replies is None:
            return asyncio.run(run())
        [reply] = replies
        return Came(reply.rows, reply.refused)

    return _patiently(attempt)


def ask(settings: Settings, request: Request) -> Rows | None:
    """What the running server answers to a command that acts; None if none takes commands."""
    replies = _asked(settings, request)
    if replies is None:
        return None
    [reply] = replies
    return reply.rows


def there_or_here(settings: Settings, request: Request, here: Callable[[], T]) -> Rows | T:
    """What a server answers to a command that acts, or where none runs what `here` does: again and
    again while one starts or ends.
    """

    def attempt() -> Rows | T:
        rows = ask(settings, request)
        return here() if rows is None else rows

    return _patiently(attempt)


@contextmanager
def _here(settings: Settings, request: Request) -> Iterator[Iterator[list[Record]]]:
    """The same where no server runs."""
    from shortd.clock import SystemClock
    from shortd.control import commands
    from shortd.control.registry import View
    from shortd.hosts import known_hosts
    from shortd.store.looking import looked_at

    act_as_owner(settings.data_dir)
    with looked_at(settings.data_dir) as store:
        hosts = known_hosts(store, settings.public_url, settings.hosts, settings.web.url)
        view = View(store, hosts, settings, SystemClock().now(), None)
        portions = commands.run_look(view, request.command, request.args)
        yield (msgspec.to_builtins(list(portion)) for portion in portions)


def _patiently(attempt: Callable[[], T]) -> T:
    patient = Retrying(
        retry=retry_if_exception_type(DataDirectoryInUse),
        stop=stop_after_delay(START_SECONDS),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    try:
        return patient(attempt)
    except DataDirectoryInUse as owned:
        raise DataDirectoryInUse(f"{owned}, which does not take commands; try again") from owned


def _asked(
    settings: Settings, request: Request, seconds: float = ANSWER_SECONDS
) -> Iterator[Reply] | None:
    """The same, one reply or more."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(seconds)
    try:
        with short_path(settings.data_dir) as path:
            client.connect(path)
    except OSError:
        client.close()
        return None
    return _replies(client, request)


def _replies(client: socket.socket, request: Request) -> Iterator[Reply]:
    more = True
    with client, client.makefile("rb") as answer:
        try:
            client.sendall(msgspec.json.encode(request) + b"\n")
        except OSError as fault:
            raise _silent() from fault
        while more:
            try:
                reply = msgspec.json.decode(answer.readline(ANSWER_BYTES), type=Reply)
            except (OSError, msgspec.MsgspecError) as fault:
                raise _silent() from fault
            if reply.refusal:
                raise errors.BAD_REQUEST(reply.refusal)
            more = reply.more
            yield reply


def _silent() -> errors.ShortdError:
    # It was asked, and may have done it.
    return errors.INTERNAL(
        "The server gave no answer; look whether it was done before you try again."
    )
