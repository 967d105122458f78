"""Bodies that are sent but for their end: they take a bounded memory, and others get through."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import cycle

import pytest

from tests.attacks.siege import MIB, Target, siege
from tests.server.wire import HOST, Response, Wire, request
from tests.sharing.sharing import BOUNDARY, FORM_TYPE, wait_for

KIB = 1 << 10
GAUGE = "shortd_bodies_held_bytes"
FORM = "Content-Type: application/x-www-form-urlencoded"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="query"\r\n\r\n'.encode()
STRINGS = b'{"a":"' + b"x" * MIB
SHARE = MIB
MANY = 500


def half(target: str, start: bytes, *headers: str, length: int = 4 * MIB) -> bytes:
    """A request that lacks the end of its body."""
    return request(target, f"Content-Length: {length}", *headers, method="POST") + start


def in_chunks(target: str, start: bytes) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(start), start)
    return request(target, "Transfer-Encoding: chunked", method="POST") + chunk


HALVES = {
    "v2": half("/v2/url", STRINGS[: 900 * KIB]),
    "multi": half("/v2/multi", STRINGS[: 500 * KIB], length=600 * KIB),
    "v2 in chunks": in_chunks("/v2/url", STRINGS[: 900 * KIB]),
    "no such call": in_chunks("/v2/nothing", STRINGS[: 900 * KIB]),
    "v1": half("/v1/entity/link/list", STRINGS[: 900 * KIB], length=MIB),
    "v1 in chunks": in_chunks("/v1/entity/link/list", STRINGS[: 900 * KIB]),
    "sqwish": half("/shorten.json", b"url=" + b"x" * 60_000, FORM, length=65_000),
    "page": half("/-/open", b"code=" + b"x" * 60_000, FORM, length=65_000),
    "query": half("/v2/file", PART + STRINGS[: 900 * KIB], f"Content-Type: {FORM_TYPE}"),
    "nowhere": half("/-/nothing", STRINGS[: 900 * KIB]),
}
"""By kind. None of them has credentials."""


def connect(port: int, address: str) -> socket.socket:
    """A client at this address of loopback."""
    return socket.create_connection((HOST, port), timeout=60, source_address=(address, 0))


def addresses(count: int) -> Iterator[str]:
    return cycle(f"127.0.1.{number}" for number in range(1, count + 1))


@pytest.mark.parametrize("clients", [1, 30])
def test_half_sent_bodies(target: Target, clients: int) -> None:
    """Of all kinds, from one address and from many: and a call of somebody else's succeeds."""
    with siege(target.server, target.code) as seen, ExitStack() as stack:
        kinds, places = cycle(HALVES.values()), addresses(clients)
        for _ in range(MANY):
            client = stack.enter_context(closing(connect(target.server.port, next(places))))
            client.settimeout(1)
            try:
                client.sendall(next(kinds))
            except OSError:
                # It was refused, and does not take the rest.
                continue
        assert 0 < target.figure(GAUGE) <= clients * SHARE
        assert target.shorten("https://example.com/meanwhile")
    wait_for(lambda: target.figure(GAUGE) == 0)
    assert seen.growth < 64 * MIB


@pytest.mark.parametrize("kind", sorted(set(HALVES) - {"nowhere"}))
def test_each_kind_is_counted_and_let_go(target: Target, kind: str) -> None:
    with closing(connect(target.server.port, "127.0.2.1")) as client:
        client.sendall(HALVES[kind])
        wait_for(lambda: target.figure(GAUGE) > 0)
    wait_for(lambda: target.figure(GAUGE) == 0)


def large(size: int, *, first: bool, userid: str) -> bytes:
    """A call of so many bytes, with its credentials at its beginning or at its end."""
    names = {"userid": userid, "shorturl": "https://example.com/nothing", "padding": ""}
    order = list(names) if first else list(reversed(names))
    empty = json.dumps({name: names[name] for name in order}).encode()
    text = b"x" * (size - len(empty))
    return empty.replace(b'"padding": ""', b'"padding": "' + text + b'"')


def ask(wire: Wire, body: bytes) -> Response:
    return wire.ask(half("/v2/get_entry", body, length=len(body)))


def code_of(answer: Response) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def test_credentials_come_first(target: Target) -> None:
    with Wire(target.server.port, timeout=60) as wire:
        for size in (1000, SHARE - 1000, SHARE + 1000, 4 * MIB):
            body = large(size, first=True, userid=target.userid)
            assert code_of(ask(wire, body)) == (404, "entry_not_found"), size
        for size in (1000, SHARE - 1000):
            body = large(size, first=False, userid=target.userid)
            assert code_of(ask(wire, body)) == (404, "entry_not_found"), size
        # The client sends everything before it reads, and is told all the same.
        for userid, first in ((target.userid, False), ("0" * 32, True)):
            refusal = ask(wire, large(4 * MIB, first=first, userid=userid))
            assert code_of(refusal) == (413, "credentials_first")
            wait_for(lambda: target.figure(GAUGE) == 0)


def test_one_large_body_at_a_time_of_an_account(target: Target) -> None:
    first, second = (
        target.server.call("temporary_account")["userid"],
        target.server.call("temporary_account")["userid"],
    )
    body = large(2 * MIB, first=True, userid=first)
    with closing(connect(target.server.port, "127.0.3.1")) as client, ExitStack() as stack:
        client.sendall(half("/v2/get_entry", body[:-100], length=len(body)))
        wait_for(lambda: target.figure(GAUGE) == len(body) - 100)
        wire = stack.enter_context(Wire(target.server.port, timeout=60))
        refusal = ask(wire, body)
        assert code_of(refusal) == (503, "busy")
        assert refusal.headers["retry-after"] == "5"
        # Somebody else's, and a small one of the same account.
        assert ask(wire, large(2 * MIB, first=True, userid=second)).status == 404
        assert ask(wire, large(1000, first=True, userid=first)).status == 404
        client.sendall(body[-100:])
        wait_for(lambda: target.figure(GAUGE) == 0)
        assert ask(wire, body).status == 404


def test_a_file_is_no_body_in_memory(target: Target) -> None:
    """Only its query is."""
    query = json.dumps({"userid": target.userid, "filename": "x", "filesize": 3 * MIB}).encode()
    part = b'\r\n--%b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    start = PART + query + part % BOUNDARY.encode()
    end = b"\r\n--%b--\r\n" % BOUNDARY.encode()
    length = len(start) + 3 * MIB + len(end)
    head = half("/v2/file", start, f"Content-Type: {FORM_TYPE}", length=length)
    with Wire(target.server.port, timeout=60) as wire:
        wire.send(head, bytes(3 * MIB))
        wait_for(lambda: target.figure(GAUGE) == len(query))
        assert wire.ask(end).status == 200
    wait_for(lambda: target.figure(GAUGE) == 0)
