"""`shortd health`: does the server answer? For whatever looks after it, as containers do."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException

import click

from shortd.commands.control import json_option
from shortd.commands.options import Place, fail, placed
from shortd.commands.tables import print_object

SECONDS = 5.0
_ANSWER_BYTES = 1 << 20
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""What is listened on for any address, and one of them."""


@click.command()
@placed
@json_option
def health(place: Place, as_json: bool) -> None:
    """Ask whether the server answers.

    It is asked at /-/health where the settings say that it listens. Exit status 0 if it is ready,
    also where it is degraded, which a line says: another start would not help then. 1 if there is
    no answer.
    """
    server = place.settings.server
    host = _ANYWHERE.get(server.host, server.host)
    where = f"{host} port {server.port}"
    connection = HTTPConnection(host, server.port, timeout=SECONDS)
    try:
        connection.request("GET", "/-/health", headers={"accept": "application/json"})
        answer = connection.getresponse()
        status, body = answer.status, answer.read(_ANSWER_BYTES)
    except (OSError, HTTPException) as fault:
        fail([f"no answer at {where}: {fault or type(fault).__name__}"])
    finally:
        connection.close()
    if status != 200:
        fail([f"the server at {where} answers {status}"])
    try:
        found = json.loads(body)
        state = str(found["status"])
    except (ValueError, KeyError, TypeError):
        fail([f"what answers at {where} is no shortd"])
    if as_json:
        print_object(found)
        return
    faults = [
        f"{part}: {told['fault']}"
        for part, told in found.items()
        if isinstance(told, dict) and told.get("fault")
    ]
    click.echo("; ".join([state, *faults]))
