"""TXT records, from a DNS server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from shortd.txt_records import SystemTxtRecords

NAME = "_shortd.go.example."


class Server(asyncio.DatagramProtocol):
    """Answers every question with the records of `NAME`, or with a code."""

    def __init__(self, answer: Callable[[dns.message.Message], dns.message.Message | None]) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self.answer(dns.message.make_response(dns.message.from_wire(data)))
        if response is not None:
            self.transport.sendto(response.to_wire(), addr)


def with_records(response: dns.message.Message) -> dns.message.Message:
    texts = ('"v=spf1 -all"', '"shortd=" "abc"', '"\\255"')
    response.answer.append(dns.rrset.from_text(NAME, 60, "IN", "TXT", *texts))
    return response


def nothing(response: dns.message.Message) -> dns.message.Message:
    return response


def no_name(response: dns.message.Message) -> dns.message.Message:
    response.set_rcode(dns.rcode.NXDOMAIN)
    return response


def fault(response: dns.message.Message) -> dns.message.Message:
    response.set_rcode(dns.rcode.SERVFAIL)
    return response


def silence(response: dns.message.Message) -> None:
    return None


def asked(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[dns.message.Message], dns.message.Message | None],
) -> list[str]:
    async def ask() -> list[str]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Server(answer), local_addr=("127.0.0.1", 0)
        )

        def resolver() -> dns.asyncresolver.Resolver:
            made = dns.asyncresolver.Resolver(configure=False)
            made.nameservers = ["127.0.0.1"]
            made.port = transport.get_extra_info("sockname")[1]
            return made

        made = resolver()
        monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda: made)
        try:
            return await SystemTxtRecords().of(NAME)
        finally:
            transport.close()

    return asyncio.run(ask())


def test_records_are_joined_and_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(asked(monkeypatch, with_records)) == {"v=spf1 -all", "shortd=abc", "\ufffd"}


@pytest.mark.parametrize("answer", [nothing, no_name])
def test_no_records_are_no_fault(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[dns.message.Message], dns.message.Message | None],
) -> None:
    assert asked(monkeypatch, answer) == []


@pytest.mark.parametrize("answer", [fault, silence])
def test_a_dns_that_does_not_work_is_told(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[dns.message.Message], dns.message.Message | None],
) -> None:
    monkeypatch.setattr("shortd.txt_records.SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        asked(monkeypatch, answer)
