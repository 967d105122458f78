"""A server under attack, and how its other visitors fare meanwhile.

What counts is how long the event loop was held up: the time that its thread was on a processor
between a visitor's request and his answer. A busy machine makes that no longer, as it does what a
clock on the wall shows.

Attacks are short here. `ATTACK_SECONDS=60 pytest tests/attacks` makes each of them a siege.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.open_files import open_files
from tests.server.wire import Wire, request
from tests.server_process import ServerProcess

SECONDS = float(os.environ.get("ATTACK_SECONDS", "3"))
"""The length of one attack."""
VISIT_SECONDS = 0.02
ENOUGH = 20
"""Visits, for `held` to mean something."""
SLIPS = 3
"""Visits for which this process may have been kept from a processor itself, while the server went
on with what attacks it."""
MIB = 1 << 20


class Visit(NamedTuple):
    """One request of somebody who has nothing to do with the attack."""

    seconds: float
    held: float
    """Seconds of processor that the event loop spent before it had answered."""


class Siege:
    """What was seen of a server during an attack."""

    def __init__(self, server: ServerProcess, visit: bytes) -> None:
        self._pid = server.pid
        self._process = Path(f"/proc/{server.pid}")
        self._loop = self._process / "task" / str(server.pid) / "schedstat"
        self._port = server.port
        self._visit = visit
        self._stop = threading.Event()
        self._before = self.memory
        self._peak = self._before
        self.visits: list[Visit] = []
        self.failures = 0

    @property
    def memory(self) -> int:
        """The server's own memory in bytes: the mapped database is not in it."""
        lines = (self._process / "status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("RssAnon:")]
        return int(line.split()[1]) << 10

    @property
    def growth(self) -> int:
        """Bytes by which the memory had grown at the worst moment."""
        self._peak = max(self._peak, self.memory)
        return self._peak - self._before

    @property
    def is_enough(self) -> bool:
        """Whether an attack may end: enough is seen, or the visitor is gone."""
        return len(self.visits) > ENOUGH or self.failures > 0

    @property
    def held(self) -> float:
        """What 99 of 100 visitors had to wait for at most, and of few all but `SLIPS`, in s of the
        event loop's own time.
        """
        times = sorted(visit.held for visit in self.visits)
        assert len(times) > ENOUGH, "hardly anybody was answered"
        return times[-1 - max(SLIPS, len(times) // 100)]

    @property
    def descriptors(self) -> int:
        return len(open_files(self._pid))

    def processor_seconds(self) -> float:
        """What the event loop's thread has had of a processor so far."""
        return int(self._loop.read_text().split()[0]) / 1e9

    def watch(self) -> None:
        """Visits again and again, until `stop`."""
        try:
            with Wire(self._port, timeout=60) as wire:
                while not self._stop.wait(VISIT_SECONDS):
                    self.visit(wire)
        except (OSError, ValueError):
            self.failures += 1

    def visit(self, wire: Wire) -> Visit:
        """One visit, which has to be answered."""
        started, busy = time.monotonic(), self.processor_seconds()
        status = wire.ask(self._visit).status
        seen = Visit(time.monotonic() - started, self.processor_seconds() - busy)
        self.visits.append(seen)
        self._peak = max(self._peak, self.memory)
        self.failures += status != 302
        return seen

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def siege(server: ServerProcess, code: str) -> Iterator[Siege]:
    """Watches a server while something is done to it. Its visitors are all answered."""
    seen = Siege(server, request(f"/{code}"))
    visitor = threading.Thread(target=seen.watch)
    visitor.start()
    try:
        yield seen
    finally:
        seen.stop()
        visitor.join()
    assert seen.failures == 0


def flood(
    server: ServerProcess,
    data: bytes,
    *,
    megabits: float = 0,
    seconds: float = SECONDS,
    connections: int = 1,
    deaf: bool = False,
) -> tuple[int, int]:
    """Sends the bytes again and again at that rate for each connection, 0 being as fast as it goes:
    how many were sent, and how many came back.
    """
    rate = int(megabits * 1e6 / 8)
    command = [sys.executable, "-m", "tests.attacks.flood"]
    command += [str(server.port), str(round(seconds)), str(rate), str(connections)]
    ended = subprocess.run(
        [*command, *(["--deaf"] if deaf else [])], input=data, stdout=subprocess.PIPE, check=True
    )
    sent, received = ended.stdout.split()
    return int(sent), int(received)


class Target:
    """A server to attack: with an account, a link, and whatever a test adds."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        server.warm_up()
        self.userid = server.call("temporary_account")["userid"]
        self.code = self.shorten("https://example.com/a/destination/of/usual/length")

    def shorten(self, url: str) -> str:
        """The code of a new link."""
        entry = self.server.call("url", userid=self.userid, url=url)["entry"]
        return str(entry["shorturl"].rpartition("/")[2])

    def clicks(self, code: str) -> int:
        """What is counted of a link."""
        shorturl = f"{self.server.url}/{code}"
        entry = self.server.call("get_entry", userid=self.userid, shorturl=shorturl)["entry"]
        return int(entry["count"])

    def figure(self, name: str) -> float:
        """A figure of the metrics; 0 if there is none."""
        with Wire(self.server.port, timeout=60) as wire:
            text = wire.ask(request("/-/metrics")).body.decode()
        values = [line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(values[0]) if values else 0.0
