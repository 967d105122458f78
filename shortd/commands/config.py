"""`shortd config …`: the settings."""

from __future__ import annotations

from collections.abc import Iterator

import click

from shortd.commands.control import json_option
from shortd.commands.options import Place, placed
from shortd.commands.options import show as show_facts
from shortd.commands.tables import print_json
from shortd.settings import Settings
from shortd.settings.config import ConfigError
from shortd.settings.config_checks import is_socket


@click.group()
def config() -> None:
    """Check the settings, and show them."""


@config.command()
@placed
def check(place: Place) -> None:
    """Check the settings, and show what follows from them.

    Finds all that would keep the server from starting, and what would keep calls from ever
    succeeding; changes nothing.
    """
    from shortd.issuers.issuers import callback_of
    from shortd.mail import Messages, transport_of
    from shortd.upkeep.settings_check import problems

    settings = place.settings
    found = list(problems(settings))
    if found:
        raise ConfigError(found)
    domain = Messages(settings.public_url, settings.mail.sender).domain
    show_facts(
        {
            "settings": place.given.file or "no file: defaults and environment",
            "links": settings.public_url,
            "listens": ", ".join(_listening(settings)),
            "data": place.data_dir,
            "mail": transport_of(settings, domain),
            **{
                f"callback of {name}": callback_of(name, settings.pages_url)
                for name in settings.auth.oidc.issuers
            },
        }
    )
    click.echo("The settings are fine.")


def _listening(settings: Settings) -> Iterator[str]:
    from shortd.settings.listening import hosts_of

    for host in hosts_of(settings.server.host):
        yield f"{host} port {settings.server.port}"
    yield from filter(is_socket, settings.server.host)


@config.command()
@placed
@json_option
def show(place: Place, as_json: bool) -> None:
    """Show every setting in effect, and where it comes from.

    The lines are TOML, as a settings file could have them, but for passwords, which are left out.
    """
    from shortd.plugin_runtime.running import prepare
    from shortd.settings.showing import facts, lines

    own = {name: value for name, value in prepare(place.settings).settings.items() if value}
    if as_json:
        print_json([list(facts(place.settings, place.given, own))])
        return
    for line in lines(place.settings, place.given, own):
        click.echo(line)
