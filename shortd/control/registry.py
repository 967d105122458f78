"""The table of commands, and how one of it is run."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.control.wire import Rows
from shortd.services import Services
from shortd.store import Store

ArgsT = TypeVar("ArgsT", bound=msgspec.Struct)
Look = Callable[[Store, Any], Rows]
Act = Callable[[Services, Any], Awaitable[Rows]]

LOOKS: dict[str, tuple[type[msgspec.Struct], Look]] = {}
"""By name, the type of the arguments of a command that only looks, and what runs it."""
ACTS: dict[str, tuple[type[msgspec.Struct], Act]] = {}
"""The same of all others."""
UNLOGGED: set[str] = set()
"""Those that come by the hundred for one thing that is done."""


async def run(services: Services, command: str, args: dict[str, Any]) -> Rows:
    """Runs a command. BAD_REQUEST for one that does not exist or has other arguments."""
    if command in LOOKS:
        return run_look(services.store, command, args)
    kind, function = ACTS.get(command, (None, None))
    if kind is None or function is None:
        raise errors.BAD_REQUEST(f"There is no command {command}.")
    return await function(services, _converted(args, kind))


def run_look(store: Store, command: str, args: dict[str, Any]) -> Rows:
    """Runs a command that is given the store alone: of one that is only read, too."""
    kind, function = LOOKS[command]
    return function(store, _converted(args, kind))


def look(name: str) -> Callable[[Callable[[Store, ArgsT], Rows]], Callable[[Store, ArgsT], Rows]]:
    """Enters a function that only looks into the table of commands."""

    def register(function: Callable[[Store, ArgsT], Rows]) -> Callable[[Store, ArgsT], Rows]:
        LOOKS[name] = (typing.get_type_hints(function)["args"], function)
        return function

    return register


def act(
    name: str, *, is_logged: bool = True
) -> Callable[
    [Callable[[Services, ArgsT], Awaitable[Rows]]], Callable[[Services, ArgsT], Awaitable[Rows]]
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
