"""Commands, run where the data are: by the server that has them, or over the directory itself.

Nothing of a server is imported while one can be asked: then a command takes no time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from shortd import errors
from shortd.control.wire import ANSWER_BYTES, Reply, Request, Rows, short_path
from shortd.settings import Settings
from shortd.store import DataDirectoryInUse
from shortd.store.data_directory import act_as_owner

T = TypeVar("T")

ANSWER_SECONDS = 600.0
START_SECONDS = 10.0
"""How long a command waits for a server that has the directory and does not take commands yet."""


def look(settings: Settings, command: str, args: dict[str, Any]) -> Rows:
    """What a command shows that changes nothing, not even a file.

    Raises ShortdError, StoreError.
    """

    def here() -> Rows:
        from shortd.control import commands
        from shortd.store.looking import looked_at

        act_as_owner(settings.data_dir)
        with looked_at(settings.data_dir) as store:
            return commands.run_look(store, command, args)

    return there_or_here(settings, Request(command, args), here)


def act(settings: Settings, command: str, args: dict[str, Any]) -> Rows:
    """What a command says that changes something.

    Raises ShortdError, StoreError, ConfigError.
    """

    async def run() -> Rows:
        from shortd.control import commands
        from shortd.control.own_addresses import know_own_addresses
        from shortd.services import open_services

        act_as_owner(settings.data_dir)
        services = await open_services(settings, serving=False)
        know_own_addresses(services)
        try:
            return await commands.run(services, command, args)
        finally:
            await services.close()

    return there_or_here(settings, Request(command, args), lambda: asyncio.run(run()))


def there_or_here(settings: Settings, request: Request, here: Callable[[], T]) -> Rows | T:
    """What a server answers, or where none runs what `here` does: again and again while one starts
    or ends.
    """
    patient = Retrying(
        retry=retry_if_exception_type(DataDirectoryInUse),
        stop=stop_after_delay(START_SECONDS),
        wait=wait_fixed(0.1),
        reraise=True,
    )

    def attempt() -> Rows | T:
        rows = ask(settings, request)
        return here() if rows is None else rows

    try:
        return patient(attempt)
    except DataDirectoryInUse as owned:
        raise DataDirectoryInUse(f"{owned}, which does not take commands; try again") from owned


def ask(settings: Settings, request: Request) -> Rows | None:
    """What the running server answers; None if none takes commands."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            with short_path(settings.data_dir) as path:
                client.connect(path)
        except OSError:
            return None
        try:
            client.sendall(msgspec.json.encode(request) + b"\n")
            with client.makefile("rb") as answer:
                reply = msgspec.json.decode(answer.readline(ANSWER_BYTES), type=Reply)
        except (OSError, msgspec.MsgspecError) as fault:
            # It was asked, and may have done it.
            raise errors.INTERNAL(
                "The server gave no answer; look whether it was done before you try again."
            ) from fault
    if reply.refusal:
        raise errors.BAD_REQUEST(reply.refusal)
    return reply.rows
