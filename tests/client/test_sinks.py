"""Where fetched bytes go, when something is in the way or not proven."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from shortd.client.failures import ClientFailure
from shortd.client.sinks import Kept, PartialFile, StreamSink
from shortd.client.state import Ledger


def test_what_was_not_kept_is_taken_back(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger, PartialFile(tmp_path / "part", ledger) as file:
        file.write(b"proven")
        file.keep("e", 10)
        file.write(b"not proven")
        file.rewind()
        file.publish(tmp_path / "target", force=False)
    assert (tmp_path / "target").read_bytes() == b"proven"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with Ledger(tmp_path / "ledger") as ledger:
        with PartialFile(tmp_path / "part", ledger) as file:
            file.write(b"mine")
            file.keep("e", 4)
            target.write_bytes(b"theirs")
            with pytest.raises(ClientFailure, match="exists already"):
                file.publish(target, force=False)
        assert target.read_bytes() == b"theirs"
        # Nothing has to be fetched again.
        with PartialFile(tmp_path / "part", ledger) as file:
            assert file.kept == Kept("e", 4, 4)
            file.publish(target, force=True)
    assert target.read_bytes() == b"mine"


def test_a_part_that_is_shorter_than_was_noted_is_begun_anew(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        with PartialFile(tmp_path / "part", ledger) as file:
            file.write(b"12345678")
            file.keep("e", 8)
        (tmp_path / "part").write_bytes(b"1234")
        with PartialFile(tmp_path / "part", ledger) as file:
            assert file.kept == Kept()
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_that_cannot_be_gone_on_with(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "part", Ledger()) as file:
        file.write(b"1234")
        file.keep("e", 4)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_gets_only_what_is_proven() -> None:
    stream = io.BytesIO()
    sink = StreamSink(stream)
    sink.restart()
    sink.write(b"no")
    sink.rewind()
    sink.write(b"yes")
    assert stream.getvalue() == b""
    sink.keep("e", 3)
    assert (stream.getvalue(), sink.kept) == (b"yes", Kept("e", 3, 3))
    with pytest.raises(ClientFailure, match="cannot be had"):
        sink.restart()
