"""The command line: reads options, calls what does the work, and prints the outcome.

One place turns a refusal into a line on standard error and an exit status: 2 for settings and
usage, 1 for anything else. Logic that is worth a test of its own belongs elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from shortd import __version__
from shortd.client.commands import fetch, send
from shortd.client.failures import ClientFailure
from shortd.config import ConfigError, load
from shortd.operator_commands import GROUPS
from shortd.options import fail, settings_options
from shortd.plugin_commands import import_links, plugins, x
from shortd.stats_commands import stats

if TYPE_CHECKING:
    from shortd.mail import Transport
    from shortd.settings import Settings

EXAMPLE = "config.example.toml"


class Commands(click.Group):
    """The group of all commands; whatever any of them raises is rendered here."""

    def invoke(self, ctx: click.Context) -> Any:
        # Not needed by --help and --version, which never get here.
        from shortd.errors import ShortdError
        from shortd.store import StoreError

        try:
            return super().invoke(ctx)
        except ConfigError as error:
            fail(error.problems, status=2)
        except (ShortdError, StoreError, ClientFailure) as error:
            fail([str(error)])
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            fail([f"{error.filename}: {reason}" if error.filename else reason])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="shortd %(version)s")
def main() -> None:
    """A self-hosted URL shortener and file-sharing server."""


# The client: settings and data directory are the server's own affair.
main.add_command(send)
main.add_command(fetch)
main.add_command(plugins)
main.add_command(x)
main.add_command(import_links)
main.add_command(stats)
for group in GROUPS:
    main.add_command(group)


@main.command()
@settings_options
@click.option("--host", metavar="H", help="The address to listen on.")
@click.option("--port", metavar="P", type=click.IntRange(1, 65_535), help="The port to listen on.")
def serve(
    config_file: Path | None, data_dir: Path | None, host: str | None, port: int | None
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    settings = load(config_file, data_dir=data_dir, host=host, port=port, environ=os.environ)
    from shortd import logs
    from shortd.server import run

    logs.configure()
    run(settings)


@main.command()
@settings_options
def init(config_file: Path | None, data_dir: Path | None) -> None:
    """Write a commented settings file (./config.toml) and create the data directory.

    An existing settings file is never touched.
    """
    file = config_file or Path("config.toml")
    text = _example()
    if data_dir is not None:
        text = text.replace(
            '#data_dir = "./shortd-data"',
            f"data_dir = {json.dumps(str(data_dir), ensure_ascii=False)}",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A mail account's password may be written into it.
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        fail([f"{file}: exists already; nothing was written"])
    file.write_text(text, encoding="utf-8")
    settings = load(file, data_dir=data_dir, environ={})
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _show({"settings": file, "data": settings.data_dir, "next": f"shortd serve --config {file}"})


@main.group()
def config() -> None:
    """Look after the settings."""


@config.command()
@settings_options
def check(config_file: Path | None, data_dir: Path | None) -> None:
    """Check the settings, and show what follows from them."""
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    from shortd.countries import open_countries
    from shortd.plugins.discovery import check_all

    check_all(settings)
    open_countries(settings.clicks.geoip_db)
    _show(
        {
            "settings": config_file or "no file: defaults and environment",
            "links": settings.public_url,
            "listens": f"{settings.server.host} port {settings.server.port}",
            "data": settings.data_dir,
            "mail": _transport(settings),
        }
    )
    click.echo("The settings are fine.")


@main.group()
def mail() -> None:
    """Look after mail."""


@mail.command()
@settings_options
@click.argument("address")
def test(config_file: Path | None, data_dir: Path | None, address: str) -> None:
    """Send a mail to ADDRESS, now and once, and say what became of it.

    The server need not be stopped.
    """
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    from shortd.clock import SystemClock
    from shortd.mail import DeliveryFailure, Messages, send_test

    messages = Messages(settings.public_url, settings.mail.sender)
    transport = _transport(settings)
    try:
        where = asyncio.run(send_test(messages, transport, address, SystemClock().now()))
    except DeliveryFailure as failure:
        fail([f"not sent ({transport}): {failure}"])
    _show({"sent to": address, "through": where})


@main.command()
@settings_options
def doctor(config_file: Path | None, data_dir: Path | None) -> None:
    """Check what is stored against itself. The server must be stopped."""
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    from shortd.blobs import stored_blobs
    from shortd.clock import utc_text
    from shortd.mail.outbox import given_up, status_of
    from shortd.store import Store
    from shortd.store.check import faults

    store = Store(settings.data_dir, map_bytes=settings.storage.map_bytes)
    blobs = {name: status.st_size for name, status in stored_blobs(settings.data_dir / "files")}
    try:
        with store.read() as txn:
            found = list(faults(txn, blobs))
            outbox, lost = status_of(txn), given_up(txn)
    finally:
        store.close()
    if outbox.oldest_utime is not None:
        since = utc_text(outbox.oldest_utime)
        click.echo(f"Mail waiting: {outbox.waiting}, the oldest since {since}.")
    for row in lost:
        click.echo(
            f"A mail to {row.recipient} ({row.purpose}) was given up"
            f" at {utc_text(row.given_up_utime)} after {row.attempts} attempts: {row.reason}"
        )
    if found:
        fail(found)
    click.echo("Everything stored agrees with itself.")


def _transport(settings: Settings) -> Transport:
    from shortd.mail import Messages, transport_of

    return transport_of(settings, Messages(settings.public_url, settings.mail.sender).domain)


def _example() -> str:
    packaged = resources.files("shortd") / EXAMPLE
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    # A checkout has it beside the package.
    return Path(__file__).parents[1].joinpath(EXAMPLE).read_text(encoding="utf-8")


def _show(facts: dict[str, object]) -> None:
    console = Console(markup=False, highlight=False)
    for name, value in facts.items():
        console.print(Text.assemble((f"{name:<10}", "bold"), str(value)), soft_wrap=True)
