"""Bytes leave the disk when nothing needs them any more, and never while something does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shortd.clock import SECOND
from shortd.files.blobs import stored_blobs
from shortd.store.schema import FILE_PARTS, FILES, LINKS, STORED_BYTES
from shortd.store.txn import WriteTxn
from shortd.testing import FakeClock, RunningApp, open_app
from shortd.upkeep.undertaker import DEAD_SECONDS, ORPHAN_SECONDS
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess
from tests.sharing.sharing import (
    Sharer,
    assert_nothing_kept,
    assert_sound,
    bury,
    on_disk,
    output,
    sharer,
    stored,
    wait_for,
)
from tests.sharing.test_transfers import Site


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    """One whose clock began at the real time, which is that of files on disk."""
    clock = FakeClock(int(time.time()) * SECOND)
    with open_app(tmp_path / "data", clock=clock, environ=GENEROUS) as running:
        yield running


def blobs(app: RunningApp) -> list[str]:
    return sorted(name for name, _ in stored_blobs(app.services.sharing.files.blobs.directory))


def find_orphans(app: RunningApp) -> str | None:
    """What the undertaker complains about."""
    app.run(app.services.upkeep.undertaker.find_orphans())
    complaint: str | None = app.get("/-/health").json()["files"]["complaint"]
    assert complaint == app.services.upkeep.undertaker.complaint
    return complaint


def make_orphan(app: RunningApp) -> str:
    """A blob without a row, as a crash between the disk and the database leaves it."""
    writer = app.services.sharing.files.blobs.create()
    return app.run(writer.finish()).name


class TestDeadBlobs:
    def test_many(self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch) -> None:
        """More than are looked at at once."""
        monkeypatch.setattr("shortd.upkeep.undertaker.BATCH", 3)
        entry = owner.share_in_parts([b"x"] * 10)
        kept = owner.share(b"kept")
        owner.call("delete", shorturl=entry["shorturl"])
        assert len(blobs(app)) == 11
        assert_sound(app)
        assert len(blobs(app)) == 1
        assert owner.fetch(kept) == b"kept"

    def test_one_that_cannot_be_deleted_holds_up_no_other(
        self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shortd.upkeep.undertaker.BATCH", 2)
        entries = [owner.share(b"data") for _ in range(6)]
        stuck = set(blobs(app)[:3])
        for entry in entries:
            owner.call("delete", shorturl=entry["shorturl"])
        real = app.services.sharing.files.blobs.delete

        async def delete(name: str) -> None:
            if name in stuck:
                raise PermissionError("not now")
            await real(name)

        monkeypatch.setattr(app.services.sharing.files.blobs, "delete", delete)
        bury(app)
        assert set(blobs(app)) == stuck
        monkeypatch.undo()
        assert_nothing_kept(app)

    def test_a_blob_that_is_gone_already(self, app: RunningApp, owner: Sharer) -> None:
        """As after a crash between deleting it and forgetting it."""
        entry = owner.share(b"data")
        owner.call("delete", shorturl=entry["shorturl"])
        [name] = blobs(app)
        app.services.sharing.files.blobs.path(name).unlink()
        assert_nothing_kept(app)


class TestUploads:
    def test_their_time_is_up(self, app: RunningApp, owner: Sharer) -> None:
        old = owner.begin(4)
        output(owner.send_part(old, 0, b"data"))
        app.clock.advance(1)
        young = owner.begin(4)
        output(owner.send_part(young, 0, b"data"))
        app.clock.advance(3599)
        app.run(app.services.upkeep.undertaker.end_uploads())
        assert stored(app, owner) == 4
        assert_sound(app)
        assert owner.fetch(owner.finish(young)) == b"data"
        assert owner.refused("file_part_finalize", filekey=old)["code"] == "upload_not_found"

    def test_one_that_was_just_finished_stays(self, app: RunningApp, owner: Sharer) -> None:
        """It was found to be late, but it is finished before it is removed."""
        filekey = owner.begin(4)
        output(owner.send_part(filekey, 0, b"data"))
        entry = owner.finish(filekey)
        app.clock.advance(7200)
        app.run(app.services.sharing.files.end_upload(filekey, app.clock.now()))
        assert owner.fetch(entry) == b"data"
        assert_sound(app)


class TestAccounts:
    def test_an_ended_account_takes_its_files_along(
        self, app: RunningApp, owner: Sharer, other: Sharer
    ) -> None:
        kept = other.share(b"kept")
        for number in range(3):
            owner.share_in_parts([b"x"] * number)
        output(owner.send_part(owner.begin(10), 0, b"half"))
        owner.begin(10)
        app.clock.advance(29 * 86_400)
        survivor = sharer(app)
        survivor.share(b"mine")
        app.clock.advance(86_400)
        app.sweep()
        assert stored(app, owner) == 0
        assert stored(app, survivor) == 4
        assert_sound(app)
        assert len(blobs(app)) == 1
        assert app.get(kept["shorturl"]).status_code == 404


class TestOrphans:
    def grow_old(self, app: RunningApp, *names: str) -> None:
        """So old that no row can be on its way; all blobs, or some."""
        for name in names or blobs(app):
            past = app.clock.now() / SECOND - ORPHAN_SECONDS - 10
            os.utime(app.services.sharing.files.blobs.path(name), (past, past))

    def test_a_few_of_many_go(self, app: RunningApp, owner: Sharer) -> None:
        owner.share_in_parts([b"x"] * 38)
        orphans = {make_orphan(app), make_orphan(app)}
        assert find_orphans(app) is None
        assert orphans < set(blobs(app)), "their rows may still come"
        self.grow_old(app)
        assert find_orphans(app) is None
        assert_sound(app)
        assert len(blobs(app)) == 38

    def test_more_than_one_in_twenty_stay(self, app: RunningApp, owner: Sharer) -> None:
        owner.share_in_parts([b"x"] * 37)
        for _ in range(2):
            make_orphan(app)
        self.grow_old(app)
        assert find_orphans(app) == "2 of 39 files belong to nothing; left alone"
        assert len(blobs(app)) == 39
        # It stops complaining when there is no reason left.
        owner.share(b"x")
        assert find_orphans(app) is None
        assert len(blobs(app)) == 38

    def test_nothing_goes_if_the_database_knows_of_none(
        self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new database over old files, or a restored one: whatever the share."""
        monkeypatch.setattr("shortd.upkeep.undertaker.ORPHAN_SHARE", 1.0)
        for _ in range(3):
            owner.share(b"data")

        def lose(txn: WriteTxn) -> None:
            for table in (FILE_PARTS, FILES, LINKS, STORED_BYTES):
                keys: list[Any] = [key for key, _ in table.scan(txn)]
                for key in keys:
                    table.delete(txn, key)

        app.run(app.services.store.write(lose))
        self.grow_old(app)
        assert find_orphans(app) == "3 of 3 files belong to nothing; left alone"
        assert len(blobs(app)) == 3

    def test_parts_of_unfinished_uploads_are_none(self, app: RunningApp, owner: Sharer) -> None:
        filekey = owner.begin(4)
        output(owner.send_part(filekey, 0, b"data"))
        self.grow_old(app)
        assert find_orphans(app) is None
        assert owner.fetch(owner.finish(filekey)) == b"data"

    def test_strange_files_are_left_alone(self, app: RunningApp, owner: Sharer) -> None:
        owner.share_in_parts([b"x"] * 40)
        folder = app.services.sharing.files.blobs.directory
        strange = folder / "ab"
        strange.mkdir(exist_ok=True)
        for path in (strange / "notes.txt", folder / "README"):
            path.touch()
            os.utime(path, (0, 0))
        assert find_orphans(app) is None
        assert {"README", "ab/notes.txt"} <= set(on_disk(app.services.settings.data_dir))


@pytest.mark.parametrize("how", ["delete", "replace", "resend"])
def test_within_ten_seconds(server: ServerProcess, how: str) -> None:
    """On a real server, with nobody's help: by how often it looks, which a busy machine delays."""
    assert DEAD_SECONDS < 10 / 2
    site = Site(server)
    files = len(on_disk(server.data_dir))
    actions: dict[str, Callable[[], object]] = {
        "delete": lambda: site.call("delete", shorturl=site.shorturl),
        "replace": lambda: site.call("url", shorturl=site.shorturl, url="https://example.com/"),
        "resend": lambda: resend(site),
    }
    with closing(site.http):
        actions[how]()
    left = files + 1 if how == "resend" else 0
    wait_for(lambda: len(on_disk(server.data_dir)) == left)


def resend(site: Site) -> None:
    filekey = site.call("file_part_initialize", filename="f", filesize=4)["filekey"]
    for _ in range(3):
        query = {"filekey": filekey, "partnumber": 0, "partsize": 4}
        site.form("file_part_upload", query, b"data")
