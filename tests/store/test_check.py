"""The check finds every kind of contradiction, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from shortd.ids import base62_encode, own_team_id
from shortd.models.accounts import Account, AccountType, ApiKey, Passkey, SecondFactor
from shortd.models.clicks import Counts, PackedDay, Visit, VisitPack
from shortd.models.files import File, FilePart, Upload
from shortd.models.links import Link, LinkTracker, RareTerms
from shortd.models.teams import Campaign, Host, Member, Role, Team
from shortd.store import Store
from shortd.store.check import faults
from shortd.store.schema import (
    ACCOUNTS,
    API_KEYS,
    CAMPAIGNS,
    COUNTS,
    DAY_STATS,
    DEAD_BLOBS,
    FILE_PARTS,
    FILES,
    HOSTS,
    LINK_TRACKERS,
    LINKS,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    MEMBERS,
    PASSKEYS,
    SECOND_FACTORS,
    STORED_BYTES,
    STRING_USES,
    STRINGS,
    TEAMS,
    UPLOADS,
    VISITS,
    VISITS_DUE,
)
from shortd.store.strings import USES_PER_ROW
from shortd.store.txn import WriteTxn
from shortd.store.visit_packs import packed
from tests.store.things import write

BLOB = "b" * 32
LINK = Link(7, "owner", 0, "abcdef", "https://example.com/", 1)
OTHER = Link(8, "owner", 0, "ghijkl", "https://example.com/", 2)
TEAM, CAMPAIGN = "a" * 24, "c" * 24
TEAM_LINK = Link(
    10,
    "owner",
    0,
    "teamlink",
    "https://example.com/",
    4,
    rare=RareTerms(team=TEAM, campaign=CAMPAIGN),
)
KEY = ApiKey("k", "gone", b"d" * 32, "x", (), 0)
SHARE = Link(9, "owner", 0, "mnopqr", "name", 3, filekey="file")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An account with two links, one of them visited, a file that it shares, and an upload."""

    def furnish(txn: WriteTxn) -> None:
        ACCOUNTS.put(txn, ("owner",), Account("owner", AccountType.TEMPORARY, 0))
        HOSTS.put(txn, ("s.example",), Host(0, "http://s.example"))
        for link in (LINK, OTHER):
            LINKS.put(txn, (link.host, link.code), link)
        COUNTS.put(txn, (7,), Counts(1, 0, 1, 1, due_day=0))
        VISITS_DUE.put(txn, (0, 7), True)
        DAY_STATS.put(txn, (7, 0), PackedDay(1))
        # An agent that was seen before has a number.
        seen = [Visit(5, 0, "", "agent", "", "")]
        assert packed(txn, seen).agents == ["agent"]
        VISITS.put(txn, (7, 0), packed(txn, seen))
        LINKS.put(txn, (SHARE.host, SHARE.code), SHARE)
        FILES.put(txn, ("file",), File("owner", "name", 5, "", 5))
        FILE_PARTS.put(txn, ("file", 0), FilePart(BLOB, 5, b""))
        UPLOADS.put(txn, ("upload",), Upload("upload", "owner", "name", 9, "", 0, 9))
        STORED_BYTES.put(txn, ("owner",), 5)

    opened = Store(tmp_path)
    write(opened, furnish)
    yield opened
    opened.close()


def found(store: Store) -> list[str]:
    with store.read() as txn:
        return list(faults(txn))


def test_a_sound_database_has_no_faults(store: Store) -> None:
    assert found(store) == []


def make_team(txn: WriteTxn) -> None:
    """A team of two with a link in a campaign."""
    for userid, role in (("owner", Role.OWNER), ("other", Role.MEMBER)):
        ACCOUNTS.put(txn, (userid,), Account(userid, AccountType.REGISTERED, 0))
        MEMBERS.put(txn, (TEAM, userid), Member(TEAM, userid, role, 0))
    TEAMS.put(txn, (TEAM,), Team(TEAM, "shop", "Shop", 0))
    CAMPAIGNS.put(txn, (CAMPAIGN,), Campaign(CAMPAIGN, TEAM, "sale", "Sale", 0))
    LINKS.put(txn, (0, "teamlink"), TEAM_LINK)


def test_a_sound_team_has_no_faults(store: Store) -> None:
    write(store, make_team)
    assert found(store) == []


def change_team_link(**rare: str) -> Callable[[WriteTxn], object]:
    changed = replace(TEAM_LINK, rare=replace(TEAM_LINK.rare, **rare))  # type: ignore[type-var]
    return lambda txn: LINKS.put(txn, (0, "teamlink"), changed)


@pytest.mark.parametrize(
    ("damage", "lines"),
    [
        (
            lambda txn: MEMBERS.delete(txn, (TEAM, "owner")),
            [
                f"team {TEAM} has no owner",
                f"link 10 is of team {TEAM}, which its owner is not in",
            ],
        ),
        (
            lambda txn: TEAMS.delete(txn, (TEAM,)),
            [f"somebody is in team {TEAM}, which does not exist"] * 2,
        ),
        (
            lambda txn: ACCOUNTS.delete(txn, ("other",)),
            [f"team {TEAM} has a member without an account"],
        ),
        (
            lambda txn: TEAMS.put(txn, ("b" * 24,), Team("b" * 24, "own", "Own", 0, "nobody")),
            [f"team {'b' * 24} is the own team of no account"],
        ),
        (
            lambda txn: CAMPAIGNS.delete(txn, (CAMPAIGN,)),
            ["link 10 is in a campaign that is not its team's"],
        ),
        (
            change_team_link(team=""),
            ["link 10 is in a campaign that is not its team's"],
        ),
        (
            change_team_link(team=own_team_id("owner"), campaign=""),
            ["link 10 names its owner's own team"],
        ),
        (
            lambda txn: LINKS.put(txn, (5, "teamlink"), replace(OTHER, id=11, host=5)),
            ["link 11 is on host 5, which does not exist"],
        ),
        (
            lambda txn: LINK_TRACKERS.put(txn, ("t",), LinkTracker("t", 99, "quora", "x", 0)),
            ["tracker t is of link 99, which does not exist"],
        ),
        (
            lambda txn: API_KEYS.put(
                txn, ("gone", "k"), ApiKey("k", "gone", b"d" * 32, "x", (), 0)
            ),
            ["API keys or v1 logins belong to no account"],
        ),
        (
            lambda txn: SECOND_FACTORS.put(txn, ("gone",), SecondFactor(b"h" * 32)),
            ["passkeys or a second factor belong to no account"],
        ),
        (
            lambda txn: PASSKEYS.put(
                txn, ("owner", "p"), Passkey("p", "owner", b"", b"d" * 32, "x", 0)
            ),
            ["passkeys lack what authenticators know their account by"],
        ),
    ],
)
def test_damage_to_teams_is_told(
    store: Store, damage: Callable[[WriteTxn], object], lines: list[str]
) -> None:
    write(store, make_team)
    write(store, damage)
    assert found(store) == lines


def lose_entry(txn: WriteTxn) -> None:
    txn.raw.delete(LINKS_BY_ID.key.encode((7,)), db=txn.databases["links_by_id"])


def invent_entry(txn: WriteTxn) -> None:
    key = LINKS_BY_OWNER.key.encode(("owner", 9, 9, 9))
    txn.raw.put(key, LINKS.key.encode((0, "abcdef")), db=txn.databases["links_by_owner"])


def misdirect_entry(txn: WriteTxn) -> None:
    key, row = LINKS_BY_ID.key.encode((8,)), LINKS.key.encode((0, "abcdef"))
    txn.raw.put(key, row, db=txn.databases["links_by_id"])


def use_id_twice(txn: WriteTxn) -> None:
    """The second one is where the id says, and so needs no entry."""
    LINKS.delete(txn, (0, OTHER.code))
    there = replace(OTHER, code=base62_encode(OTHER.id))
    LINKS.put(txn, (0, there.code), there)
    elsewhere = LINKS.key.encode((0, OTHER.code))
    for name, key, value in (
        ("links", elsewhere, LINKS.encode(OTHER)),
        ("links_by_id", LINKS_BY_ID.key.encode((OTHER.id,)), elsewhere),
    ):
        txn.raw.put(key, value, db=txn.databases[name])


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
        (
            use_id_twice,
            [
                "index links_by_id has two rows for (8,)",
                "index links_by_owner points ('owner', 2, 8, 0) to another row",
                "count links_per_team is 3 for ('owner',); right is 4",
            ],
        ),
        (misdirect_entry, ["index links_by_id points (8,) to another row"]),
        (
            lose_account,
            [
                "link 7 belongs to no account",
                "link 8 belongs to no account",
                "link 9 belongs to no account",
                "file or upload upload belongs to no account",
                "file or upload file belongs to no account",
                "bytes are charged to an account that does not exist",
            ],
        ),
        (
            lambda txn: LINKS.delete(txn, (0, "mnopqr")),
            ["file file has 0 links"],
        ),
        (
            lambda txn: LINKS.put(txn, (0, "ghijkl"), replace(OTHER, filekey="gone")),
            ["a link shares gone, which is no file"],
        ),
        (
            lambda txn: UPLOADS.put(txn, ("file",), Upload("file", "owner", "", 9, "", 0, 9)),
            ["file is both a file and an upload"],
        ),
        (
            lambda txn: DEAD_BLOBS.put(txn, (BLOB,), True),
            ["part 0 of file is listed to be deleted"],
        ),
        (
            lambda txn: FILE_PARTS.put(txn, ("gone", 1), FilePart("c" * 32, 3, b"")),
            ["part 1 belongs to gone, which does not exist"],
        ),
        (
            lambda txn: FILE_PARTS.put(txn, ("file", 0), FilePart(BLOB, 4, b"")),
            [
                "file file has parts of 4 bytes; it says 5",
                "an account stores 4 bytes and is charged with 5",
            ],
        ),
        (
            lambda txn: STORED_BYTES.delete(txn, ("owner",)),
            ["an account stores 5 bytes and is charged with 0"],
        ),
        (
            lambda txn: COUNTS.put(txn, (1234,), Counts()),
            ["counts holds a row of link 1234, which does not exist"],
        ),
        (
            lambda txn: DAY_STATS.put(txn, (1234, 5), PackedDay()),
            ["day_stats holds a row of link 1234, which does not exist"],
        ),
        (
            lambda txn: VISITS.put(txn, (1234, 5), VisitPack()),
            ["visits holds a row of link 1234, which does not exist"],
        ),
        (
            lambda txn: VISITS_DUE.delete(txn, (0, 7)),
            ["visits of link 7 are filed under another day than it says"],
        ),
        (
            lambda txn: VISITS_DUE.put(txn, (9, 1234), True),
            ["visits of link 1234 are filed, which has none"],
        ),
        (
            lambda txn: COUNTS.put(txn, (8,), Counts(1, 0, 1, 1)),
            ["visits of link 8 are filed under no day"],
        ),
        (
            lambda txn: VISITS.put(txn, (7, 0), VisitPack(5, b"", b"\0\0", b"", [1], [0], [0])),
            ["visits of link 7 from number 0 are not whole"],
        ),
        (
            lambda txn: STRING_USES.put(txn, (0,), [0, 5, *[0] * (USES_PER_ROW - 2)]),
            ["1 strings are used more or less often than they say"],
        ),
        (lambda txn: STRINGS.delete(txn, (1,)), ["1 strings are used that are not there"]),
        (
            lambda txn: STRINGS.put(txn, (77,), "nobody's"),
            ["1 strings are there that nothing uses"],
        ),
    ],
)
def test_damage_is_told_a_line_for_each_contradiction(
    store: Store, damage: Callable[[WriteTxn], None], lines: list[str]
) -> None:
    write(store, damage)
    assert found(store) == lines


@pytest.mark.parametrize(
    ("blobs", "lines"),
    [
        ({BLOB: 5, "d" * 32: 7}, []),
        ({}, ["part 0 of file (link mnopqr) is not on disk"]),
        ({BLOB: 3}, ["part 0 of file (link mnopqr) has 3 bytes of 5"]),
    ],
    ids=["whole", "missing", "cut off"],
)
def test_the_disk_is_checked_where_it_is_given(
    store: Store, blobs: dict[str, int], lines: list[str]
) -> None:
    with store.read() as txn:
        assert list(faults(txn, blobs)) == lines


def test_checking_repairs_nothing(store: Store) -> None:
    write(store, lose_entry)
    assert found(store) == found(store) != []
