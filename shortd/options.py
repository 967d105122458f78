"""What the server's commands have in common: their options, and how they end in failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


def fail(problems: Iterable[str], *, status: int = 1) -> NoReturn:
    """Ends the command with one line for each problem."""
    for problem in problems:
        click.echo(f"shortd: {problem}", err=True)
    raise SystemExit(status)


def settings_options(command: CommandFunction) -> CommandFunction:
    """Gives a command `config_file` and `data_dir`, as `config.load` takes them."""
    config = click.option(
        "--config",
        "config_file",
        envvar="SHORTD_CONFIG",
        show_envvar=True,
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Settings in TOML; without it the defaults hold.",
    )
    data = click.option(
        "--data",
        "data_dir",
        envvar="SHORTD_DATA",
        show_envvar=True,
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="The data directory, instead of the one in the settings.",
    )
    return config(data(command))
