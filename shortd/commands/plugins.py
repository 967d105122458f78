"""The commands about plugins, and those that plugins bring: `shortd plugins`, `x`, `import`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from shortd.client.failures import ClientFailure
from shortd.client.texts import take_text_alone
from shortd.commands.control import json_option
from shortd.commands.options import (
    Place,
    fail,
    located,
    placed,
    settings_options,
    the_place,
)
from shortd.commands.tables import print_json
from shortd.settings.config import ConfigError, Settings


@click.group(invoke_without_command=True)
@click.pass_context
@placed
@json_option
def plugins(place: Place, ctx: click.Context, as_json: bool) -> None:
    """List the plugins, their hooks, and why one cannot be used.

    A running server shows at /-/health which of them it has switched off.
    """
    if ctx.invoked_subcommand is not None:
        return
    from shortd.plugin_runtime.discovery import discover
    from shortd.plugin_runtime.listing import facts, lines

    found = discover(place.settings)
    if as_json:
        print_json([list(facts(found))])
        return
    for line in lines(found):
        click.echo(line)


@plugins.command()
@placed
@click.argument("name")
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder to make, instead of ./shortd-NAME.",
)
def new(place: Place, name: str, folder: Path | None) -> None:
    """Write the package of a new plugin, with a test, to be changed."""
    from shortd.commands import skeleton

    reason = skeleton.unusable(name, place.settings.plugins.dir)
    if reason:
        fail([f"no plugin can be named {name!r}: {reason}"], status=2)
    folder = folder or Path(skeleton.distribution_of(name))
    skeleton.write(name, folder)
    click.echo(f"{folder} is a package with the plugin {name}. To try it:")
    click.echo(f"  cd {shlex.quote(str(folder))} && pip install -e '.[test]' && pytest")


class PluginGroups(click.Group):
    """A group for each plugin that has commands, made when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._groups(ctx))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return self._groups(ctx).get(name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            the_place(ctx).tell()
            return result
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except (ClientFailure, ConfigError, OSError):
            raise
        except Exception as fault:
            fail([f"a plugin's command failed: {type(fault).__name__}: {fault}"])

    def _groups(self, ctx: click.Context) -> dict[str, click.Command]:
        from shortd.plugin.hookspecs import PROJECT
        from shortd.plugin_runtime.flaws import one_line
        from shortd.plugin_runtime.running import prepare, unstarted

        place = the_place(ctx)
        groups: dict[str, click.Command] = {}
        with located(place.given):
            prepared = prepare(place.settings)
        for name, plugin in unstarted(prepared, place.settings.public_url):
            if not hasattr(plugin.commands, f"{PROJECT}_impl"):
                continue
            group = click.Group(name, help=(plugin.__doc__ or "").partition("\n")[0])
            try:
                for command in plugin.commands():
                    group.add_command(command)
                take_text_alone(group)
            except Exception as fault:
                click.echo(f"shortd: plugin {name}: commands: {one_line(fault)}", err=True)
                continue
            groups[name] = group
        return groups


@click.group(cls=PluginGroups)
@settings_options
def x(config_file: Path | None, data_dir: Path | None) -> None:
    """Run a plugin's command: shortd x NAME COMMAND."""


class ImportCommand(click.Command):
    """Says which formats there are, to whoever asks for help or names none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as missing:
            formats = _formats(the_place(ctx))
            raise click.UsageError(f"{missing.format_message()} {formats}", ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_formats(the_place(ctx)))


@click.command("import", cls=ImportCommand)
@placed
@click.option(
    "--owner", required=True, metavar="NAME", help="Userid, username or e-mail of their account."
)
@click.argument("format_name", metavar="FORMAT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_links(place: Place, owner: str, format_name: str, file: Path) -> None:
    """Import links from a FILE. The server must be stopped.

    Links go in by the thousand, all of a batch or none; a code that is in use is never replaced.
    FORMAT is one that a plugin reads.
    """
    place.enter()
    done = asyncio.run(_import(place.settings, owner, format_name, file))
    click.echo(f"{done} links were imported.")


async def _import(settings: Settings, owner: str, format_name: str, file: Path) -> int:
    from shortd.control.own_addresses import know_own_addresses
    from shortd.models.audit import Action
    from shortd.plugin_runtime.flaws import one_line
    from shortd.services import open_services
    from shortd.upkeep.audit import COMMAND

    services = await open_services(settings, serving=False)
    know_own_addresses(services)
    try:
        readers = importers(services.plugin_runtime.plugins.of_hook("importers"))
        if format_name not in readers:
            fail([f"there is no format {format_name!r}. {_listed(readers)}"], status=2)
        account = services.accounts.accounts.named(owner)
        if account is None:
            fail([f"there is no account {owner!r}"])
        try:
            links = readers[format_name](file)
            now = services.clock.now()
            audit, said = services.upkeep.audit, f"{file.name}, {format_name}"
            async with audit.noting(COMMAND, Action.IMPORT_LINKS, now, about=account, detail=said):
                return await services.links.importing.run(account, links, now)
        except (ValueError, TypeError, LookupError) as fault:
            fail([f"{file}: {one_line(fault)}"])
    finally:
        await services.close()


def importers(
    implementations: Iterable[tuple[Any, Any]],
) -> dict[str, Callable[[Path], Iterable[object]]]:
    """By format; of two plugins with one format the first one's."""
    readers: dict[str, Callable[[Path], Iterable[object]]] = {}
    for _, hook in implementations:
        answer = hook()
        if hook.takes(Mapping, answer=answer):
            readers = {**answer, **readers}
    return readers


def _formats(place: Place) -> str:
    """Which formats plugins read, in a sentence; none of them is started for that."""
    from shortd.plugin_runtime.running import prepare, unstarted

    names: set[str] = set()
    with located(place.given):
        prepared = prepare(place.settings)
    for _, plugin in unstarted(prepared, place.settings.public_url):
        with suppress(Exception):
            names.update(plugin.importers())
    return _listed(names)


def _listed(formats: Iterable[str]) -> str:
    names = ", ".join(sorted(formats))
    return f"Formats: {names}." if names else "There is no format: no plugin here brings any."
