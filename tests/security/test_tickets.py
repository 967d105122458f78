"""Tickets: for one purpose, for ten minutes, once."""

from __future__ import annotations

from random import Random

import pytest

from shortd.clock import MINUTE
from shortd.errors import BUSY, ShortdError
from shortd.security import tickets
from shortd.security.tickets import Tickets

NOW = 1_700_000_000_000_000


def test_a_ticket_is_for_what_it_was_issued() -> None:
    office = Tickets(Random(1))
    ticket = office.issue("sign-in", "ann", NOW)
    assert office.is_good(ticket, "sign-in", "ann", NOW)
    assert not office.is_good(ticket, "sign-in", "ben", NOW)
    assert not office.is_good(ticket, "passkey", "ann", NOW)
    assert not office.is_good(ticket, "sign", "-in:ann", NOW)
    assert not Tickets(Random(1)).is_good(ticket, "sign-in", "ann", NOW), "of another process"


def test_no_bit_of_it_can_be_changed() -> None:
    office = Tickets(Random(1))
    ticket = office.issue("sign-in", "ann", NOW)
    for bit in range(8 * len(ticket)):
        changed = bytearray(ticket)
        changed[bit // 8] ^= 1 << bit % 8
        assert not office.is_good(bytes(changed), "sign-in", "ann", NOW)
    for other in (b"", ticket[:-1], ticket + b"x"):
        assert not office.is_good(other, "sign-in", "ann", NOW)


@pytest.mark.parametrize(
    ("minutes", "is_good"), [(0, True), (9.99, True), (10, False), (-1, False)]
)
def test_it_lives_for_ten_minutes(minutes: float, is_good: bool) -> None:
    office = Tickets(Random(1))
    ticket = office.issue("sign-in", "ann", NOW)
    assert office.is_good(ticket, "sign-in", "ann", NOW + round(minutes * MINUTE)) is is_good


def test_it_is_spent_once() -> None:
    office = Tickets(Random(1))
    ticket = office.issue("sign-in", "ann", NOW)
    assert office.spend(ticket, NOW)
    assert not office.spend(ticket, NOW)
    assert not office.is_good(ticket, "sign-in", "ann", NOW)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who spends too many is told to wait, and none of those that were spent is good again."""
    monkeypatch.setattr(tickets, "MOST_SPENT", 100)
    office = Tickets(Random(1))
    spent = [office.issue("sign-in", "ann", NOW) for _ in range(101)]
    for ticket in spent[:100]:
        assert office.spend(ticket, NOW)
    with pytest.raises(ShortdError) as refusal:
        office.spend(spent[100], NOW)
    assert refusal.value.kind is BUSY
    assert not office.is_good(spent[0], "sign-in", "ann", NOW)
    later = NOW + 10 * MINUTE
    for _ in range(200):
        assert office.spend(office.issue("sign-in", "ann", later), later)
        later += 10 * MINUTE
