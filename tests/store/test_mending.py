"""Mending makes what follows from rows agree with them, and leaves what somebody made alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from shortd.models.accounts import Account, AccountType
from shortd.models.files import Box, BoxItem, File, FilePart
from shortd.models.limits import Holding
from shortd.models.links import Link, RareTerms
from shortd.store import Store
from shortd.store.check import unreadable
from shortd.store.mending import mend
from shortd.store.schema import (
    ACCOUNTS,
    API_KEYS,
    BOX_ITEMS,
    BOXES,
    COUNTS,
    FILE_PARTS,
    FILES,
    HOLDINGS,
    LINKS,
    MEMBERS,
    STORED_BYTES,
    STRING_USES,
    STRINGS,
    TABLES,
    TEAMS,
    VISITS,
    VISITS_DUE,
)
from shortd.store.strings import USES_PER_ROW
from shortd.store.txn import Txn, WriteTxn
from tests.store.test_check import (
    KEY,
    LINK,
    OTHER,
    TEAM,
    found,
    invent_entry,
    lose_entry,
    make_team,
    misdirect_entry,
    store,
    use_id_twice,
)
from tests.store.things import write

__all__ = ["store"]


def rows(txn: Txn) -> dict[str, list[object]]:
    """What somebody made."""
    return {
        table.name: list(table.scan(txn))
        for table in (ACCOUNTS, LINKS, FILES, FILE_PARTS, COUNTS, VISITS, TEAMS)
    }


def miscount(txn: WriteTxn) -> None:
    for table in TABLES:
        for count in table.counts:
            for entry, _ in list(count.entries(txn)):
                count.add(txn, entry, 5)


def hold_wrongly(txn: WriteTxn) -> None:
    guest = Account("guest", AccountType.TEMPORARY, 0, clients=("client:x",))
    ACCOUNTS.put(txn, ("guest",), guest)
    HOLDINGS.put(txn, ("guest",), Holding(100, 7))
    HOLDINGS.put(txn, ("client:x",), Holding(1, 1))
    HOLDINGS.put(txn, ("client:y",), Holding(1, 1))


def lose_visits(txn: WriteTxn) -> None:
    VISITS_DUE.delete(txn, (0, 7))


def misfile_visits(txn: WriteTxn) -> None:
    VISITS_DUE.put(txn, (5, 7), True)
    VISITS_DUE.put(txn, (3, 1234), True)


def fill_box_wrongly(txn: WriteTxn) -> None:
    BOXES.put(txn, ("box",), Box("owner", "", 10, 10, 100, files=9, held=99))
    LINKS.put(
        txn, (0, "boxlink"), Link(12, "owner", 0, "boxlink", "box", 1, rare=RareTerms(box="box"))
    )
    FILES.put(txn, ("sent",), File("owner", "sent", 3, "", 3, box="box"))
    FILE_PARTS.put(txn, ("sent", 0), FilePart("c" * 32, 3, b""))
    BOX_ITEMS.put(txn, ("box", 0), BoxItem("sent", 0))


@pytest.mark.parametrize(
    "damage",
    [
        lose_entry,
        invent_entry,
        misdirect_entry,
        miscount,
        hold_wrongly,
        fill_box_wrongly,
        lose_visits,
        misfile_visits,
        lambda txn: STRING_USES.put(txn, (0,), [0, 5, 3, *[0] * (USES_PER_ROW - 3)]),
        lambda txn: STRING_USES.delete(txn, (0,)),
        lambda txn: STRINGS.put(txn, (77,), "nobody's"),
        lambda txn: STORED_BYTES.delete(txn, ("owner",)),
        lambda txn: STORED_BYTES.put(txn, ("nobody",), 4),
        lambda txn: API_KEYS.put(txn, ("gone", "k"), KEY),
    ],
)
def test_what_follows_from_rows_is_made_anew(
    store: Store, damage: Callable[[WriteTxn], object]
) -> None:
    write(store, make_team)
    write(store, damage)
    with store.read() as txn:
        before = rows(txn)
    assert found(store) != []
    write(store, mend)
    assert found(store) == []
    with store.read() as txn:
        assert rows(txn) == before


def test_what_belongs_to_nothing_goes(store: Store) -> None:
    write(store, make_team)
    write(store, lambda txn: LINKS.delete(txn, (LINK.host, LINK.code)))
    write(store, lambda txn: ACCOUNTS.delete(txn, ("other",)))
    write(store, mend)
    assert found(store) == []
    with store.read() as txn:
        assert [*COUNTS.scan(txn), *VISITS.scan(txn)] == []
        assert [key for key, _ in MEMBERS.scan(txn)] == [(TEAM, "owner")]


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        (use_id_twice, ["index links_by_id has two rows for (8,)"]),
        (lambda txn: LINKS.delete(txn, (0, "mnopqr")), ["file file has 0 links"]),
        (
            lambda txn: LINKS.put(txn, (0, "ghijkl"), replace(OTHER, filekey="gone")),
            ["a link shares gone, which is no file"],
        ),
    ],
)
def test_what_was_made_is_left_for_people(
    store: Store, damage: Callable[[WriteTxn], object], left: list[str]
) -> None:
    write(store, damage)
    with store.read() as txn:
        before = rows(txn)
    write(store, mend)
    assert found(store)[: len(left)] == left
    with store.read() as txn:
        assert rows(txn) == before


def test_mending_twice_changes_nothing_more(store: Store) -> None:
    write(store, use_id_twice)
    write(store, mend)
    once = found(store)
    write(store, mend)
    assert found(store) == once


def test_rows_that_cannot_be_read_are_all_that_is_told(store: Store) -> None:
    write(store, lose_entry)
    write(store, lambda txn: txn.raw.put(b"x", b"\xc1", db=txn.databases["accounts"]))
    assert found(store) == ["accounts has 1 rows that cannot be read"]
    with store.read() as txn:
        assert list(unreadable(txn)) == found(store)
