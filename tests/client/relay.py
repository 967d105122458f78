"""A TCP relay in front of a server, which stops in the middle of a transfer when told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

CHUNK = 1 << 16


class Flow:
    """The bytes in one direction, over all connections."""

    def __init__(self) -> None:
        self.passed = 0
        self.held = threading.Event()
        """Set once the limit is reached."""
        self._open = threading.Event()
        self._open.set()
        self._limit: int | None = None
        self._lock = threading.Lock()

    def hold_after(self, size: int) -> None:
        """Lets so many bytes pass from now on, and then none."""
        with self._lock:
            self.passed = 0
            self._limit = size
            self.held.clear()
            self._open.clear()

    def release(self) -> None:
        """Lets everything pass, counted from 0. Connections that were held break."""
        with self._lock:
            self.passed = 0
            self._limit = None
            self._open.set()

    def take(self, size: int) -> bool:
        """Whether so many bytes may pass; if not, once they are released."""
        with self._lock:
            if self._limit is None or self.passed + size <= self._limit:
                self.passed += size
                return True
        self.held.set()
        self._open.wait()
        return False


class Relay:
    """Listens on `port` and speaks to the server on `server_port`. A context manager."""

    def __init__(self, port: int, server_port: int) -> None:
        self.up = Flow()
        """From clients to the server."""
        self.down = Flow()
        self._server = ("127.0.0.1", server_port)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._ends: set[socket.socket] = set()

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._ends):
            _shut(end)
        self.up.release()
        self.down.release()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            pumps = [
                threading.Thread(target=self._pump, args=ends, daemon=True)
                for ends in ((client, server, self.up), (server, client, self.down))
            ]
            for pump in pumps:
                pump.start()
            threading.Thread(target=_close, args=(pumps, client, server), daemon=True).start()
            self._ends |= {client, server}

    def _pump(self, source: socket.socket, target: socket.socket, flow: Flow) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(CHUNK)) and flow.take(len(data)):
                target.sendall(data)
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _close(pumps: list[threading.Thread], *ends: socket.socket) -> None:
    for pump in pumps:
        pump.join()
    for end in ends:
        end.close()
