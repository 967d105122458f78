"""Whatever bytes come, in whatever pieces: one connection holds nobody up, and takes no memory.

`corpus/` has requests, and things that are none, as clients and scanners send them. A new way to
harm the server belongs there as a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.siege import MIB, SECONDS, Siege, Target
from tests.server.wire import Wire, request
from tests.sharing.sharing import wait_for

CORPUS = {
    path.stem: path.read_bytes() for path in sorted(Path(__file__).with_name("corpus").iterdir())
}
CODE, USERID = b"CODE00", b"U" * 32
"""Stand for what a server drew."""
MOST_HELD = 0.1
"""Seconds of its own time for which the event loop may keep a visitor waiting."""
MOST_GROWTH = 64 * MIB

known = st.sampled_from(list(CORPUS.values()))
places = st.floats(0, 1)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """One of the corpus, perhaps with some of it left out, doubled, or changed."""
    data = draw(known)
    for _ in range(draw(st.integers(0, 3))):
        start, stop = sorted(int(draw(places) * len(data)) for _ in range(2))
        middle = draw(
            st.sampled_from([b"", data[start:stop] * 2, data[start:stop].swapcase()])
            | st.binary(max_size=8)
            | st.sampled_from([b"\r\n", b"\r\n\r\n", b"\n", b"\0", b" ", b":", b"\xff", b"9" * 30])
        )
        data = data[:start] + middle + data[stop:]
    return data


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """What one client sends, in pieces."""
    requests = draw(st.lists(known | mutated() | st.binary(max_size=40), min_size=1, max_size=8))
    data = b"".join(requests) * draw(st.sampled_from([1, 1, 1, 40]))
    cuts = sorted(int(draw(places) * len(data)) for _ in range(draw(st.integers(0, 5))))
    return [data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True)]


class Watch:
    """A server, and a visitor of it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.seen = Siege(target.server, request(f"/{target.code}"))
        self.visitor = Wire(target.server.port, timeout=60)

    def endure(self, pieces: list[bytes]) -> None:
        """Sends the pieces; after each of them the visitor gets his answer soon."""
        with Wire(self.target.server.port) as wire:
            for piece in pieces:
                piece = piece.replace(CODE, self.target.code.encode())
                # The server may have had enough.
                with suppress(ConnectionError):
                    wire.send(piece.replace(USERID, self.target.userid.encode()))
                for _ in range(2):
                    # The second is read when the first bytes of the piece have been.
                    assert self.seen.visit(self.visitor).held < MOST_HELD, pieces


@pytest.fixture(scope="module")
def watch(target: Target) -> Iterator[Watch]:
    watch = Watch(target)
    yield watch
    assert watch.seen.failures == 0
    assert watch.seen.growth < MOST_GROWTH
    # All that is held is the question.
    assert target.figure("shortd_connections_held_bytes") < 100
    wait_for(lambda: target.figure("shortd_connections") <= 2)
    watch.visitor.close()
    assert '"level": "error"' not in target.server.log


def test_the_corpus(watch: Watch) -> None:
    """Each as it is, at once and in single bytes, and many of it."""
    for data in CORPUS.values():
        watch.endure([data])
        watch.endure([data * 200])
        if len(data) < 300:
            watch.endure([data[at : at + 1] for at in range(0, len(data), 7)])


@given(conversations())
@settings(
    max_examples=int(60 * SECONDS),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_anything(watch: Watch, pieces: list[bytes]) -> None:
    watch.endure(pieces)
