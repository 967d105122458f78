"""A name server on loopback, for whoever asks the one of /etc/resolv.conf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.message
import pytest

Answer = Callable[[dns.message.Message], dns.message.Message | None]
"""What becomes of a response without records yet; None is silence."""


class Server(asyncio.DatagramProtocol):
    """Answers every question."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[str] = []
        """Names and kinds of records."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        self.asked.append(" ".join(question.question[0].to_text().split()[::2]))
        response = self.answer(dns.message.make_response(question))
        if response is not None:
            self.transport.sendto(response.to_wire(), addr)


@asynccontextmanager
async def dns_server(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> AsyncIterator[Server]:
    """Everybody's name server, until the end of the block."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Server(answer), local_addr=("127.0.0.1", 0)
    )
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = ["127.0.0.1"]
    made.port = transport.get_extra_info("sockname")[1]
    with monkeypatch.context() as patch:
        patch.setattr(dns.asyncresolver, "Resolver", lambda: made)
        try:
            yield server
        finally:
            transport.close()
