"""The server's side: it takes the operator's commands while it owns the data directory.

They come from a socket in the directory, `admin.sock`, which nobody but its user (and root) can
open. What commands there are and what they do is in `commands`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from shortd import errors
from shortd.accounts.accounts import label
from shortd.control.registry import UNLOGGED
from shortd.control.wire import LANGUAGE, REQUEST_BYTES, SOCKET, Reply, Request, short_path
from shortd.services import Services

REQUEST_SECONDS = 5.0
"""A command that has not come whole by then is dropped."""
CLOSING_SECONDS = 2.0

log = structlog.get_logger(__name__)

Answer = Callable[[Services, str, dict[str, Any]], AsyncIterator[Reply]]
"""Runs a command by its name, and tells what comes of it, some at a time. Raises ShortdError."""


async def listen(services: Services, answer: Answer) -> None:
    """Takes commands for a server, until cancelled."""
    directory = services.store.directory

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readuntil(b"\n")
            async for reply in _replies(services, answer, line):
                writer.write(msgspec.json.encode(reply) + b"\n")
                # Who reads slowly is waited for: nothing piles up.
                await writer.drain()
        writer.close()

    try:
        listener = bind(directory)
    except OSError as fault:
        # A file system without sockets is no reason not to serve.
        log.warning("no_admin_socket", error=str(fault))
        await asyncio.Event().wait()
        return
    server = await asyncio.start_unix_server(take, sock=listener, limit=REQUEST_BYTES)
    try:
        await asyncio.Event().wait()
    finally:
        (directory / SOCKET).unlink(missing_ok=True)
        server.close()
        # A command under way may come to its end; one that does not holds nobody up.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await server.wait_closed()


async def _replies(services: Services, answer: Answer, line: bytes) -> AsyncIterator[Reply]:
    try:
        request = msgspec.json.decode(line, type=Request)
        if request.language != LANGUAGE:
            raise errors.BAD_REQUEST(
                "The server that runs is of another version than this command; restart it."
            )
        about = _about(services, request.args)
        async for reply in answer(services, request.command, request.args):
            yield reply
    except errors.ShortdError as refusal:
        yield Reply(refusal=str(refusal))
    except msgspec.MsgspecError:
        yield Reply(refusal="This is not a command.")
    except Exception as fault:
        log.error("command_failed", exc_info=fault)
        yield Reply(refusal=str(errors.INTERNAL()))
    else:
        if request.command not in UNLOGGED:
            log.info("command", command=request.command, **about)


def _about(services: Services, args: dict[str, Any]) -> dict[str, str]:
    """Whom a command is about, as the log may name him; before it removes him."""
    name = args.get("user") or args.get("owner")
    if not isinstance(name, str):
        return {}
    account = services.accounts.accounts.named(name)
    return {} if account is None else {"account": label(account) or account.type.value}


def bind(directory: Path) -> socket.socket:
    """The socket, for nobody else than the directory's user."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The directory is ours alone: a socket that lies there was left by a crash.
        (directory / SOCKET).unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            with short_path(directory) as path:
                listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
