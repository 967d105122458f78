"""What the server's commands have in common: where the data and settings are that they are about.

Which settings file counts is said in `settings.places`; a command that acts says which it was.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, NoReturn, ParamSpec, TypeVar

import click
import msgspec

from shortd.settings.config import ConfigError, Given, Settings, gather, settings_of
from shortd.settings.config_reader import at_home
from shortd.settings.places import find

PARTLY = 3
"""Exit status of what was done in part."""

P = ParamSpec("P")
CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


class Place(NamedTuple):
    """What a command is about: the settings, where they come from, and by them the data."""

    settings: Settings
    given: Given

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    def check(self) -> None:
        """Raises StoreError where there are no data."""
        from shortd.store.data_directory import NoData, check_there

        try:
            check_there(self.data_dir)
        except NoData as fault:
            raise NoData(f"{fault} ({self._reason()})") from None

    def enter(self) -> None:
        """For a command that opens the data itself, before it does. Raises StoreError."""
        from shortd.store.data_directory import act_as_owner

        self.check()
        act_as_owner(self.data_dir)

    def tell(self) -> None:
        """Says on standard error which data and settings were used: once, and before what was found
        there. Of a command that fails nothing is said but why.
        """
        told = click.get_current_context().find_root().meta
        if __name__ not in told:
            told[__name__] = True
            said = f"shortd: data {self.data_dir}, settings {self.given.file or 'none'}"
            click.echo(said, err=True)

    def _reason(self) -> str:
        """Why it is this data directory."""
        origin = self.given.origin("data_dir")
        if origin:
            return f"data_dir of {origin}"
        file = self.given.file
        return f"{file} names no data_dir" if file else "no settings file was found"


def placed(command: Callable[Concatenate[Place, P], None]) -> Callable[..., None]:
    """Gives a command the options `--config` and `--data`, and the place that they name."""

    @functools.wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> None:
        file, data_dir = options.pop("config_file"), options.pop("data_dir")
        place = place_of(file, data_dir)  # type: ignore[arg-type]
        quieten()
        try:
            with located(place.given):
                command(place, *args, **options)
        except SystemExit as end:
            if end.code in (0, PARTLY):
                place.tell()
            raise
        # A group leaves that to its command.
        if click.get_current_context().invoked_subcommand is None:
            place.tell()

    return settings_options(run)


def place_of(config_file: Path | None, data_dir: Path | None) -> Place:
    """The place that options and environment name, or the usual one. Raises ConfigError."""
    given = gather(find(config_file), data_dir=data_dir, environ=os.environ)
    settings = settings_of(given)
    # Whoever reads of it knows which folder is meant.
    settings = msgspec.structs.replace(settings, data_dir=settings.data_dir.absolute())
    return Place(settings, given)


def the_place(ctx: click.Context) -> Place:
    """The place of a command whose options may not have been read, as where --help comes first:
    then the environment has to do. Raises ConfigError."""

    def given(option: str, variable: str) -> Path | None:
        named = os.environ.get(variable)
        return ctx.params.get(option) or (HomePath().convert(named, None, ctx) if named else None)

    return place_of(given("config_file", "SHORTD_CONFIG"), given("data_dir", "SHORTD_DATA"))


class HomePath(click.Path):
    """A path that may begin with "~": after the "=" of an option, no shell replaces it."""

    def __init__(self) -> None:
        # Whether it can be read, whoever reads it says better.
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(at_home(os.fspath(value)), param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


def settings_options(command: CommandFunction) -> CommandFunction:
    """Gives a command `config_file` and `data_dir`, behind options of its own."""
    config = click.option(
        "--config",
        "config_file",
        envvar="SHORTD_CONFIG",
        show_envvar=True,
        metavar="FILE",
        type=HomePath(),
        help="Settings in TOML; else ./config.toml or /etc/shortd/config.toml, if one is there.",
    )
    data = click.option(
        "--data",
        "data_dir",
        envvar="SHORTD_DATA",
        show_envvar=True,
        metavar="DIR",
        type=HomePath(),
        help="The data directory, instead of the one in the settings.",
    )
    own = list(getattr(command, "__click_params__", []))
    config(data(command))
    command.__click_params__[:] = [*command.__click_params__[len(own) :], *own]  # type: ignore[attr-defined]
    return command


@contextmanager
def located(given: Given) -> Iterator[None]:
    """Tells of settings that turn out to be unusable where they were set."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(map(given.located, error.problems)) from None


def quieten() -> None:
    """Lets a command say nothing but what it is for, and what went wrong, on standard error."""
    from shortd.server import logs
    from shortd.settings.settings import LogSettings

    logs.configure(settings=LogSettings(level="warning"))


def fail(problems: Iterable[str], *, status: int = 1) -> NoReturn:
    """Ends the command with one line for each problem."""
    for problem in problems:
        click.echo(f"shortd: {' '.join(problem.splitlines())}", err=True)
    raise SystemExit(status)


def show(facts: dict[str, object]) -> None:
    """Prints what a command found, a line for each."""
    width = max([8, *map(len, facts)]) + 2
    for name, value in facts.items():
        click.echo(f"{click.style(f'{name:<{width}}', bold=True)}{value}")
