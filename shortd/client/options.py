"""The forms that options of the client's commands have."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class FilePath(click.Path):
    """A file that is there, or "-"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if re.match(r"https?://", str(value)) and not os.path.lexists(value):
            self.fail(f"{value} is no file; --to {value} sends to a box", param, ctx)
        return super().convert(value, param, ctx)


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


def account_options(whose: str) -> Callable[[CommandFunction], CommandFunction]:
    """Gives a command `userid`, `token` and `username`; `whose` says what the account is for."""

    def decorate(command: CommandFunction) -> CommandFunction:
        userid = click.option("--userid", envvar="SHORTD_USERID", show_envvar=True, help=whose)
        token = click.option(
            "--token", envvar="SHORTD_TOKEN", show_envvar=True, help="A registered account's token."
        )
        username = click.option(
            "--username", metavar="NAME", help="Log in by name or e-mail; asks for a password."
        )
        return userid(token(username(command)))

    return decorate


def check_account(userid: str | None, token: str | None, username: str | None) -> None:
    """UsageError for an account that is named twice or by half."""
    if username and (userid or token):
        raise click.UsageError("--username logs in by itself: no --userid or --token with it.")
    if token and not userid:
        raise click.UsageError("--token needs its --userid.")


def check_server(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else checked_address(value).rstrip("/")


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
