"""What a name stands for, asked of a name server on loopback, never of the system's resolver."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.rrset
import pytest

from shortd.hosts.name_servers import addresses_of
from tests.hosts.dns_server import Answer, dns_server

RECORDS = {
    "A": ["192.0.2.2", "192.0.2.1"],
    "AAAA": ["2001:db8::1"],
}


def answering(silent: str = "", empty: str = "", faulty: str = "") -> Answer:
    """Records of both kinds, but for those."""

    def answer(response: dns.message.Message) -> dns.message.Message | None:
        [question] = response.question
        kind = question.to_text().split()[-1]
        if kind in silent.split():
            return None
        if kind in faulty.split():
            response.set_rcode(dns.rcode.SERVFAIL)
        elif kind not in empty.split():
            name = question.name
            response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *RECORDS[kind]))
        return response

    return answer


@pytest.fixture(autouse=True)
def by_name_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("socket.getaddrinfo")
    wait(monkeypatch, 60)


def wait(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """How long for answers. Not long where one never comes; where all do, this machine may be
    busy."""
    monkeypatch.setattr("shortd.hosts.name_servers.ADDRESS_SECONDS", seconds)


def asked(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, host: str = "go.example"
) -> tuple[list[str], list[str]]:
    """The addresses of a host, and what the name server was asked."""

    async def ask() -> tuple[list[str], list[str]]:
        async with dns_server(monkeypatch, answer) as server:
            return await addresses_of(host, 80), server.asked

    return asyncio.run(ask())


def test_addresses_of_both_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    found, questions = asked(monkeypatch, answering())
    assert sorted(found[:2]) == sorted(RECORDS["A"])
    assert found[2:] == RECORDS["AAAA"]
    # One may be asked again where this machine is busy.
    assert set(questions) == {"go.example. A", "go.example. AAAA"}


@pytest.mark.parametrize("how", ["silent", "empty", "faulty"])
@pytest.mark.parametrize(("missing", "other"), [("A", "AAAA"), ("AAAA", "A")])
def test_one_kind_is_enough(
    monkeypatch: pytest.MonkeyPatch, how: str, missing: str, other: str
) -> None:
    if how == "silent":
        wait(monkeypatch, 2)
    found, _ = asked(monkeypatch, answering(**{how: missing}))
    assert sorted(found) == sorted(RECORDS[other])


def test_none_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, answering(empty="A AAAA"))[0] == []


@pytest.mark.parametrize("how", ["silent", "faulty"])
def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    wait(monkeypatch, 0.4)
    with pytest.raises(TimeoutError):
        asked(monkeypatch, answering(**{how: "A AAAA"}))


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example"])
def test_what_is_no_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(TimeoutError):
        asked(monkeypatch, answering(), name)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("192.0.2.7", ["192.0.2.7"]),
        ("2001:db8:0::7", ["2001:db8::7"]),
        ("localhost", []),
        ("a.localhost", []),
    ],
)
def test_what_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, host: str, found: list[str]) -> None:
    assert asked(monkeypatch, answering(), host) == (found, [])


def test_names_that_nobody_answers_for_wait_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others need no threads that they might keep."""

    def answer(response: dns.message.Message) -> dns.message.Message | None:
        is_slow = response.question[0].name.to_text().startswith("slow")
        return None if is_slow else answering()(response)

    async def check() -> None:
        async with dns_server(monkeypatch, answer) as server:
            slow = [asyncio.ensure_future(addresses_of(f"slow{n}.x", 80)) for n in range(50)]
            while len(server.asked) < 100:
                await asyncio.sleep(0.001)
            assert len(await addresses_of("go.example", 80)) == 3
            assert not any(one.done() for one in slow)
            for one in slow:
                one.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    asyncio.run(check())
