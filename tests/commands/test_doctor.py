"""`shortd doctor --fix` and `shortd compact`, as a tired operator types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shortd.models.files import File
from shortd.models.links import Link
from shortd.store import VERSION_KEY, Store
from shortd.store.schema import FILES, LINKS, META, SCHEMA_VERSION, STORED_BYTES
from shortd.store.txn import WriteTxn
from tests.commands.shell import Shell, snapshot
from tests.store.things import write

DATA = Path("shortd-data")
SOUND = "Everything stored agrees with itself.\n"


def change(function: object) -> None:
    store = Store(DATA)
    write(store, function)  # type: ignore[arg-type]
    store.close()


def miscount(txn: WriteTxn) -> None:
    """What can be mended."""
    STORED_BYTES.put(txn, ("nobody",), 4)


def lose(txn: WriteTxn) -> None:
    """What cannot."""
    FILES.put(txn, ("f" * 32,), File("nobody", "name", 0, "", 0))


def test_a_sound_directory_is_left_as_it_is(shell: Shell) -> None:
    change(lambda txn: None)
    assert shell.did("doctor", "--fix") == SOUND
    assert not list(DATA.glob("db-before-*"))
    told = json.loads(shell.did("doctor", "--json"))
    assert told == {
        "schema": SCHEMA_VERSION,
        "faults": [],
        "mail": {"waiting": 0, "oldest_utime": None, "given_up": 0},
    }


def test_what_can_be_mended_is(shell: Shell) -> None:
    change(miscount)
    found = shell.run("doctor")
    assert found.exit_code == 1
    assert "shortd doctor --fix" in found.stderr
    told = shell.did("doctor", "--fix").splitlines()
    assert told[:2] == [
        "Mended: an account stores 0 bytes and is charged with 4.",
        "Mended: bytes are charged to an account that does not exist.",
    ]
    (copy,) = DATA.glob("db-before-fix-*")
    assert f"{copy.absolute()}; delete it" in told[2]
    assert told[3] + "\n" == SOUND == shell.did("doctor")
    assert "2 faults" in shell.did("audit")


def test_what_is_left_is_told(shell: Shell) -> None:
    change(miscount)
    change(lose)
    part = shell.run("doctor", "--fix")
    assert part.exit_code == 3
    assert f"shortd: file {'f' * 32} has 0 links" in part.stderr
    assert "these are left" in part.stderr
    again = shell.run("doctor", "--fix", "--json")
    assert again.exit_code == 1
    told = json.loads(again.stdout)
    assert told["mended"] == []
    assert told["faults"][0] == f"file {'f' * 32} has 0 links"
    checked = shell.run("doctor", "--json")
    assert checked.exit_code == 1
    assert json.loads(checked.stdout)["faults"] == told["faults"]


def test_a_backup_is_never_changed(shell: Shell) -> None:
    change(miscount)
    shell.did("backup", "backups")
    before = snapshot(Path("backups"))
    refusal = shell.refused("doctor", "--fix", "--data", "backups/latest")
    assert "is a backup, which nothing changes" in refusal
    assert snapshot(Path("backups")) == before


def test_an_older_database_is_not_migrated(shell: Shell) -> None:
    change(lambda txn: META.put(txn, VERSION_KEY, SCHEMA_VERSION - 1))
    for command in (("doctor", "--fix"),):
        assert "start the server" in shell.refused(*command)
    store = json.loads(shell.did("doctor", "--json"))
    assert store["schema"] == SCHEMA_VERSION - 1


def test_rows_that_cannot_be_read_are_left(shell: Shell) -> None:
    change(lambda txn: txn.raw.put(b"x", b"\xc1", db=txn.databases["accounts"]))
    result = shell.run("doctor", "--fix")
    assert result.exit_code == 1
    assert "accounts has 1 rows that cannot be read" in result.stderr
    assert "accounts has 1 rows" in shell.run("doctor", "--files").stderr
    assert "two things" in shell.run("doctor", "--files", "--fix").stderr
    assert not list(DATA.glob("db-before-*"))


def test_the_database_gets_smaller(shell: Shell) -> None:
    def fill(txn: WriteTxn) -> None:
        for number in range(2000):
            link = Link(number, "owner", 0, f"{number:06}", "https://example.com/" * 10, number)
            LINKS.put(txn, (0, link.code), link)

    def empty(txn: WriteTxn) -> None:
        for number in range(2000):
            LINKS.delete(txn, (0, f"{number:06}"))

    change(fill)
    change(empty)
    told = shell.did("compact")
    assert told.startswith("The database: ")
    assert "now." in told
    assert shell.did("doctor") == SOUND


@pytest.mark.parametrize("command", [("compact",), ("doctor", "--fix")], ids=" ".join)
def test_not_while_a_server_has_it(shell: Shell, command: tuple[str, ...]) -> None:
    store = Store(DATA)
    try:
        assert "is in use by another shortd" in shell.refused(*command)
    finally:
        store.close()
