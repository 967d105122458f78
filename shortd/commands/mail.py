"""`shortd mail …`: whether mail goes out."""

from __future__ import annotations

import asyncio

import click

from shortd.commands.control import json_option, listing
from shortd.commands.options import Place, fail, placed, show
from shortd.commands.tables import Column, Record, field, time


@click.group()
def mail() -> None:
    """See whether mail goes out."""


def _next(mail: Record) -> str:
    return "given up" if mail["given_up_utime"] else time("next_utime")(mail)


MAILS = (
    Column("TO", field("recipient")),
    Column("WHAT", field("purpose")),
    Column("SINCE", time("created_utime")),
    Column("TRIED", field("attempts"), 1),
    Column("NEXT", _next),
    Column("WHY NOT YET", field("reason"), folds=True),
)


@mail.command("list")
@placed
@json_option
def mail_list(place: Place, as_json: bool) -> None:
    """List mail that waits, and what was given up in the last week."""
    listing(place, "mail list", MAILS, "no mail waits", as_json=as_json)


@mail.command()
@placed
@click.argument("address")
def test(place: Place, address: str) -> None:
    """Send a mail to ADDRESS, now and once, and say what became of it.

    The server need not be stopped.
    """
    from shortd.clock import SystemClock
    from shortd.languages import open_languages
    from shortd.mail import DeliveryFailure, Messages, send_test, transport_of

    settings = place.settings
    languages = open_languages(settings.web.language, settings.web.languages)
    messages = Messages(settings.public_url, settings.mail.sender, languages)
    way_out = transport_of(settings, messages.domain)
    if not settings.mail.smtp_url:
        # It goes into the data directory.
        place.enter()
    try:
        where = asyncio.run(send_test(messages, way_out, address, SystemClock().now()))
    except DeliveryFailure as failure:
        fail([f"not sent ({way_out}): {failure}"])
    show({"sent to": address, "through": where})
