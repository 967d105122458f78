"""`shortd serve`: the server."""

from __future__ import annotations

import os
from pathlib import Path

import click

from shortd.commands.options import located, settings_options
from shortd.settings.config import Given, gather
from shortd.settings.in_force import InForce
from shortd.settings.places import find
from shortd.settings.variables import PREFIX


@click.command()
@settings_options
@click.option(
    "--host",
    "hosts",
    metavar="H",
    multiple=True,
    help="An address to listen on, or unix:PATH; may be given several times.",
)
@click.option("--port", metavar="P", type=click.IntRange(1, 65_535), help="The port to listen on.")
@click.pass_context
def serve(
    ctx: click.Context,
    config_file: Path | None,
    data_dir: Path | None,
    hosts: tuple[str, ...],
    port: int | None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Without any settings it serves this machine alone, at http://127.0.0.1:8080, with data in
    ./shortd-data, which it makes if need be. Sockets that systemd passes take the place of --host
    and --port. SIGHUP has some of the settings read anew.
    """
    from shortd.server.allocator import give_back_large_blocks
    from shortd.server.signals import Signals

    signals = ctx.obj if isinstance(ctx.obj, Signals) else Signals()
    give_back_large_blocks()
    file = find(config_file)

    environ = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}

    def given_now() -> Given:
        return gather(file, data_dir=data_dir, hosts=hosts, port=port, environ=environ)

    in_force = InForce.gathered(given_now)
    settings = in_force.settings
    # What reading the catalogues takes is free again for what is imported behind it: a MB less.
    from shortd.languages import open_languages

    open_languages(settings.web.language, settings.web.languages)
    from shortd.server import logs
    from shortd.server.process import run

    logs.configure(settings=settings.log)
    with located(in_force.given):
        run(in_force, signals)
