"""The commands about plugins, and those that plugins bring: `shortd plugins`, `x`, `import`."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from shortd.config import ConfigError, Settings, load
from shortd.options import fail, settings_options


@click.group(invoke_without_command=True)
@settings_options
@click.pass_context
def plugins(ctx: click.Context, config_file: Path | None, data_dir: Path | None) -> None:
    """List the plugins: what they do, their hooks, and why one cannot be used.

    A running server shows at /-/health which of them it has switched off.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    from shortd.plugins.discovery import discover
    from shortd.plugins.listing import lines

    for line in lines(discover(settings)):
        click.echo(line)


@plugins.command()
@click.argument("name")
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder to make, instead of ./shortd-NAME.",
)
@settings_options
def new(name: str, folder: Path | None, config_file: Path | None, data_dir: Path | None) -> None:
    """Write the package of a new plugin: it works, has a test, and waits to be changed."""
    from shortd import skeleton

    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    reason = skeleton.unusable(name, settings.plugins.dir)
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
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, ConfigError, OSError):
            raise
        except Exception as fault:
            fail([f"a plugin's command failed: {type(fault).__name__}: {fault}"])

    def _groups(self, ctx: click.Context) -> dict[str, click.Command]:
        from shortd.hookspecs import PROJECT
        from shortd.plugins.flaws import one_line
        from shortd.plugins.running import prepare, unstarted

        settings = _settings(ctx.params.get("config_file"), ctx.params.get("data_dir"))
        groups: dict[str, click.Command] = {}
        for name, plugin in unstarted(prepare(settings), settings.public_url):
            if not hasattr(plugin.commands, f"{PROJECT}_impl"):
                continue
            group = click.Group(name, help=(plugin.__doc__ or "").partition("\n")[0])
            try:
                for command in plugin.commands():
                    group.add_command(command)
            except Exception as fault:
                click.echo(f"shortd: plugin {name}: commands: {one_line(fault)}", err=True)
                continue
            groups[name] = group
        return groups


@click.group(cls=PluginGroups)
@settings_options
def x(config_file: Path | None, data_dir: Path | None) -> None:
    """Run a command that a plugin brings: shortd x NAME COMMAND."""


@click.command("import")
@settings_options
@click.option(
    "--owner", required=True, metavar="NAME", help="Userid, username or e-mail of their account."
)
@click.argument("format_name", metavar="FORMAT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_links(
    config_file: Path | None, data_dir: Path | None, owner: str, format_name: str, file: Path
) -> None:
    """Import links from a FILE in a FORMAT that a plugin reads. The server must be stopped.

    Links go in by the thousand, all of a batch or none; a code that is in use is never replaced.
    """
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    from shortd import logs

    logs.configure()
    done = asyncio.run(_import(settings, owner, format_name, file))
    click.echo(f"{done} links were imported.")


async def _import(settings: Settings, owner: str, format_name: str, file: Path) -> int:
    from shortd.plugins.flaws import one_line
    from shortd.services import open_services

    services = await open_services(settings)
    try:
        readers = importers(services.plugins.of_hook("importers"))
        if format_name not in readers:
            known = ", ".join(sorted(readers)) or "no plugin brings any"
            fail([f"there is no format {format_name!r}; formats: {known}"], status=2)
        account = services.accounts.named(owner)
        if account is None:
            fail([f"there is no account {owner!r}"])
        try:
            links = readers[format_name](file)
            return await services.importing.run(account, links, services.clock.now())
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


def _settings(config_file: Path | None, data_dir: Path | None) -> Settings:
    # Before the options are read, where --help comes first, the environment has to do.
    named = os.environ.get("SHORTD_CONFIG")
    file = config_file or (Path(named) if named else None)
    return load(file, data_dir=data_dir, environ=os.environ)
