"""A real `shortd serve` in a process of its own, for crashes, signals, sockets and speed."""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx

from tests import processes
from tests.preloaded import Forked, Preloaded

START_SECONDS = 60
LOWEST_PORT, PORTS = 12_000, 20_000
"""Below 32768, from where Linux takes the ports of connections."""
WORKERS = 8
"""Test processes at a time that have ports of their own, each its share of them."""
PLAIN = False
"""As httpx's `verify`: loopback speaks no TLS, and reading all authorities takes 26 ms a client."""


@cache
def preloaded() -> Preloaded:
    """What this test process forks its servers off."""
    started = Preloaded()
    atexit.register(started.close)
    return started


class ServerProcess:
    """A server over a data directory, which can be killed and started again on one port.

    `environ` may be changed between starts. `prelude` is Python that runs in the process
    before the command does, for what no setting reaches: before shortd is imported, or, if it
    `is_late`, once all of it is, which takes a second less. `log_file` defaults to one beside the
    data directory.
    """

    def __init__(
        self,
        data_dir: Path,
        environ: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        prelude: str = "",
        is_late: bool = False,
        log_file: Path | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # No settings file of the tester's own.
        small = {"SHORTD_CONFIG": os.devnull, "SHORTD_STORAGE__RESERVE_BYTES": "1048576"}
        self.environ = {**os.environ, **small, **(environ or {})}
        self.python = sys.executable
        self._prelude = prelude
        self._is_late = is_late
        self._process: subprocess.Popen[str] | Forked | None = None
        self._log = log_file or data_dir.parent / f"{data_dir.name}.log"

    @property
    def pid(self) -> int:
        return self._started.pid

    @property
    def log(self) -> str:
        """Everything the server wrote so far, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self.spawn()
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def spawn(self) -> None:
        """Starts the server and waits for nothing."""
        arguments = ["serve", "--data", str(self.data_dir), "--port", str(self.port)]
        with self._log.open("a") as log:
            if (self._is_late or not self._prelude) and self.python == sys.executable:
                self._process = preloaded().start(arguments, self.environ, log, self._prelude)
                return
            program = f"{self._prelude}\nfrom shortd.commands.cli import main\nmain()"
            command = [self.python, *(("-c", program) if self._prelude else ("-m", "shortd"))]
            self._process = processes.start(
                [*command, *arguments],
                is_lasting=True,
                env=self.environ,
                stdout=log,
                stderr=log,
                text=True,
            )

    def wait_until_ready(self) -> None:
        """Waits until a spawned server answers."""
        transport = httpx.HTTPTransport(verify=PLAIN)
        with httpx.Client(transport=transport) as client:
            for _ in range(START_SECONDS * 50):
                if not self.running:
                    raise AssertionError(f"the server ended: {self.log}")
                try:
                    client.get(f"{self.url}/-/health").raise_for_status()
                    return
                except httpx.TransportError:
                    # The port is not open yet; the process itself is the event waited for.
                    self._wait_a_moment()
        raise AssertionError(f"the server does not answer: {self.log}")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: nothing of the process gets to run again."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks the server to stop, unless it is gone already; its exit status."""
        self.send_signal(number)
        return self.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process is gone already."""
        self._started.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """Waits for the process to end: its exit status, negative if a signal ended it."""
        return self._started.wait(timeout=seconds)

    def call(self, name: str, /, **inputs: Any) -> dict[str, Any]:
        """A v2 call that must succeed: its output."""
        envelope = httpx.post(f"{self.url}/v2/{name}", json=inputs, timeout=60, verify=PLAIN).json()
        if envelope["status"] != "success":
            raise AssertionError(f"{name} failed: {envelope['error']}")
        output: dict[str, Any] = envelope["output"]
        return output

    def refusal(self, name: str, /, **inputs: Any) -> str:
        """The code that a v2 call is refused by; empty if it succeeds."""
        envelope = httpx.post(f"{self.url}/v2/{name}", json=inputs, timeout=60, verify=PLAIN).json()
        return str(envelope["error"]["code"]) if envelope["status"] != "success" else ""

    def warm_up(self) -> None:
        """Has the first click counted, for which the parser of user agents is made: that takes as
        much memory as many a leak.
        """
        userid = self.call("temporary_account")["userid"]
        made = self.call("url", userid=userid, url="https://example.com/")["entry"]
        with httpx.Client(base_url=self.url, verify=PLAIN, timeout=60) as client:
            client.get("/" + made["shorturl"].rpartition("/")[2])
            for _ in range(3000):
                if not client.get("/-/health").json()["clicks"]["backlog"]:
                    return
                self._wait_a_moment()
        raise AssertionError("the click is not counted")

    @property
    def _started(self) -> subprocess.Popen[str] | Forked:
        assert self._process is not None, "the server was never started"
        return self._process

    def _wait_a_moment(self) -> None:
        try:
            self._started.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            return


def free_port() -> int:
    """A port that nothing has on any address, and that nobody else gets before the server does, nor
    while it is started again: no connection, no other worker, and in this process no other server.
    """
    return next(filter(_is_free, _own_ports()))


def _is_free(port: int) -> bool:
    is_dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual else socket.AF_INET
    with (
        suppress(OSError),
        socket.create_server(("", port), family=family, dualstack_ipv6=is_dual),
    ):
        return True
    return False


@cache
def _own_ports() -> Iterator[int]:
    """Those of this worker, one after the other, round and round."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = range(LOWEST_PORT + worker % WORKERS, LOWEST_PORT + PORTS, WORKERS)
    # Not by `random`, which a test may have made repeat itself.
    begin = secrets.randbelow(len(own))
    return cycle([*own[begin:], *own[:begin]])
