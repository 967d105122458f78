"""`shortd health`: does the server answer? For whatever looks after it, as containers do."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from itertools import chain
from pathlib import Path

import click

from shortd.commands.control import json_option
from shortd.commands.options import Place, fail, placed
from shortd.commands.tables import print_object
from shortd.settings import ServerSettings, Settings
from shortd.settings.config_checks import SOCKET
from shortd.settings.listening import hosts_of, sockets_of

SECONDS = 5.0
_ANSWER_BYTES = 1 << 20
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""What is listened on for any address, and one of them."""


@click.command()
@placed
@json_option
def health(place: Place, as_json: bool) -> None:
    """Ask whether the server answers.

    It is asked at /-/health where the settings say that it listens, or else where it says itself
    that it does. Exit status 0 if it is ready, also where it is degraded, which a line says:
    another start would not help then. 1 if there is no answer.
    """
    silent = []
    for where, connection in chain(_ways(place.settings.server), _ways_told(place.settings)):
        try:
            connection.request("GET", "/-/health", headers={"accept": "application/json"})
            answer = connection.getresponse()
            status, body = answer.status, answer.read(_ANSWER_BYTES)
            break
        except (OSError, HTTPException) as fault:
            silent.append(f"no answer at {where}: {fault or type(fault).__name__}")
        finally:
            connection.close()
    else:
        fail(silent)
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


class _SocketConnection(HTTPConnection):
    """A connection over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(os.fsencode(self._path))


def _ways(server: ServerSettings) -> Iterator[tuple[str, HTTPConnection]]:
    """How to reach the server, Unix sockets first, and what each way is called."""
    for path in sockets_of(server.host):
        yield f"{SOCKET}{path}", _SocketConnection(path)
    for named in hosts_of(server.host):
        host = _ANYWHERE.get(named, named)
        yield f"{host} port {server.port}", HTTPConnection(host, server.port, timeout=SECONDS)


def _ways_told(settings: Settings) -> Iterator[tuple[str, HTTPConnection]]:
    """The same by what the running server says: options and systemd may have named other places."""
    from shortd.control.asking import look_there
    from shortd.errors import ShortdError

    told: list[dict[str, str]] = []
    with suppress(ShortdError):
        for records in look_there(settings, "listening", seconds=SECONDS):
            told += records
    for record in told:
        address = record["address"]
        if address.startswith(SOCKET):
            yield address, _SocketConnection(Path(address.removeprefix(SOCKET)))
        else:
            named, _, port = address.rpartition(":")
            host = _ANYWHERE.get(named.strip("[]"), named.strip("[]"))
            yield f"{host} port {port}", HTTPConnection(host, int(port), timeout=SECONDS)
