"""The table of commands, and how one of it is run.

What only looks is read in portions, each in a transaction of its own and below some milliseconds:
redirects go in between, and a list of any length takes no memory.
"""

from __future__ import annotations

import asyncio
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from shortd import errors
from shortd.control.wire import Reply, Rows
from shortd.hosts import Hosts
from shortd.services import Services
from shortd.settings import Settings
from shortd.store import Store

ArgsT = TypeVar("ArgsT", bound=msgspec.Struct)


class View(NamedTuple):
    """What a command is given that only looks."""

    store: Store
    """Perhaps one that can only be read."""
    hosts: Hosts
    settings: Settings
    now: int
    """Unix time in µs."""
    services: Services | None
    """Of the server that is asked; None where none runs."""


class DoneInPart(Exception):
    """Some of several things were not done: what was, and what was not, and why."""

    def __init__(self, rows: Rows, refused: Sequence[str]) -> None:
        super().__init__(*refused)
        self.rows = rows
        self.refused = refused


Portions = Iterator[Sequence[Any]]
"""What a command shows, some of it at a time: Structs, which go out as JSON."""
Look = Callable[[View, Any], Portions]
Act = Callable[[Services, Any], Awaitable[Rows]]

LOOKS: dict[str, tuple[type[msgspec.Struct], Look]] = {}
"""By name, the type of the arguments of a command that only looks, and what runs it."""
ACTS: dict[str, tuple[type[msgspec.Struct], Act]] = {}
"""The same of all others."""
UNLOGGED: set[str] = set()
"""Those that come by the hundred for one thing that is done, or that nobody has typed."""


async def answer(services: Services, command: str, args: dict[str, Any]) -> AsyncIterator[Reply]:
    """Runs a command for whoever asks a server. Raises ShortdError, also later than at once."""
    if command not in LOOKS:
        try:
            yield Reply(rows=await run(services, command, args))
        except DoneInPart as done:
            yield Reply(rows=done.rows, refused=done.refused)
        return
    now = services.clock.now()
    view = View(services.store, services.hosts, services.settings, now, services)
    for portion in run_look(view, command, args):
        if portion:
            yield Reply(records=portion, more=True)
        await asyncio.sleep(0)
    yield Reply()


async def run(services: Services, command: str, args: dict[str, Any]) -> Rows:
    """Runs a command that acts. BAD_REQUEST for one that does not exist or has other arguments;
    DoneInPart."""
    kind, function = ACTS.get(command, (None, None))
    if kind is None or function is None:
        raise errors.BAD_REQUEST(f"There is no command {command}.")
    return await function(services, _converted(args, kind))


def run_look(view: View, command: str, args: dict[str, Any]) -> Portions:
    """Runs a command that is only shown something."""
    kind, function = LOOKS[command]
    return function(view, _converted(args, kind))


def look(
    name: str, *, is_logged: bool = True
) -> Callable[[Callable[[View, ArgsT], Portions]], Callable[[View, ArgsT], Portions]]:
    """Enters a function that only looks into the table of commands."""

    def register(function: Callable[[View, ArgsT], Portions]) -> Callable[[View, ArgsT], Portions]:
        if not is_logged:
            UNLOGGED.add(name)
        LOOKS[name] = (typing.get_type_hints(function)["args"], function)
        return function

    return register


def act(
    name: str, *, is_logged: bool = True
) -> Callable[
    [Callable[[Services, ArgsT], Awaitable[Rows]]],
    Callable[[Services, ArgsT], Awaitable[Rows]],
]:
    """Enters any other function into the table of commands."""

    def register(
        function: Callable[[Services, ArgsT], Awaitable[Rows]],
    ) -> Callable[[Services, ArgsT], Awaitable[Rows]]:
        if not is_logged:
            UNLOGGED.add(name)
        ACTS[name] = (typing.get_type_hints(function)["args"], function)
        return function

    return register


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of a command."""


def _converted(args: dict[str, Any], kind: type[ArgsT]) -> ArgsT:
    try:
        return msgspec.convert(args, kind)
    except msgspec.ValidationError as fault:
        raise errors.BAD_REQUEST(str(fault)) from None
