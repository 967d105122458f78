"""TXT records, from a DNS server on loopback."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.rrset
import pytest

from shortd.hosts.txt_records import SystemTxtRecords
from tests.hosts.dns_server import Answer, dns_server

NAME = "_shortd.go.example."


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


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be busy."""
    monkeypatch.setattr("shortd.hosts.txt_records.SECONDS", 60)


def asked(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[str]:
    async def ask() -> list[str]:
        async with dns_server(monkeypatch, answer):
            return await SystemTxtRecords().of(NAME)

    return asyncio.run(ask())


def test_records_are_joined_and_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(asked(monkeypatch, with_records)) == {"v=spf1 -all", "shortd=abc", "\ufffd"}


@pytest.mark.parametrize("answer", [nothing, no_name])
def test_no_records_are_no_fault(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    assert asked(monkeypatch, answer) == []


@pytest.mark.parametrize("answer", [fault, silence])
def test_a_dns_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr("shortd.hosts.txt_records.SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        asked(monkeypatch, answer)
