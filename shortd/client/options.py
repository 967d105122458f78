"""The forms that options of the client's commands have."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Duration(click.ParamType[int]):
    """A time such as 90s, 30m, 24h, 7d or 2w, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", str(value))
        if match is None:
            self.fail("expected a time such as 30m, 24h or 7d", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


def common_options(command: CommandFunction) -> CommandFunction:
    """Gives a command `patience` and `quiet`."""
    patience = click.option(
        "--patience",
        metavar="SECONDS",
        type=click.FloatRange(0),
        default=60,
        show_default=True,
        help="How long to wait in all for a server that does not answer or is busy.",
    )
    quiet = click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
    return patience(quiet(command))


def check_server(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return checked_address(value).rstrip("/")


def check_short_url(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return checked_address(value if "://" in value else f"https://{value}")


def checked_address(text: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname:
            return text
    raise click.BadParameter("expected an address such as https://example.org")


def check_code(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[A-Za-z0-9]{6,16}", value):
        raise click.BadParameter("expected 6 to 16 of A-Z, a-z, 0-9")
    return value
