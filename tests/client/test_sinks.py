"""Where fetched bytes go, when something is in the way or not proven."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from shortd.client.crypto import Damaged
from shortd.client.failures import ClientFailure
from shortd.client.fetch import Target
from shortd.client.offer import Offer
from shortd.client.sinks import Kept, PartialFile, StreamSink
from shortd.client.state import Ledger

OFFER = Offer("name", 8, "http://127.0.0.1/-/files/key", etag='"e"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the file goes; the ledger is elsewhere."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def part_of(folder: Path) -> Path:
    """The one file in a folder, which has no name yet."""
    (part,) = folder.iterdir()
    assert part.name.startswith(".shortd-")
    assert part.suffix == ".part"
    return part


def begun(folder: Path, ledger: Path) -> Path:
    """The part of a transfer that was interrupted after four bytes."""
    with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
        file.expect(OFFER)
        file.write(b"1234")
        file.keep('"e"', 4)
        file.write(b"not proven")
    return part_of(folder)


def test_what_was_not_kept_is_taken_back(folder: Path, ledger: Path) -> None:
    with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
        file.write(b"proven")
        file.keep('"e"', 10)
        file.write(b"not proven")
        file.rewind()
        file.publish(folder / "target", force=False)
    assert (folder / "target").read_bytes() == b"proven"
    assert [path.name for path in folder.iterdir()] == ["target"]
    assert not ledger.exists()


def test_a_later_run_goes_on(folder: Path, ledger: Path) -> None:
    part = begun(folder, ledger)
    assert part.read_bytes() == b"1234"
    with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
        assert (file.offer, file.kept) == (OFFER, Kept('"e"', 4, 4))
        file.expect(OFFER)
        file.write(b"5678")
        file.publish(folder / "target", force=False)
    assert (folder / "target").read_bytes() == b"12345678"


def test_another_file_is_begun_anew(folder: Path, ledger: Path) -> None:
    begun(folder, ledger)
    for _ in range(2):
        with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
            file.expect(Offer("name", 8, "http://127.0.0.1/-/files/other", etag='"f"'))
            assert file.kept == Kept()
    # Nothing came of it, but what it is stays known: a click was paid for it.
    assert list(folder.iterdir()) == []
    assert ledger.exists()


def test_a_part_that_is_shorter_than_was_noted_is_begun_anew(folder: Path, ledger: Path) -> None:
    begun(folder, ledger).write_bytes(b"123")
    with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
        assert (file.offer, file.kept) == (OFFER, Kept())


def test_nothing_stays_that_cannot_be_gone_on_with(folder: Path, ledger: Path) -> None:
    with PartialFile(folder, Ledger()) as file:
        file.expect(OFFER)
        file.write(b"1234")
        file.keep('"e"', 4)
    with Ledger(ledger) as rows, PartialFile(folder, rows):
        pass
    with (
        pytest.raises(Damaged),
        Ledger(ledger) as rows,
        PartialFile(folder, rows) as file,
    ):
        file.expect(OFFER)
        file.write(b"1234")
        file.keep('"e"', 4)
        raise Damaged("It is.")
    assert list(folder.iterdir()) == []
    assert not ledger.exists()


class TestForeign:
    """Others may write to the folder, and put something where the part is expected."""

    @staticmethod
    def symbolic(part: Path, theirs: Path) -> None:
        part.symlink_to(theirs)

    @staticmethod
    def dangling(part: Path, theirs: Path) -> None:
        part.symlink_to(theirs.with_name("nothing"))

    @staticmethod
    def to_folder(part: Path, theirs: Path) -> None:
        part.symlink_to(theirs.parent)

    @staticmethod
    def hard(part: Path, theirs: Path) -> None:
        part.hardlink_to(theirs)

    @staticmethod
    def pipe(part: Path, theirs: Path) -> None:
        os.mkfifo(part)

    @staticmethod
    def a_folder(part: Path, theirs: Path) -> None:
        part.mkdir()

    @pytest.mark.parametrize("make", [symbolic, dangling, to_folder, hard, pipe, a_folder])
    def test_nothing_is_written_through_it(
        self,
        folder: Path,
        ledger: Path,
        tmp_path: Path,
        make: staticmethod[[Path, Path], None],
    ) -> None:
        part = begun(folder, ledger)
        part.unlink()
        theirs = tmp_path / "theirs"
        theirs.write_text("theirs, and longer than what was kept")
        make(part, theirs)
        kind = stat.S_IFMT(part.lstat().st_mode)
        with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
            assert (file.offer, file.kept) == (OFFER, Kept())
            file.write(b"mine")
            file.publish(folder / "target", force=False)
        assert (folder / "target").read_bytes() == b"mine"
        assert theirs.read_text() == "theirs, and longer than what was kept"
        assert not theirs.with_name("nothing").exists()
        assert stat.S_IFMT(part.lstat().st_mode) == kind

    @pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
    def test_somebody_elses_file_is_left_alone(self, folder: Path, ledger: Path) -> None:
        part = begun(folder, ledger)
        os.chown(part, 65_534, 65_534)
        with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
            assert file.kept == Kept()
            file.write(b"mine")
        assert part.read_bytes() == b"1234"

    def test_what_took_its_place_meanwhile_is_not_published(
        self, folder: Path, ledger: Path
    ) -> None:
        with Ledger(ledger) as rows, PartialFile(folder, rows) as file:
            file.write(b"mine")
            part = part_of(folder)
            part.unlink()
            part.write_text("theirs")
            with pytest.raises(ClientFailure, match="something else"):
                file.publish(folder / "target", force=True)
        assert not (folder / "target").exists()


class TestNames:
    """A whole file gets a name, whatever is in its way."""

    @pytest.fixture
    def notes(self) -> list[str]:
        return []

    @pytest.fixture
    def take(self, folder: Path, notes: list[str]) -> Callable[..., str]:
        def take(name: str, output: Path | None = None, *, force: bool = False) -> str:
            target = Target(output or folder, force=force)
            with PartialFile(target.folder, Ledger()) as file:
                file.write(b"mine")
                path = target.take(file, name, notes.append)
            assert path.read_bytes() == b"mine"
            return path.name

        return take

    def test_as_browsers_do_it(
        self, folder: Path, take: Callable[..., str], notes: list[str]
    ) -> None:
        names = [take("report.tar.gz") for _ in range(3)]
        assert names == ["report.tar.gz", "report (1).tar.gz", "report (2).tar.gz"]
        assert notes == [
            f"{folder}/report.tar.gz is there already: this is {folder}/report ({number}).tar.gz."
            for number in (1, 2)
        ]

    def test_nothing_is_replaced_unless_forced(
        self, folder: Path, take: Callable[..., str]
    ) -> None:
        (folder / "file").write_text("theirs")
        (folder / "folder").mkdir()
        (folder / "dangling").symlink_to("nothing")
        for name in ("file", "folder", "dangling"):
            assert take(name) == f"{name} (1)"
        assert (folder / "file").read_text() == "theirs"
        assert take("file", force=True) == "file"
        assert take("dangling", force=True) == "dangling"
        assert not (folder / "nothing").exists()
        assert take("folder", force=True) == "folder (2)"

    def test_a_name_that_the_file_system_cannot_have(
        self,
        folder: Path,
        take: Callable[..., str],
        notes: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Some take no colons, some 143 bytes at most."""
        touch = Path.touch

        def picky(self: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
            if ":" in self.name:
                raise OSError(22, "Invalid argument")
            touch(self, mode, exist_ok)

        monkeypatch.setattr(Path, "touch", picky)
        assert take("a:b.txt") == "download.txt"
        assert take("a:b.txt") == "download (1).txt"
        assert take("a:b.a:b") == "download"
        assert notes[0] == "a:b.txt cannot be a name here."


def test_a_stream_gets_only_what_is_proven() -> None:
    stream = io.BytesIO()
    with StreamSink(stream) as sink:
        sink.restart()
        sink.write(b"no")
        sink.rewind()
        sink.write(b"yes")
        assert stream.getvalue() == b""
        sink.keep('"e"', 3)
        assert (stream.getvalue(), sink.kept) == (b"yes", Kept('"e"', 3, 3))
        with pytest.raises(ClientFailure, match="cannot be had"):
            sink.restart()
