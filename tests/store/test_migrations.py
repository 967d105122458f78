"""Each step from an older schema, on a database as that one had it."""

from __future__ import annotations

from pathlib import Path

from shortd.ids import DRAWN_IDS, base62_encode
from shortd.models import Account, AccountType, Host, Link
from shortd.store import VERSION_KEY, Store
from shortd.store.check import faults
from shortd.store.schema import ACCOUNTS, HOSTS, LINKS, LINKS_BY_ID, META
from shortd.store.txn import WriteTxn
from tests.store.things import write

SPELLED = [0, 7, 62**5, DRAWN_IDS - 1]
OTHERS = {8: (0, "Another1"), 9: (0, base62_encode(10)), 11: (1, base62_encode(11))}


def link(link_id: int, host: int, code: str) -> Link:
    return Link(link_id, "owner", host, code, "https://example.com/", utime=link_id)


def make_schema_1(txn: WriteTxn) -> None:
    """Until then LINKS_BY_ID held every link."""
    ACCOUNTS.put(txn, ("owner",), Account("owner", AccountType.REGISTERED, 0))
    for number in (0, 1):
        HOSTS.put(txn, (f"{number}.example",), Host(number, f"https://{number}.example"))
    for link_id, address in {**{id: (0, base62_encode(id)) for id in SPELLED}, **OTHERS}.items():
        LINKS.put(txn, address, link(link_id, *address))
        entry, raw_key = LINKS_BY_ID.key.encode((link_id,)), LINKS.key.encode(address)
        txn.raw.put(entry, raw_key, db=txn.databases[LINKS_BY_ID.name])
    META.put(txn, VERSION_KEY, 1)


def test_from_1_ids_that_spell_their_links_address_have_no_entry(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, make_schema_1)
    with store.read() as txn:
        assert len(list(LINKS_BY_ID.entries(txn))) == len(SPELLED) + len(OTHERS)
    store.close()

    store = Store(tmp_path)
    with store.read() as txn:
        assert list(faults(txn)) == []
        assert [LINKS_BY_ID.key.decode(entry) for entry, _ in LINKS_BY_ID.entries(txn)] == [
            (link_id,) for link_id in sorted(OTHERS)
        ]
        for link_id in SPELLED:
            assert LINKS_BY_ID.get(txn, (link_id,)) == link(link_id, 0, base62_encode(link_id))
        for link_id, address in OTHERS.items():
            assert LINKS_BY_ID.get(txn, (link_id,)) == link(link_id, *address)
        assert not LINKS_BY_ID.has(txn, (10,)), "another link is at the address that it spells"
    store.close()


def test_from_1_an_empty_database_stays_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, lambda txn: META.put(txn, VERSION_KEY, 1))
    store.close()
    store = Store(tmp_path)
    with store.read() as txn:
        assert list(faults(txn)) == []
        assert list(LINKS_BY_ID.entries(txn)) == []
    store.close()
