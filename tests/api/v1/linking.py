"""Links of v1: made, looked up and visited."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.api.v1.people import Client, Json
from tests.api.v1.samples import DEFAULT_HOST

MAIN = "https://main.example/page?a=b#part"


def make(somebody: Client, destination: str = MAIN, **inputs: Any) -> str:
    """Makes a link, of his own team unless `inputs` say otherwise; its id."""
    given = {"teamId": somebody.own_team, "domainId": DEFAULT_HOST, "noTitle": True, **inputs}
    link: str = somebody.ask("entity/link/create", destination=destination, **given)["linkId"]
    return link


def shown(somebody: Client, link: str) -> Json:
    """A link as `link/list` shows it."""
    for hidden in (False, True):
        for one in somebody.ask("entity/link/list", hidden=hidden, size=1000)["links"]:
            if one["id"] == link:
                found: Json = one
                return found
    raise AssertionError("he does not see it")


def goes(somebody: Client, link: str, **options: Any) -> str | int:
    """Where a visit leads, or the status of its answer if nowhere."""
    answer = somebody.app.visit(shown(somebody, link)["url"], **options)
    location: str | None = answer.headers.get("location")
    return location if location is not None else answer.status_code


def path_of(somebody: Client, link: str) -> str:
    """`/<code>` of a link."""
    return urlsplit(shown(somebody, link)["url"]).path
