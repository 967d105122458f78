"""What a supervisor is told of the process, by sd_notify(3): ready, reloading, stopping, alive.

Without one that listens, nothing is said. Nothing here may keep the server from its work: what
cannot be told is not told.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

TELL_SECONDS = 1.0
"""The longest that a supervisor may take to take a message."""
MESSAGE_BYTES = 4096
EXTEND_SECONDS = 120
"""How much longer a start may take, from each message on."""
EXTEND_EACH_SECONDS = 10.0
_USEC = 1_000_000


class Supervisor:
    """Whoever started this process and wants to know how it is; possibly nobody."""

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        """`address` is a path, or a name in no folder behind "@"."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds
        """How often it wants to hear that the process is alive; 0 for never."""

    @classmethod
    def of_environment(cls, environ: MutableMapping[str, str]) -> Supervisor:
        """The one that the variables name, which are taken away: they are for this process."""
        address = environ.pop("NOTIFY_SOCKET", "")
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        is_asked = usec.isascii() and usec.isdigit() and pid in ("", str(os.getpid()))
        # Other kinds of addresses, such as those of virtual machines, are not for us.
        known = address if address[:1] in ("/", "@") else ""
        return cls(known, int(usec) / _USEC if is_asked and known else 0.0)

    def tell(self, *lines: str, status: str = "") -> None:
        """Sends lines such as READY=1, and what people read in `systemctl status`."""
        if not self._address:
            return
        told = [*lines, *([f"STATUS={' '.join(status.split())}"] if status else ())]
        message = "\n".join(told).encode(errors="replace")[:MESSAGE_BYTES]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(TELL_SECONDS)
                channel.sendto(message, self._address)
        except OSError:
            # It is gone, or this is a sandbox.
            pass

    def ready(self, status: str) -> None:
        self.tell("READY=1", status=status)

    def stopping(self) -> None:
        self.tell("STOPPING=1", status="Stopping: what is under way is finished")

    def reloading(self) -> None:
        """`ready` has to follow."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def alive(self) -> None:
        self.tell("WATCHDOG=1")

    @contextmanager
    def patient(self, progress: Callable[[], str]) -> Iterator[None]:
        """Asks for more time to start, again and again, while the block goes on, and tells how far
        it is.
        """
        is_over = threading.Event()

        def ask() -> None:
            while True:
                self.tell(f"EXTEND_TIMEOUT_USEC={EXTEND_SECONDS * _USEC}", status=progress())
                if is_over.wait(EXTEND_EACH_SECONDS):
                    return

        if not self._address:
            yield
            return
        asking = threading.Thread(target=ask, name="shortd-notify", daemon=True)
        asking.start()
        try:
            yield
        finally:
            is_over.set()
            asking.join()
