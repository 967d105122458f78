"""`shortd serve`: the server."""

from __future__ import annotations

import os
from pathlib import Path

import click

from shortd.commands.options import located, settings_options
from shortd.settings.config import gather, settings_of
from shortd.settings.places import find


@click.command()
@settings_options
@click.option("--host", metavar="H", help="The address to listen on.")
@click.option("--port", metavar="P", type=click.IntRange(1, 65_535), help="The port to listen on.")
def serve(
    config_file: Path | None, data_dir: Path | None, host: str | None, port: int | None
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Without any settings it serves this machine alone, at http://127.0.0.1:8080, with data in
    ./shortd-data, which it makes if need be.
    """
    # First of all: process 1 of a container does not hear a signal that it has no handler for.
    from shortd.server.allocator import give_back_large_blocks
    from shortd.server.signals import Signals

    signals = Signals()
    give_back_large_blocks()
    file = find(config_file)
    given = gather(file, data_dir=data_dir, host=host, port=port, environ=os.environ)
    settings = settings_of(given)
    # What reading the catalogues takes is free again for what is imported behind it: a MB less.
    from shortd.languages import open_languages

    open_languages(settings.web.language, settings.web.languages)
    from shortd.server import logs
    from shortd.server.process import run

    logs.configure()
    with located(given):
        run(settings, signals, file)
