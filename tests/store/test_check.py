"""The check finds every kind of contradiction, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shortd.models import Account, AccountType, Counts, DayStats, Link, Visit
from shortd.store import Store
from shortd.store.check import faults
from shortd.store.schema import (
    ACCOUNTS,
    COUNTS,
    DAY_STATS,
    LINKS,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    VISITS,
)
from shortd.store.table import WriteTxn
from tests.store.things import write

LINK = Link(7, "owner", 0, "abcdef", "https://example.com/", 1)
OTHER = Link(8, "owner", 0, "ghijkl", "https://example.com/", 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An account with two links, one of them visited."""

    def furnish(txn: WriteTxn) -> None:
        ACCOUNTS.put(txn, ("owner",), Account("owner", AccountType.TEMPORARY, 0))
        for link in (LINK, OTHER):
            LINKS.put(txn, (link.host, link.code), link)
        COUNTS.put(txn, (7,), Counts(1, 0, 1, 1))
        DAY_STATS.put(txn, (7, 0), DayStats(1))
        VISITS.put(txn, (7, 0), Visit(5, 0, "", "", "", ""))

    opened = Store(tmp_path)
    write(opened, furnish)
    yield opened
    opened.close()


def found(store: Store) -> list[str]:
    with store.read() as txn:
        return list(faults(txn))


def test_a_sound_database_has_no_faults(store: Store) -> None:
    assert found(store) == []


def lose_entry(txn: WriteTxn) -> None:
    txn.raw.delete(LINKS_BY_ID.key.encode((7,)), db=txn.databases["links_by_id"])


def invent_entry(txn: WriteTxn) -> None:
    key = LINKS_BY_OWNER.key.encode(("owner", 9, 9, 9))
    txn.raw.put(key, LINKS.key.encode((0, "abcdef")), db=txn.databases["links_by_owner"])


def misdirect_entry(txn: WriteTxn) -> None:
    key, row = LINKS_BY_ID.key.encode((8,)), LINKS.key.encode((0, "abcdef"))
    txn.raw.put(key, row, db=txn.databases["links_by_id"])


def lose_account(txn: WriteTxn) -> None:
    ACCOUNTS.delete(txn, ("owner",))


@pytest.mark.parametrize(
    ("damage", "lines"),
    [
        (
            lose_entry,
            [
                "index links_by_id lacks (7,)",
                "counts holds a row of link 7, which does not exist",
                "day_stats holds a row of link 7, which does not exist",
                "visits holds a row of link 7, which does not exist",
            ],
        ),
        (
            invent_entry,
            ["index links_by_owner holds ('owner', 9, 9, 9), which is no row's"],
        ),
        (misdirect_entry, ["index links_by_id points (8,) to another row"]),
        (lose_account, ["link 7 belongs to no account", "link 8 belongs to no account"]),
        (
            lambda txn: COUNTS.put(txn, (1234,), Counts()),
            ["counts holds a row of link 1234, which does not exist"],
        ),
        (
            lambda txn: DAY_STATS.put(txn, (1234, 5), DayStats()),
            ["day_stats holds a row of link 1234, which does not exist"],
        ),
        (
            lambda txn: VISITS.put(txn, (1234, 5), Visit(0, 0, "", "", "", "")),
            ["visits holds a row of link 1234, which does not exist"],
        ),
    ],
    ids=["lost", "invented", "misdirected", "ownerless", "counts", "day stats", "visits"],
)
def test_damage_is_told_a_line_for_each_contradiction(
    store: Store, damage: Callable[[WriteTxn], None], lines: list[str]
) -> None:
    write(store, damage)
    assert found(store) == lines


def test_checking_repairs_nothing(store: Store) -> None:
    write(store, lose_entry)
    assert found(store) == found(store) != []
