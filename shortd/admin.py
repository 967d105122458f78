"""The operator's commands, run where the data are: in the server if it runs, else right here.

One process owns a data directory. While that is a server, it takes commands from a socket in the
directory, `admin.sock`, which nobody but its user can open: one line of JSON in, one line out.
What commands there are and what they do is in `admin_commands`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from shortd import errors
from shortd.services import Services, open_services
from shortd.settings import Settings
from shortd.store import DataDirectoryInUse

SOCKET = "admin.sock"
REQUEST_BYTES = 64 * 1024
REQUEST_SECONDS = 5.0
"""A command that has not come whole by then is dropped."""
ANSWER_SECONDS = 600.0

log = structlog.get_logger(__name__)

Rows = list[list[str]]
"""What a command answers: a table, its head first, or sentences as rows of one cell."""
Run = Callable[[Services, str, dict[str, Any]], Awaitable[Rows]]
"""Runs a command by its name. Raises ShortdError."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that asks."""

    command: str
    args: dict[str, Any]


class Reply(msgspec.Struct, frozen=True):
    """A line that answers."""

    rows: Rows = []
    refusal: str = ""
    """Why not; empty if it was done."""


def run_anywhere(settings: Settings, run: Run, command: str, args: dict[str, Any]) -> Rows:
    """Runs a command in the server that owns the data directory, or over the directory itself.

    Raises ShortdError, StoreError, ConfigError.
    """
    return asyncio.run(_run_anywhere(settings, run, command, args))


async def _run_anywhere(settings: Settings, run: Run, command: str, args: dict[str, Any]) -> Rows:
    try:
        services = await open_services(settings)
    except DataDirectoryInUse as owned:
        try:
            return await _ask(settings.data_dir, Request(command, args))
        except (OSError, EOFError, ValueError) as fault:
            raise DataDirectoryInUse(f"{owned}, which does not take commands") from fault
    try:
        return await run(services, command, args)
    finally:
        await services.close()


async def _ask(directory: Path, request: Request) -> Rows:
    with _short_path(directory) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 26)
    try:
        writer.write(msgspec.json.encode(request) + b"\n")
        line = await asyncio.wait_for(reader.readuntil(b"\n"), ANSWER_SECONDS)
    finally:
        writer.close()
    reply = msgspec.json.decode(line, type=Reply)
    if reply.refusal:
        raise errors.BAD_REQUEST(reply.refusal)
    return reply.rows


async def listen(services: Services, run: Run) -> None:
    """Takes commands for a server, until cancelled."""
    directory = services.store.directory

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            line = await asyncio.wait_for(reader.readuntil(b"\n"), REQUEST_SECONDS)
            writer.write(msgspec.json.encode(await _answer(services, run, line)) + b"\n")
            await writer.drain()
        writer.close()

    try:
        listener = _bind(directory)
    except OSError as fault:
        # A file system without sockets is no reason not to serve.
        log.warning("no_admin_socket", error=str(fault))
        await asyncio.Event().wait()
        return
    server = await asyncio.start_unix_server(take, sock=listener, limit=REQUEST_BYTES)
    try:
        await server.serve_forever()
    finally:
        (directory / SOCKET).unlink(missing_ok=True)


async def _answer(services: Services, run: Run, line: bytes) -> Reply:
    try:
        request = msgspec.json.decode(line, type=Request)
        rows = await run(services, request.command, request.args)
    except errors.ShortdError as refusal:
        return Reply(refusal=str(refusal))
    except msgspec.MsgspecError:
        return Reply(refusal="This is not a command.")
    except Exception as fault:
        log.error("command_failed", exc_info=fault)
        return Reply(refusal=str(errors.INTERNAL()))
    log.info("command", command=request.command)
    return Reply(rows)


def _bind(directory: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The directory is ours alone: a socket that lies there was left by a crash.
        (directory / SOCKET).unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            with _short_path(directory) as path:
                listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def _short_path(directory: Path) -> Iterator[str]:
    """The socket's path in a form that fits an address, which has 108 bytes (unix(7))."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
