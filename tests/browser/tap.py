"""A relay between browsers and a server that keeps what they send."""

from __future__ import annotations

import contextlib
import socket

from tests.client.relay import CHUNK, Flow, Relay


class Tap(Relay):
    """`sent` is what went to the server, connection after connection as it came."""

    def __init__(self, port: int, server_port: int) -> None:
        super().__init__(port, server_port)
        self.sent = bytearray()

    def __enter__(self) -> Tap:
        super().__enter__()
        return self

    def _pump(self, source: socket.socket, target: socket.socket, flow: Flow) -> None:
        if flow is not self.up:
            super()._pump(source, target, flow)
            return
        with contextlib.suppress(OSError):
            while (data := source.recv(CHUNK)) and flow.take(len(data)):
                self.sent += data
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
