"""The commands about plugins, and those that plugins bring: `shortd plugins`, `x`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shortd.client.failures import ClientFailure
from shortd.client.texts import take_text_alone
from shortd.commands.control import act, json_option, look
from shortd.commands.options import (
    Place,
    fail,
    located,
    placed,
    settings_options,
    the_place,
)
from shortd.commands.tables import print_json
from shortd.errors import ShortdError
from shortd.settings.config import ConfigError

if TYPE_CHECKING:
    from shortd.plugin_runtime.listing import Keeps


@click.group(invoke_without_command=True)
@click.pass_context
@placed
@json_option
def plugins(place: Place, ctx: click.Context, as_json: bool) -> None:
    """List the plugins, their hooks and how they are.

    Tells how they are in the running server; where none runs, what it would find.
    """
    if ctx.invoked_subcommand is not None:
        return
    import msgspec

    from shortd.control.asking import look_there
    from shortd.plugin_runtime.discovery import discover, passed_over
    from shortd.plugin_runtime.listing import PluginListed, found, lines, not_taken, with_kept

    told = [record for portion in look_there(place.settings, "plugins list") for record in portion]
    there = msgspec.convert(told, list[PluginListed]) or list(found(discover(place.settings)))
    listed = [*with_kept(there, _kept(place)), *not_taken(passed_over(place.settings))]
    if as_json:
        print_json([msgspec.to_builtins(listed)])
        return
    for line in lines(listed):
        click.echo(line)


def _kept(place: Place) -> dict[str, Keeps] | None:
    """What plugins keep, by their names; None where there are no data, or none for us to see."""
    from shortd.plugin_runtime.listing import Keeps
    from shortd.store.data_directory import StoreError

    try:
        return {
            record["name"]: Keeps(
                record["rows"], record["files"], record["row_bytes"] + record["file_bytes"]
            )
            for portion in look(place, "plugins kept list")
            for record in portion
        }
    except (StoreError, ShortdError, OSError):
        return None


@plugins.command()
@placed
@click.argument("name")
@click.confirmation_option(prompt="Delete the rows and files of this plugin, for good?")
def forget(place: Place, name: str) -> None:
    """Delete what a plugin keeps: rows, folder, waiting events.

    A plugin that was removed leaves both behind, as it may come back. What links have of a plugin
    stays with them.
    """
    act(place, "plugins forget", plugin=name)


@plugins.command("on")
@placed
@click.argument("name")
def turn_on(place: Place, name: str) -> None:
    """Call hooks of a plugin again that are paused.

    Hooks that fail are left alone for a while, and tried again by themselves; this is for who has
    mended the cause and need not wait. What still waits to be told to the plugin is told now.
    """
    act(place, "plugins on", name=name)


@plugins.command()
@placed
@click.argument("name")
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder to make, instead of ./shortd-NAME.",
)
@click.option(
    "--kind",
    type=click.Choice(["rule", "webhook", "check", "page"]),
    default="rule",
    show_default=True,
    help="What it does: lead visitors elsewhere, tell another server of links, look at destinations"
    " before links are made, or have a page.",
)
def new(place: Place, name: str, folder: Path | None, kind: str) -> None:
    """Write the package of a new plugin, with tests, to be changed.

    It can be installed, or the whole folder put into the plugins' folder.
    """
    from shortd.commands import skeleton

    reason = skeleton.unusable(name, place.settings.plugins.dir)
    if reason:
        fail([f"no plugin can be named {name!r}: {reason}"], status=2)
    folder = folder or Path(skeleton.distribution_of(name))
    skeleton.write(name, folder, kind)
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
