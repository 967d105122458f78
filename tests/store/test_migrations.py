"""Each step from an older schema, on a database as that one had it."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from shortd.accounts import find_account
from shortd.ids import DRAWN_IDS, base62_encode
from shortd.link_codes import fold_digest
from shortd.models.accounts import Account, AccountType
from shortd.models.limits import Balance
from shortd.models.links import Link
from shortd.models.mail import MailHistory
from shortd.models.teams import Host
from shortd.store import VERSION_KEY, Store
from shortd.store.check import faults
from shortd.store.schema import (
    ACCOUNTS,
    ACCOUNTS_BY_EXPIRATION,
    BALANCES,
    HOSTS,
    LINKS,
    LINKS_BY_FOLD,
    LINKS_BY_ID,
    MAIL_HISTORIES,
    META,
)
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


def named(userid: str, username: str, create_utime: int) -> Account:
    return Account(
        userid,
        AccountType.REGISTERED,
        create_utime,
        email=f"{userid}@nowhere.example",
        username=username,
    )


OF_SCHEMA_2 = [
    named("elder", "Jos\u00e9", 1),
    named("younger", "Jose\u0301", 2),
    named("youngest", "\uff2a\uff2f\uff33É", 3),
    named("numbered", "jos\u00e9 2", 0),
    named("full", "\uff21\uff4e\uff4e", 4),
    named("plain", "ben", 5),
    named("nameless", "", 6),
]


def make_schema_2(txn: WriteTxn) -> None:
    """Until then names were compared by case alone, and clients stored by their addresses."""
    for account in OF_SCHEMA_2:
        key = ACCOUNTS.key.encode((account.userid,))
        txn.raw.put(key, ACCOUNTS.encode(account), db=txn.databases[ACCOUNTS.name])
        entries = {
            "accounts_by_email": account.email.casefold(),
            "accounts_by_username": account.username.casefold(),
        }
        for index, name in entries.items():
            if name:
                txn.raw.put(name.encode(), key, db=txn.databases[index])
        entry = ACCOUNTS_BY_EXPIRATION.key.encode((account.expiration_utime, account.userid))
        txn.raw.put(entry, key, db=txn.databases[ACCOUNTS_BY_EXPIRATION.name])
    for bucket in ("client:203.0.113.7", "client:2001:db8::/64", "api:elder", "link:elder"):
        BALANCES.put(txn, (bucket,), Balance(5, 1))
    for email, utimes in {"a+1@nowhere.example": (3,), "a@nowhere.example": (1, 5)}.items():
        MAIL_HISTORIES.put(txn, (email, "reset"), MailHistory(utimes))
    META.put(txn, VERSION_KEY, 2)


def test_from_2_a_name_is_one_in_all_its_spellings(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, make_schema_2)
    store.close()
    with capture_logs() as lines:
        store = Store(tmp_path)
    with store.read() as txn:
        assert list(faults(txn)) == []
        names = {account.userid: account.username for _, account in ACCOUNTS.scan(txn)}
        found = {
            name: account.userid
            for name in ("JOSE\u0301", "jose\u0301 2", "jos\u00e9 3", "ann", "BEN")
            if (account := find_account(txn, name)) is not None
        }
        balances = {key for (key,), _ in BALANCES.scan(txn)}
        histories = list(MAIL_HISTORIES.scan(txn))
    store.close()
    # The elder keeps his name; the numbers are those that were free.
    assert names == {
        "elder": "Jos\u00e9",
        "younger": "Jose\u0301 3",
        "youngest": "\uff2a\uff2f\uff33É 4",
        "numbered": "jos\u00e9 2",
        "full": "\uff21\uff4e\uff4e",
        "plain": "ben",
        "nameless": "",
    }
    assert found == {
        "JOSE\u0301": "elder",
        "jose\u0301 2": "numbered",
        "jos\u00e9 3": "younger",
        "ann": "full",
        "BEN": "plain",
    }
    changed = [(line["before"], line["after"]) for line in lines if "before" in line]
    assert changed == [
        ("Jose\u0301", "Jose\u0301 3"),
        ("\uff2a\uff2f\uff33É", "\uff2a\uff2f\uff33É 4"),
    ]
    assert balances == {"api:elder", "link:elder"}
    assert histories == [(("a@nowhere.example", "reset"), MailHistory((1, 3, 5)))]


OF_SCHEMA_3 = ["abc", "Abc123", "Abc1234", "a-b", "docs/Setup", "é", "x" * 400]


def make_schema_3(txn: WriteTxn) -> None:
    """Until then nothing was kept of how codes are spelled."""
    ACCOUNTS.put(txn, ("owner",), Account("owner", AccountType.REGISTERED, 0))
    HOSTS.put(txn, ("0.example",), Host(0, "https://0.example"))
    for number, code in enumerate(OF_SCHEMA_3):
        LINKS.put(txn, (0, code), link(number, 0, code))
    txn.raw.drop(txn.databases[LINKS_BY_FOLD.name], delete=False)
    META.put(txn, VERSION_KEY, 3)


def test_from_3_codes_are_found_whatever_their_case(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, make_schema_3)
    with store.read() as txn:
        assert list(faults(txn)) != []
    store.close()

    store = Store(tmp_path)
    with store.read() as txn:
        assert list(faults(txn)) == []
        assert LINKS_BY_FOLD.count(txn) == len(OF_SCHEMA_3) - 2, "all but short ones"
        for number, code in enumerate(OF_SCHEMA_3[2:], 2):
            found = [row for _, row in LINKS_BY_FOLD.rows(txn, (0, fold_digest(code.upper())))]
            assert found == [link(number, 0, code)]
    store.close()
