"""What is told of backups and of what was put aside; and one that is taken along."""

from __future__ import annotations

import fcntl
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shortd.models.audit import Action
from shortd.store.data_directory import StoreError
from shortd.testing import RunningApp
from shortd.upkeep import backup_listing, kept_aside, live_backups
from shortd.upkeep.backup_manifest import MANIFEST
from shortd.upkeep.restore import check
from tests.documents import block
from tests.web.admin.conftest import lines
from tests.web.surfer import Surfer

BACKUPS = "/-/admin/backups"
DOWNLOAD = f"{BACKUPS}/download"


def told(surfer: Surfer, **headers: str) -> str:
    """The words of the page."""
    answer = surfer.get(BACKUPS, **headers)
    assert answer.status_code == 200
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", answer.text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(text))


def data_of(app: RunningApp) -> Path:
    return app.services.store.directory.absolute()


def backed_up(data: Path, dest: Path, *options: str) -> None:
    """Makes a backup by the command, beside the server."""
    command = ["backup", str(dest), "--data", str(data), "--config", os.devnull, *options]
    subprocess.run([sys.executable, "-m", "shortd", *command], check=True, capture_output=True)


def back_again(page: str, folder: Path) -> None:
    """Does as the page and the documents say with backup.tar in a folder."""
    recipe = block("docs/operations.md", "sh", "tar -xf")
    recipe = recipe.replace("/var/lib/shortd", "restored")
    recipe = re.sub(r"shortd-\w+\.tar", "backup.tar", recipe)
    shown = page[page.index("mkdir unpacked") :]
    said = re.sub(r"/\S+\.tar", "backup.tar", re.sub(r"--data \S+", "--data restored", shown))
    assert said.startswith(" ".join(recipe.split()))
    recipe = recipe.replace("shortd ", f"{sys.executable} -m shortd ", 1)
    subprocess.run(["bash", "-euc", recipe], cwd=folder, check=True, capture_output=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """As while another process makes a backup there."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


def test_none_is_known(olga: Surfer) -> None:
    page = told(olga)
    assert "No backup is known." in page
    data = data_of(olga.app)
    assert f"shortd backup /var/backups/shortd --keep 14 --verify --data {data}" in page
    assert "Nothing was put aside." in page


def test_the_last_one_and_those_beside_it(
    olga: Surfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, dest = data_of(olga.app), tmp_path / "it's here"
    backed_up(data, dest)
    assert "Read again no" in told(olga)
    backed_up(data, dest, "--verify")
    page = told(olga)
    made = (dest / "latest").resolve()
    assert "Read again yes, and sound" in page
    assert f"Where it is {made}" in page
    assert f"2 backups in {dest} ." in page
    # What is copied is what a shell takes.
    assert f"""shortd restore '{tmp_path}/it'"'"'s here/latest' --data {data}""" in page
    (made / MANIFEST).write_text("{")
    assert "cannot be used" in told(olga)
    (made / MANIFEST).unlink()
    assert "manifest.json: No such file" in told(olga)
    (made / MANIFEST).write_bytes(bytes(backup_listing.MOST_BYTES + 1))
    assert "cannot be used" not in told(olga), "what is long is not read"
    monkeypatch.setattr(backup_listing, "NEWEST", 1)
    assert "These are the newest." in told(olga)
    for backup in dest.glob("2*"):
        shutil.rmtree(backup)
    assert "There is none any more" in told(olga)
    shutil.rmtree(dest)
    assert "The server cannot look into" in told(olga)


def test_what_was_put_aside(olga: Surfer, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(olga.app)
    for name in (
        "db-before-schema-12",
        "db-before-fix-20231101T120000Z",
        "db.before-restore-20231102T120000Z",
        "data.before-restore-20231103T120000Z/db",
        f"../{data.name}.before-restore-nonsense/db",
    ):
        folder = data / name
        folder.mkdir(parents=True)
        (folder / "data.mdb").write_bytes(bytes(2_500_000))
    (data / "db-before-schema-13").symlink_to("/")
    (data / "db-before-schema-14.partial").write_bytes(b"")
    (data / "db-before-schema-15").mkdir()
    now = olga.app.clock.now() / 1e6
    for schema_copy in data.glob("db-before-schema-12/*"):
        os.utime(schema_copy, (now, now))
    page = told(olga)
    _, _, aside = page.rpartition("Put aside")
    assert aside.count("2.5 MB") == 5
    day = 86_400
    assert "from before an upgrade" in aside and "goes by itself on" in aside
    assert "mended it" in aside
    assert "The database that gave way" in aside
    assert aside.count("The data directory that gave way") == 2
    assert "schema-13" not in aside and "schema-15" not in aside
    olga.app.clock.advance(31 * day)
    assert olga.sign_in("olga").status_code == 303
    assert "goes by itself soon" in told(olga)
    monkeypatch.setattr(kept_aside, "MOST_READ", 0)
    assert "at least 0 B" in told(olga)


def test_one_is_taken_along(olga: Surfer, tmp_path: Path) -> None:
    app = olga.app
    app.new_file(b"x" * 300_000)
    (data_of(app) / "backup-left.partial").mkdir()
    before = {path.name for path in data_of(app).iterdir()}
    answer = olga.send(DOWNLOAD)
    assert answer.status_code == 200
    assert re.search(r'filename="shortd-\d{8}T\d{6}Z\.tar"', answer.headers["content-disposition"])
    assert answer.headers["cache-control"] == "no-store"
    (tmp_path / "backup.tar").write_bytes(answer.content)
    back_again(told(olga), tmp_path)
    [backup] = (tmp_path / "unpacked").iterdir()
    assert check(backup).counts["files"] == 1
    assert (tmp_path / "restored" / "db" / "data.mdb").is_file()
    line = lines(app)[0]
    assert (line.action, line.name) == (Action.DOWNLOAD_BACKUP, "olga")
    assert line.subject in answer.headers["content-disposition"]
    after = {path.name for path in data_of(app).iterdir()}
    assert after ^ before == {"last-backup.json", "backup-left.partial"}, "who was killed left it"
    page = told(olga)
    assert "it went out as tar" in page
    assert "Download a backup" in page, "the next one can be taken"


def test_one_lacks_what_the_disk_has_lost(olga: Surfer, tmp_path: Path) -> None:
    app = olga.app
    app.new_file(b"x" * 3000)
    [blob] = [path for path in (data_of(app) / "files").rglob("*") if path.is_file()]
    blob.unlink()
    answer = olga.send(DOWNLOAD)
    assert answer.status_code == 200
    (tmp_path / "backup.tar").write_bytes(answer.content)
    with tarfile.open(tmp_path / "backup.tar") as tar:
        [manifest] = [name for name in tar.getnames() if name.endswith(MANIFEST)]
        file = tar.extractfile(manifest)
        assert file is not None
        assert [*json.load(file)["lost"]] == [f"files/{blob.parent.name}/{blob.name}"]


def test_it_takes_a_proof(olga: Surfer) -> None:
    assert "Download a backup" in told(olga)
    olga.app.clock.advance(11 * 60)
    assert "Show that it is you" in told(olga)
    before = len(lines(olga.app))
    answer = olga.send(DOWNLOAD)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/-/account/confirm?next=")
    assert len(lines(olga.app)) == before


def test_no_other_site_takes_it(olga: Surfer) -> None:
    before = len(lines(olga.app))
    for origin in ("https://evil.example", "null", None):
        assert olga.send(DOWNLOAD, origin=origin).status_code == 403
    assert olga.get(DOWNLOAD).status_code == 405
    assert len(lines(olga.app)) == before


def test_one_at_a_time(olga: Surfer) -> None:
    before = len(lines(olga.app))
    with held(data_of(olga.app)):
        page = olga.follow(olga.send(DOWNLOAD)).text
    assert "There is no backup: another backup is being made in" in page
    backups = olga.app.services.upkeep.backups

    async def meanwhile() -> None:
        first = await backups.begin()
        try:
            assert backups.is_busy
            with pytest.raises(StoreError, match="another backup is being made"):
                await backups.begin()
        finally:
            # In the middle, as when the client goes away.
            await first.end()
        assert not backups.is_busy

    olga.app.run(meanwhile())
    assert not list(data_of(olga.app).glob("backup-*"))
    assert len(lines(olga.app)) == before, "what was not sent is not in the log"


def test_a_disk_without_room(olga: Surfer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("a copy of the database takes 900 MiB free")

    monkeypatch.setattr(live_backups, "check_room", full)
    page = olga.follow(olga.send(DOWNLOAD)).text
    assert "There is no backup: a copy of the database takes 900 MiB free." in page
    assert not olga.app.services.upkeep.backups.is_busy
