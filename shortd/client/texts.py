"""Text on the command line: what comes in must be text, and what goes out is always printed.

Arguments and variables are bytes, which Python decodes as the locale says and keeps what it
cannot decode as lone surrogates; a terminal may lack what is printed. Neither may end in a
traceback, whatever the command.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from shortd.client.failures import NotText


class Text(click.types.StringParamType):
    """A string that could be decoded; paths, which may be any bytes, are of another type."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        hint = param.get_error_hint(ctx) if param is not None else "An argument"
        return checked(super().convert(value, param, ctx), hint)


def take_text_alone(command: click.Command) -> None:
    """Makes a command, and all that are below it, refuse arguments that are no text."""
    for parameter in command.params:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = Text()
    if isinstance(command, click.Group):
        for below in command.commands.values():
            take_text_alone(below)


def print_anything() -> None:
    """From now on, what the terminal's encoding lacks is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        # There may be none, and it may be what it should be.
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="backslashreplace")


def variable(name: str) -> str:
    """A variable of the environment, "" without it. `NotText`."""
    return checked(os.environ.get(name, ""), name)


def checked(text: str, what: str) -> str:
    """The text. `NotText` for one that could not be decoded; `what` names it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotText(what) from None
    return text
