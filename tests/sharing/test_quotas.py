"""How much an account may keep, and how full the disk may get."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shortd.testing import RunningApp, open_app
from tests.api.v2.people import double_sha256
from tests.conftest import GENEROUS
from tests.sharing.sharing import (
    SECRECY,
    Sharer,
    assert_nothing_kept,
    assert_sound,
    error,
    frames,
    output,
    sharer,
    stored,
)

QUOTA = (403, "quota_exceeded", None)
FULL = (507, "storage_full", None)


@contextmanager
def limited(tmp_path: Path, **limits: int) -> Iterator[RunningApp]:
    """An app with limits of temporary accounts, and twice them for registered ones."""
    environ = dict(GENEROUS)
    for name, value in limits.items():
        environ[f"SHORTD_LIMITS__TEMPORARY__{name.upper()}"] = str(value)
        environ[f"SHORTD_LIMITS__REGISTERED__{name.upper()}"] = str(2 * value)
    with open_app(tmp_path / "data", environ=environ) as app:
        yield app


@pytest.mark.parametrize("query_first", [True, False])
def test_whole_files(tmp_path: Path, query_first: bool) -> None:
    with limited(tmp_path, storage_bytes=1000) as app:
        owner = sharer(app)
        elsewhere = app.post("temporary_account", {}, address="198.51.100.1").json()
        other = Sharer(app, elsewhere["output"]["userid"])
        first = owner.share(bytes(600))
        assert error(owner.send(bytes(401), query_first=query_first)) == QUOTA
        assert_sound(app)
        owner.share(bytes(400), query_first=query_first)
        assert error(owner.send(b"x", query_first=query_first)) == QUOTA
        # Nothing is always possible, and what another one keeps is his.
        assert owner.share(b"", query_first=query_first)
        assert other.share(bytes(1000))
        owner.call("delete", shorturl=first["shorturl"])
        assert stored(app, owner) == 400
        assert owner.share(bytes(600))
        assert_sound(app)


def test_what_a_replaced_file_took_is_not_free_before(tmp_path: Path) -> None:
    """The old one goes only when the new one is here."""
    with limited(tmp_path, storage_bytes=1000) as app:
        owner = sharer(app)
        old = owner.share(bytes(600), code="MyNotes")
        assert error(owner.send(bytes(600), code="MyNotes")) == QUOTA
        assert owner.fetch(old) == bytes(600)
        assert owner.share(bytes(400), code="MyNotes")
        assert stored(app, owner) == 400
        assert_sound(app)


def test_unfinished_parts_count(tmp_path: Path) -> None:
    with limited(tmp_path, storage_bytes=1000) as app:
        owner = sharer(app)
        filekey = owner.begin(1000)
        output(owner.send_part(filekey, 0, bytes(600)))
        assert stored(app, owner) == 600
        assert error(owner.send(bytes(401))) == QUOTA
        assert owner.refused("file_part_initialize", filename="f", filesize=401)["code"] == QUOTA[1]
        assert error(owner.send_part(filekey, 1, bytes(401))) == QUOTA
        # Sent again, a part counts once, however full the account is.
        for size in (1000, 1000, 600):
            output(owner.send_part(filekey, 0, bytes(size)))
        output(owner.send_part(filekey, 1, bytes(400)))
        assert owner.finish(filekey)["filesize"] == 1000
        assert stored(app, owner) == 1000
        assert_sound(app)


def test_bytes_on_disk_count_and_not_plain_ones(tmp_path: Path) -> None:
    body = frames(*[1] * 20)
    with limited(tmp_path, storage_bytes=len(body)) as app:
        owner = sharer(app)
        entry = owner.share(body, filesize=20, **SECRECY)
        assert stored(app, owner) == len(body)
        # It seems to fit, by what it says of itself.
        owner.call("delete", shorturl=entry["shorturl"])
        owner.share(b"x")
        assert error(owner.send(body, filesize=20, **SECRECY)) == QUOTA
        assert stored(app, owner) == 1
        assert_sound(app)


def test_the_largest_file(tmp_path: Path) -> None:
    with limited(tmp_path, max_file_bytes=1000) as app:
        owner = sharer(app)
        assert owner.share(bytes(1000))
        too_large = (413, "file_too_large", "filesize")
        assert error(owner.send(bytes(1001))) == too_large
        begun = owner.post("file_part_initialize", filename="f", filesize=1001)
        assert error(begun) == too_large
        assert_sound(app)


def test_limits_follow_the_kind_of_account(tmp_path: Path) -> None:
    with limited(tmp_path, max_file_bytes=1000, storage_bytes=1500) as app:
        guest = sharer(app)
        kept = guest.share(bytes(1000))
        signed_up = app.call(
            "signup",
            userid=guest.userid,
            email="member@nowhere.example",
            password=double_sha256("Trial151!"),
        )
        member = Sharer(app, guest.userid, signed_up["token"])
        assert member.fetch(kept) == bytes(1000)
        assert stored(app, member) == 1000
        assert member.share(bytes(2000))
        assert error(member.send(b"x")) == QUOTA
        assert_sound(app)


class TestDisk:
    @pytest.fixture
    def leave(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Makes so many bytes of the files' disk free, our reserve among them."""
        real = os.statvfs

        class Status:
            f_frsize = 1
            f_bavail = 0

        def leave(size: int) -> None:
            Status.f_bavail = size

        real = os.statvfs

        def look(path: Any) -> Any:
            # The database has room.
            return Status() if Path(path).name == "files" else real(path)

        monkeypatch.setattr("os.statvfs", look)
        return leave

    def test_a_reserve_is_kept(
        self, tmp_path: Path, leave: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environ = {**GENEROUS, "SHORTD_FILES__MIN_FREE_BYTES": "1000"}
        with open_app(tmp_path / "data", environ=environ) as app:
            owner = sharer(app)
            leave(1499)
            assert error(owner.send(bytes(500))) == FULL
            begun = owner.post("file_part_initialize", filename="f", filesize=500)
            assert error(begun) == FULL
            # A file that comes before its query is stopped by the disk alone.
            assert error(owner.send(bytes(500), query_first=False)) == FULL
            assert_nothing_kept(app)
            leave(1500)
            filekey = owner.begin(500)
            leave(1300)
            output(owner.send_part(filekey, 0, bytes(300)))
            assert error(owner.send_part(filekey, 1, bytes(301))) == FULL
            leave(999)
            assert error(owner.send_part(filekey, 1, bytes(200))) == FULL
            # Nothing else needs the room: links and visits go on, and so do downloads.
            assert owner.shorten()
            leave(1200)
            output(owner.send_part(filekey, 1, bytes(200)))
            entry = owner.finish(filekey)
            leave(0)
            assert owner.fetch(entry) == bytes(500)
            owner.call("delete", shorturl=entry["shorturl"])
            assert stored(app, owner) == 0
