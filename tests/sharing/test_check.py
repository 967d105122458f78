"""`store.check` finds what contradicts itself about files; the tests here rest on that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from shortd.models.files import FilePart
from shortd.models.links import Link
from shortd.store.schema import (
    ACCOUNTS,
    DEAD_BLOBS,
    FILE_PARTS,
    FILES,
    LINKS,
    STORED_BYTES,
    UPLOADS,
)
from shortd.store.txn import WriteTxn
from shortd.testing import RunningApp
from tests.sharing.sharing import Sharer, assert_sound, faults_of, output

Damage = Callable[[WriteTxn, str, str], Any]
"""Gets the owner's userid, and the key of a file with one part of four bytes."""


def lose_part(txn: WriteTxn, owner: str, filekey: str) -> None:
    FILE_PARTS.delete(txn, (filekey, 0))
    STORED_BYTES.put(txn, (owner,), 6)


def lose_link(txn: WriteTxn, owner: str, filekey: str) -> None:
    for key, link in list(LINKS.scan(txn)):
        if link.filekey == filekey:
            LINKS.delete(txn, key)


def lose_account(txn: WriteTxn, owner: str, filekey: str) -> None:
    ACCOUNTS.delete(txn, (owner,))


def list_as_dead(txn: WriteTxn, owner: str, filekey: str) -> None:
    part = FILE_PARTS.get(txn, (filekey, 0))
    assert part is not None
    DEAD_BLOBS.put(txn, (part.blob,), True)


def finish_twice(txn: WriteTxn, owner: str, filekey: str) -> None:
    [(_, upload)] = UPLOADS.scan(txn)
    UPLOADS.put(txn, (filekey,), structs.replace(upload, filekey=filekey))


DAMAGES: dict[str, tuple[Damage, list[str]]] = {
    "a lost file": (
        lambda txn, owner, filekey: FILES.delete(txn, (filekey,)),
        ["a link shares KEY, which is no file", "part 0 belongs to KEY, which does not exist"],
    ),
    "a lost link": (lose_link, ["file KEY has 0 links"]),
    "a second link": (
        lambda txn, owner, filekey: LINKS.put(
            txn, (1, "second"), Link(5, owner, 1, "second", "f", 1, filekey=filekey)
        ),
        ["file KEY has 2 links"],
    ),
    "a lost part": (lose_part, ["file KEY has parts of 0 bytes; it says 4"]),
    "a part of nothing": (
        lambda txn, owner, filekey: FILE_PARTS.put(txn, ("x", 7), FilePart("b", 0, b"")),
        ["part 7 belongs to x, which does not exist", "part 7 of x is not on disk"],
    ),
    "another size": (
        lambda txn, owner, filekey: STORED_BYTES.put(txn, (owner,), 11),
        ["an account stores 10 bytes and is charged with 11"],
    ),
    "no size": (
        lambda txn, owner, filekey: STORED_BYTES.delete(txn, (owner,)),
        ["an account stores 10 bytes and is charged with 0"],
    ),
    "a size of nobody": (
        lambda txn, owner, filekey: STORED_BYTES.put(txn, ("nobody",), 0),
        ["bytes are charged to an account that does not exist"],
    ),
    "no owner": (lose_account, ["file or upload KEY belongs to no account"]),
    "a dead part": (list_as_dead, ["part 0 of KEY is listed to be deleted"]),
    "twice": (finish_twice, ["KEY is both a file and an upload"]),
}


@pytest.mark.parametrize(("damage", "lines"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told(app: RunningApp, owner: Sharer, damage: Damage, lines: list[str]) -> None:
    filekey = owner.share(b"data")["filekey"]
    output(owner.send_part(owner.begin(6), 0, b"upload"))
    assert_sound(app)
    app.run(app.services.store.write(lambda txn: damage(txn, owner.userid, filekey)))
    found = faults(app)
    assert [line for line in lines if line.replace("KEY", filekey) not in found] == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda path: path.unlink(), "part 0 of KEY (link CODE) is not on disk"),
        (lambda path: path.write_bytes(b"dat"), "part 0 of KEY (link CODE) has 3 bytes of 4"),
    ],
    ids=["lost", "cut off"],
)
def test_the_disk_is_looked_at(
    app: RunningApp, owner: Sharer, change: Callable[[Any], Any], line: str
) -> None:
    entry = owner.share(b"data")
    [path] = app.services.sharing.files.blobs.directory.glob("??/*")
    change(path)
    names = {"KEY": entry["filekey"], "CODE": entry["shorturl"].rpartition("/")[2]}
    for name, value in names.items():
        line = line.replace(name, value)
    assert faults(app) == [line]


def faults(app: RunningApp) -> list[str]:
    with app.services.store.read() as txn:
        return faults_of(txn, app.services.settings.data_dir)
