"""Options for the terms of a link, for `shortd link add` and `link set`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from shortd.commands.ages import moment_option
from shortd.models.common import NEVER
from shortd.models.links import Forwarding

PASSWORD_VARIABLE = "SHORTD_LINK_PASSWORD"
FORWARDING = {one.name.lower(): int(one) for one in Forwarding}
ROBOTS = {"yes": True, "no": False, "server": "server"}
WHEN_HELP = (
    "WHEN is a day or a time such as 2027-01-31 or 2027-01-31T18:00+01:00 (UTC where no zone is"
    ' said), an age from now on such as 7d, or never. "" takes a text away.'
)

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

_UTM = ("source", "medium", "campaign", "term", "content")
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--title", metavar="TEXT", help="What its owner knows it by."),
    click.option("--tag", "tags", multiple=True, metavar="NAME", help="A tag; may be given again."),
    click.option("--no-tags", is_flag=True, help="Without tags."),
    click.option("--note", metavar="TEXT", help="For its owner; visitors never see it."),
    click.option(
        "--starts",
        "--valid-since",
        "starts",
        metavar="WHEN",
        callback=moment_option,
        help="No visit before that.",
    ),
    click.option(
        "--expires", metavar="WHEN", callback=moment_option, help="No visit from then on."
    ),
    click.option(
        "--max-clicks", type=click.IntRange(min=0), metavar="N", help="How often; 0 for any."
    ),
    click.option(
        "--count-unique/--count-all", default=None, help="Whether --max-clicks means visitors."
    ),
    click.option(
        "--unique-minutes",
        type=click.IntRange(min=0),
        metavar="N",
        help="Within which a visitor's clicks are one; 0: each counts.",
    ),
    click.option("--expired-url", metavar="URL", help="Where visits go once it has expired."),
    click.option("--used-up-url", metavar="URL", help="Where they go after --max-clicks."),
    click.option("--password", is_flag=True, help=f"Asks for it, or takes {PASSWORD_VARIABLE}."),
    click.option("--no-password", is_flag=True, help="Open to everybody."),
    *(
        click.option(f"--utm-{part}", metavar="TEXT", help=f"Sent along as utm_{part}.")
        for part in _UTM
    ),
    click.option(
        "--forward-query",
        type=click.Choice(list(FORWARDING)),
        help="Whether a visitor's query goes on, and whose value of a name counts.",
    ),
    click.option(
        "--robots", type=click.Choice(list(ROBOTS)), help="Whether search engines may list it."
    ),
    click.option("--archived/--not-archived", default=None, help="Left out of lists."),
    click.option("--tag-bits", type=int, metavar="N", help="v2's tag: 64 bits."),
)


def term_options(command: CommandFunction) -> CommandFunction:
    """Gives a command these options; `changes_of` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def changes_of(options: dict[str, Any]) -> dict[str, Any]:
    """What they come to, as `shortd.links.terms.TermChanges` has it."""
    tags, no_tags, password, no_password = (
        options[name] for name in ("tags", "no_tags", "password", "no_password")
    )
    if (tags and no_tags) or (password and no_password):
        raise click.UsageError("Either one or none.")
    expires, robots, forwarding = (options[name] for name in ("expires", "robots", "forward_query"))
    changes = {
        "title": options["title"],
        "tags": list(tags) if tags or no_tags else None,
        "note": options["note"],
        "valid_since": options["starts"],
        "expiration_utime": NEVER if expires == 0 else expires,
        "expiration_count": options["max_clicks"],
        "counts_unique": options["count_unique"],
        "unique_minutes": options["unique_minutes"],
        "date_fallback": options["expired_url"],
        "count_fallback": options["used_up_url"],
        "password": _asked() if password else "" if no_password else None,
        **{f"utm_{part}": options[f"utm_{part}"] for part in _UTM},
        "forwarding": None if forwarding is None else FORWARDING[forwarding],
        "robots": None if robots is None else ROBOTS[robots],
        "hidden": options["archived"],
        "tag": options["tag_bits"],
    }
    return {name: value for name, value in changes.items() if value is not None}


def _asked() -> str:
    from shortd.client.failures import ClientFailure
    from shortd.client.passwords import ask
    from shortd.client.texts import variable

    password = variable(PASSWORD_VARIABLE)
    if not password:
        password = ask("Password of the link: ", f"set {PASSWORD_VARIABLE}")
    if not password:
        raise ClientFailure("A password has at least one character.")
    return password
