"""A client that sends the same bytes again and again, in a process of its own.

    python -m tests.attacks.flood PORT SECONDS BYTES_PER_SECOND CONNECTIONS [--deaf] < bytes

Rate 0 is as fast as it goes. Answers are read and forgotten, or with `--deaf` not read at all. In
the end it prints the bytes that it sent and those it was answered.
"""

from __future__ import annotations

import socket
import sys
import time

HOST = "127.0.0.1"
STEP_SECONDS = 0.01


class Flood:
    """One connection that sends and reads whenever it can."""

    def __init__(self, port: int, data: bytes, *, is_deaf: bool) -> None:
        self.sent = self.received = 0
        self.is_open = True
        self._data = memoryview(data * max(1, 65536 // len(data)))
        self._size = len(self._data)
        self._is_deaf = is_deaf
        self.socket = socket.socket()
        if is_deaf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((HOST, port))
        self.socket.setblocking(False)

    def step(self, allowance: int) -> None:
        """Sends up to so many bytes and reads what there is."""
        try:
            if not self._is_deaf:
                while chunk := self.socket.recv(1 << 20):
                    self.received += len(chunk)
                self.is_open = False
                return
        except BlockingIOError:
            pass
        except OSError:
            self.is_open = False
            return
        try:
            while allowance > 0:
                start = self.sent % self._size
                sent = self.socket.send(self._data[start : start + allowance])
                self.sent += sent
                allowance -= sent
        except BlockingIOError:
            return
        except OSError:
            self.is_open = False


def main() -> None:
    port, seconds, rate, count = (int(text) for text in sys.argv[1:5])
    data = sys.stdin.buffer.read()
    floods = [Flood(port, data, is_deaf="--deaf" in sys.argv) for _ in range(count)]
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        for flood in floods:
            if flood.is_open:
                flood.step(1 << 20 if rate == 0 else int(passed * rate) - flood.sent)
        time.sleep(0.001 if rate == 0 else STEP_SECONDS)
    print(sum(flood.sent for flood in floods), sum(flood.received for flood in floods))


if __name__ == "__main__":
    main()
