"""Files in parts: any order, any sizes, sent again or not, against a model that knows the rules."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from shortd.clock import SECOND
from shortd.files.blobs import stored_blobs
from shortd.sharing import files as subject
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.sharing.sharing import (
    SECRECY,
    Json,
    Sharer,
    assert_nothing_kept,
    assert_sound,
    cut,
    error,
    frames,
    output,
    sharer,
    stored,
)

QUOTA = 20_000
LARGEST = 8_000


class ModelUpload:
    """What is known of an upload."""

    def __init__(self, filesize: int, until: int) -> None:
        self.filesize = filesize
        self.until = until
        self.parts: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        return sum(map(len, self.parts.values()))

    @property
    def is_whole(self) -> bool:
        """Whether it can be finished as a plain file."""
        numbers = sorted(self.parts)
        contiguous = numbers == list(
            range(numbers[0], numbers[0] + len(numbers)) if numbers else []
        )
        begins = not numbers or numbers[0] in (0, 1)
        return contiguous and begins and self.size == self.filesize


class Uploads(RuleBasedStateMachine):
    """Clients of one account, another account that meddles, and time."""

    uploads: Bundle[str] = Bundle("uploads")
    links: Bundle[str] = Bundle("links")

    @initialize()
    def open(self) -> None:
        self.exit = ExitStack()
        folder = tempfile.mkdtemp(prefix="shortd-parts")
        self.exit.callback(shutil.rmtree, folder)
        environ = {
            **GENEROUS,
            "SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES": str(QUOTA),
            "SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": str(LARGEST),
        }
        self.app = self.exit.enter_context(open_app(Path(folder) / "data", environ=environ))
        self.owner, self.other = sharer(self.app), sharer(self.app)
        self.open_uploads: dict[str, ModelUpload] = {}
        self.files: dict[str, tuple[Json, bytes]] = {}

    def teardown(self) -> None:
        if hasattr(self, "exit"):
            self.exit.close()

    @property
    def stored(self) -> int:
        uploads = sum(upload.size for upload in self.open_uploads.values())
        return uploads + sum(len(data) for _, data in self.files.values())

    def alive(self, filekey: str) -> ModelUpload | None:
        upload = self.open_uploads.get(filekey)
        return upload if upload is not None and upload.until > self.app.clock.now() else None

    @rule(target=uploads, filesize=st.integers(0, LARGEST + 500))
    def begin(self, filesize: int) -> Any:
        response = self.owner.post("file_part_initialize", filename="f", filesize=filesize)
        if filesize > LARGEST:
            assert error(response) == (413, "file_too_large", "filesize")
            return multiple()
        if self.stored + filesize > QUOTA:
            assert error(response) == (403, "quota_exceeded", None)
            return multiple()
        answer = output(response)
        # An hour is more than any of these needs at 16 KiB a second.
        assert answer["expiration_utime"] == self.app.clock.now() + 3600 * SECOND
        self.open_uploads[answer["filekey"]] = ModelUpload(filesize, answer["expiration_utime"])
        filekey: str = answer["filekey"]
        return filekey

    @rule(filekey=uploads, number=st.integers(0, 5), size=st.integers(0, 5000), seed=st.integers())
    def send(self, filekey: str, number: int, size: int, seed: int) -> None:
        data = Random(seed).randbytes(size)
        self.expect_part(filekey, number, data)

    @rule(filekey=uploads, first=st.integers(0, 1), chance=st.randoms(use_true_random=False))
    def send_what_is_missing(self, filekey: str, first: int, chance: Random) -> None:
        """All of a file, in parts of any size and in any order."""
        upload = self.alive(filekey)
        if upload is None or upload.parts or self.stored + upload.filesize > QUOTA:
            return
        data = chance.randbytes(upload.filesize)
        parts = cut(data, [chance.randint(0, 3000) for _ in range(chance.randint(0, 3))])
        numbered = list(enumerate(parts, first))
        chance.shuffle(numbered)
        for number, part in numbered:
            self.expect_part(filekey, number, part)
        assert upload.is_whole

    def expect_part(self, filekey: str, number: int, data: bytes) -> None:
        response = self.owner.send_part(filekey, number, data)
        upload = self.alive(filekey)
        if upload is None:
            assert error(response) == (404, "upload_not_found", "filekey")
        elif self.stored - len(upload.parts.get(number, b"")) + len(data) > QUOTA:
            assert error(response) == (403, "quota_exceeded", None)
        else:
            assert output(response) == {
                "filekey": filekey,
                "partnumber": number,
                "partsize": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            upload.parts[number] = data

    @rule(filekey=uploads, number=st.integers(0, 5), off=st.sampled_from([-1, 1, 1000]))
    def send_another_size_than_said(self, filekey: str, number: int, off: int) -> None:
        response = self.owner.send_part(filekey, number, bytes(100), partsize=100 + off)
        if self.alive(filekey) is None:
            assert error(response)[0] == 404
        else:
            assert error(response)[1] in ("bad_file", "file_too_large", "quota_exceeded")

    @rule(filekey=uploads)
    def meddle(self, filekey: str) -> None:
        """Somebody else's key is none at all."""
        for response in (
            self.other.send_part(filekey, 0, b"mine now"),
            self.other.post("file_part_finalize", filekey=filekey),
        ):
            assert error(response) == (404, "upload_not_found", "filekey")

    @rule(target=links, filekey=uploads, own_code=st.sampled_from([None, "Code01", "Code02"]))
    def finish(self, filekey: str, own_code: str | None) -> Any:
        response = self.owner.post("file_part_finalize", filekey=filekey, code=own_code)
        upload = self.alive(filekey)
        if upload is None:
            assert error(response) == (404, "upload_not_found", "filekey")
            return multiple()
        if not upload.is_whole:
            assert error(response)[:2] == (400, "bad_file")
            return multiple()
        entry = output(response)["entry"]
        assert entry["filekey"] == filekey
        data = b"".join(upload.parts[number] for number in sorted(upload.parts))
        del self.open_uploads[filekey]
        # An own code replaces what was there.
        self.files[entry["shorturl"]] = entry, data
        return entry["shorturl"]

    @rule(filekey=uploads)
    def finish_as_encrypted(self, filekey: str) -> None:
        """Random bytes are no frames; what is wrong keeps the parts."""
        response = self.owner.post("file_part_finalize", filekey=filekey, **SECRECY)
        upload = self.alive(filekey)
        if upload is None:
            assert error(response)[0] == 404
        elif not any(upload.parts.values()) and not upload.filesize:
            # Nothing, encrypted, is nothing.
            entry = output(response)["entry"]
            del self.open_uploads[filekey]
            self.owner.call("delete", shorturl=entry["shorturl"])
        else:
            assert error(response)[:2] == (400, "bad_file")

    @rule(shorturl=consumes(links))
    def delete(self, shorturl: str) -> None:
        if shorturl in self.files:
            self.owner.call("delete", shorturl=shorturl)
            del self.files[shorturl]

    @rule(shorturl=consumes(links))
    def replace(self, shorturl: str) -> None:
        if shorturl in self.files:
            self.owner.call("url", shorturl=shorturl, url="https://example.com/")
            del self.files[shorturl]

    @rule(shorturl=links)
    def fetch(self, shorturl: str) -> None:
        if shorturl in self.files:
            entry, data = self.files[shorturl]
            assert self.owner.fetch(entry) == data

    @rule(seconds=st.sampled_from([1, 60, 1800, 3599, 3600]))
    def wait(self, seconds: int) -> None:
        self.app.clock.advance(seconds)

    @rule()
    def end_uploads(self) -> None:
        self.app.run(self.app.services.upkeep.undertaker.end_uploads())
        self.open_uploads = {key: one for key, one in self.open_uploads.items() if self.alive(key)}

    @invariant()
    def nothing_contradicts_the_rest(self) -> None:
        if hasattr(self, "app"):
            assert_sound(self.app)
            assert stored(self.app, self.owner) == self.stored
            assert stored(self.app, self.other) == 0


TestUploads = Uploads.TestCase
TestUploads.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        "numbers", [(2,), (2, 3), (0, 2), (1, 3), (0, 1, 3), (5,), (2**31 - 1,), (0, 2**31 - 1)]
    )
    def test_numbers_with_gaps(
        self, app: RunningApp, owner: Sharer, numbers: tuple[int, ...]
    ) -> None:
        filekey = owner.begin(4 * len(numbers))
        for number in numbers:
            output(owner.send_part(filekey, number, b"data"))
        answer = error(owner.post("file_part_finalize", filekey=filekey))
        assert answer == (400, "bad_file", None)
        assert stored(app, owner) == 4 * len(numbers)
        assert_sound(app)

    @pytest.mark.parametrize("parts", [[b"dat"], [b"data", b"x"], []], ids=["few", "many", "none"])
    def test_sizes_that_do_not_add_up(
        self, app: RunningApp, owner: Sharer, parts: list[bytes]
    ) -> None:
        filekey = owner.begin(4)
        for number, data in enumerate(parts):
            output(owner.send_part(filekey, number, data))
        for _ in range(2):
            answer = error(owner.post("file_part_finalize", filekey=filekey))
            assert answer == (400, "bad_file", "filesize")
        # What is wrong can be put right.
        output(owner.send_part(filekey, 0, b"data"))
        if len(parts) > 1:
            output(owner.send_part(filekey, 1, b""))
        assert owner.fetch(owner.finish(filekey)) == b"data"
        assert_sound(app)

    def test_finished_twice(self, app: RunningApp, owner: Sharer) -> None:
        entry = owner.share_in_parts([b"data"])
        for response in (
            owner.post("file_part_finalize", filekey=entry["filekey"]),
            owner.send_part(entry["filekey"], 0, b"other"),
        ):
            assert error(response) == (404, "upload_not_found", "filekey")
        assert owner.fetch(entry) == b"data"
        assert_sound(app)

    def test_a_refused_link_keeps_the_parts(
        self, app: RunningApp, owner: Sharer, other: Sharer
    ) -> None:
        other.shorten(code="TakenCode")
        filekey = owner.begin(4)
        output(owner.send_part(filekey, 0, b"data"))
        wrong: list[tuple[Json, str]] = [
            ({"code": "TakenCode"}, "code_taken"),
            ({"code": "no"}, "invalid_field"),
            ({"host": "x.example"}, "unknown_host"),
            ({"encryption": 1}, "missing_field"),
            (SECRECY, "bad_file"),
        ]
        for inputs, code in wrong:
            assert owner.refused("file_part_finalize", filekey=filekey, **inputs)["code"] == code
        assert owner.fetch(owner.finish(filekey, code="FreeCode")) == b"data"
        assert_sound(app)

    def test_larger_than_it_may_become(
        self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """2 x filesize + 1 MiB before it is checked."""
        filekey = owner.begin(10)
        room = (1 << 20) + 20
        answer = error(owner.send_part(filekey, 0, bytes(room + 1)))
        assert answer == (413, "file_too_large", "partsize")
        output(owner.send_part(filekey, 0, bytes(room - 5)))
        assert error(owner.send_part(filekey, 1, bytes(6))) == (413, "file_too_large", None)
        output(owner.send_part(filekey, 1, bytes(5)))
        assert error(owner.send_part(filekey, 2, b"x")) == (413, "file_too_large", None)
        # In place of another it counts for what it adds.
        output(owner.send_part(filekey, 1, bytes(4)))
        assert stored(app, owner) == room - 1
        assert_sound(app)

    def test_too_many_parts(
        self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subject, "MAX_PARTS", 3)
        filekey = owner.begin(3)
        for number in range(3):
            output(owner.send_part(filekey, number, b"x"))
        assert error(owner.send_part(filekey, 3, b"")) == (400, "bad_file", None)
        output(owner.send_part(filekey, 2, b"y"))
        assert owner.fetch(owner.finish(filekey)) == b"xxy"
        assert_sound(app)

    def test_too_many_uploads(
        self, app: RunningApp, owner: Sharer, other: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subject, "OPEN_UPLOADS", 2)
        first, _ = owner.begin(1), owner.begin(1)
        assert owner.refused("file_part_initialize", filename="f", filesize=1)["http_status"] == 403
        assert other.begin(1)
        output(owner.send_part(first, 0, b"x"))
        owner.finish(first)
        assert owner.begin(1)

    def test_an_upload_that_changes_while_it_is_checked(
        self, app: RunningApp, owner: Sharer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A part that is sent again in the meantime was not the one that was checked."""
        body = frames(4)
        filekey = owner.begin(4)
        output(owner.send_part(filekey, 0, body))
        files = app.services.sharing.files
        real = files.blobs.run

        async def meanwhile(work: Any) -> Any:
            result = await real(work)
            if work.__name__ == "<lambda>" and not meddled:
                meddled.append(True)
                blob = await files.blobs.create().finish()
                account = app.services.accounts.logins.authenticate(
                    owner.userid, None, app.clock.now()
                )
                await files.put_part(account, filekey, 0, blob, app.clock.now())
            return result

        meddled: list[bool] = []
        monkeypatch.setattr(files.blobs, "run", meanwhile)
        response = owner.post("file_part_finalize", filekey=filekey, **SECRECY)
        assert meddled
        assert error(response) == (400, "bad_file", None)
        assert "changed" in response.json()["error"]["message"]
        monkeypatch.undo()
        output(owner.send_part(filekey, 0, body))
        assert owner.finish(filekey, **SECRECY)["encryption"] == 1
        assert_sound(app)

    def test_a_part_whose_blob_is_gone(self, app: RunningApp, owner: Sharer) -> None:
        """Replaced and buried between reading the rows and reading the disk."""
        filekey = owner.begin(4)
        output(owner.send_part(filekey, 0, frames(4)))
        for name, _ in list(stored_blobs(app.services.sharing.files.blobs.directory)):
            app.run(app.services.sharing.files.blobs.delete(name))
        response = owner.post("file_part_finalize", filekey=filekey, **SECRECY)
        assert error(response) == (400, "bad_file", None)


@pytest.mark.parametrize("sizes", [[0], [1], [3], [4, 12, 20], [4, 12 + 16 + 4], list(range(40))])
def test_frames_across_parts(app: RunningApp, owner: Sharer, sizes: list[int]) -> None:
    body = frames(10, 0, 30)
    entry = owner.share_in_parts(cut(body, sizes), filesize=40, **SECRECY)
    assert (entry["filesize"], entry["encryption"]) == (40, 1)
    unlocked = app.call(
        "get_protected_file_info", shorturl=entry["shorturl"], challenge=SECRECY["challenge"]
    )
    assert app.get(unlocked["url"]).content == body
    assert_sound(app)


@pytest.mark.parametrize(
    ("filesize", "seconds"),
    [(0, 3600), (3600 << 14, 3600), ((3600 << 14) + (1 << 14), 3601), (5 << 30, (5 << 30) >> 14)],
)
def test_time_to_finish(tmp_path: Path, filesize: int, seconds: int) -> None:
    """max(1 h, filesize / 16 KiB/s)."""
    environ = {**GENEROUS, "SHORTD_LIMITS__TEMPORARY__MAX_FILE_BYTES": str(5 << 30)}
    environ["SHORTD_LIMITS__TEMPORARY__STORAGE_BYTES"] = str(5 << 30)
    with open_app(tmp_path / "data", environ=environ) as app:
        owner = sharer(app)
        answer = owner.call("file_part_initialize", filename="f", filesize=filesize)
        assert answer["expiration_utime"] == app.clock.now() + seconds * SECOND
        app.clock.advance(seconds - 1)
        if not filesize:
            output(owner.send_part(answer["filekey"], 0, b""))
        app.clock.advance(1)
        for response in (
            owner.send_part(answer["filekey"], 0, b""),
            owner.post("file_part_finalize", filekey=answer["filekey"]),
        ):
            assert error(response)[:2] == (404, "upload_not_found")
        app.run(app.services.upkeep.undertaker.end_uploads())
        assert_nothing_kept(app)
