"""The click journal: every record it took is read once, whatever the disk or a signal did."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shortd.journal import MAX_PAYLOAD, Journal
from shortd.models.clicks import Position
from tests.open_files import open_files

START = Position()
HEADER = 8
PAYLOADS = st.binary(min_size=1, max_size=40)


def die(journal: Journal) -> None:
    """What kill -9 does to a journal: descriptors gone, buffer gone, no last words."""
    for segment in [journal._current, *journal._retired]:
        os.close(segment.fd)


def drain(journal: Journal, after: Position, max_bytes: int = 1) -> tuple[list[bytes], Position]:
    """Syncs and reads to the end, in as many reads as `max_bytes` makes of it."""
    until = journal.sync()
    payloads: list[bytes] = []
    while after != until:
        some, reached = journal.read(after, until, max_bytes)
        assert reached > after
        payloads += some
        after = reached
    return payloads, after


def write(directory: Path, *batches: list[bytes]) -> Path:
    """A closed journal with one flush per batch, in one segment; its path."""
    journal = Journal(directory, after=START)
    for batch in batches:
        for payload in batch:
            journal.append(payload)
        assert journal.flush()
    path = directory / f"{journal.end().segment:016d}.clicks"
    journal.close()
    return path


def reread(directory: Path, after: Position = START) -> list[bytes]:
    journal = Journal(directory, after=after)
    payloads, _ = drain(journal, after)
    die(journal)
    return payloads


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory per hypothesis example."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / "journal"


@contextmanager
def failing(name: str, error: int = errno.EIO) -> Iterator[mock.Mock]:
    """`os.<name>` raises; the mock counts how often it was called."""
    with mock.patch.object(os, name, side_effect=OSError(error, os.strerror(error))) as call:
        yield call


@contextmanager
def short_write(limit: int) -> Iterator[None]:
    """The kernel takes at most `limit` bytes of a write."""
    real = os.write

    def partial(fd: int, data: bytes | bytearray) -> int:
        return real(fd, bytes(data[:limit]))

    with mock.patch.object(os, "write", partial):
        yield


# Reading back


def test_payloads_come_back_in_order_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"one")
    journal.append(b"two")
    assert journal.end() == journal.sync()
    assert journal.flush()
    first = journal.sync()
    assert journal.read(START, first) == ([b"one", b"two"], first)
    assert journal.read(first, first) == ([], first)
    journal.append(b"three")
    journal.flush()
    second = journal.sync()
    assert journal.read(first, second) == ([b"three"], second)
    assert second.offset - first.offset == HEADER + len(b"three")
    journal.close()


def test_reading_to_an_earlier_position_never_moves_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"one")
    journal.flush()
    earlier = journal.sync()
    journal.append(b"two")
    journal.flush()
    later = journal.sync()
    assert journal.read(later, earlier) == ([], later)
    journal.close()


def test_what_is_not_flushed_is_not_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"waiting")
    assert journal.status().buffered_bytes == HEADER + len(b"waiting")
    assert drain(journal, START)[0] == []
    journal.close()


def test_read_stops_at_until_and_near_max_bytes(tmp_path: Path) -> None:
    big = [bytes([65 + index]) * MAX_PAYLOAD for index in range(4)]
    journal = Journal(tmp_path, after=START)
    for payload in big:
        journal.append(payload)
    journal.flush()
    until = journal.sync()
    journal.append(b"later")
    journal.flush()
    record = HEADER + MAX_PAYLOAD
    number = until.segment
    assert journal.read(START, until, 1) == (big[:1], Position(number, record))
    assert journal.read(START, until, 3 * record - 1) == (big[:2], Position(number, 2 * record))
    assert journal.read(START, until) == (big, until)
    journal.close()


def test_max_bytes_counts_across_segments(tmp_path: Path) -> None:
    big = [bytes([65 + index]) * MAX_PAYLOAD for index in range(4)]
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    for payload in big:
        journal.append(payload)
        journal.flush()
    until = journal.sync()
    record = HEADER + MAX_PAYLOAD
    assert journal.read(START, until, 2 * record) == (big[:2], Position(2, record))
    assert journal.read(Position(2, record), until, 2 * record) == (big[2:], until)
    journal.close()


@pytest.mark.parametrize("payload", [b"", b"x" * (MAX_PAYLOAD + 1)])
def test_a_payload_has_bounds(tmp_path: Path, payload: bytes) -> None:
    journal = Journal(tmp_path, after=START)
    with pytest.raises(ValueError, match="payload"):
        journal.append(payload)
    assert journal.status().buffered_bytes == 0
    journal.append(b"x" * MAX_PAYLOAD)
    journal.flush()
    assert drain(journal, START)[0] == [b"x" * MAX_PAYLOAD]
    journal.close()


def test_one_flush_is_one_write_and_an_empty_one_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    for _ in range(100):
        journal.append(b"hit")
    with mock.patch.object(os, "write", wraps=os.write) as call:
        assert journal.flush()
        assert journal.flush()
    assert call.call_count == 1
    journal.close()


@settings(deadline=None, max_examples=60)
@given(st.lists(PAYLOADS, min_size=1, max_size=20), st.data())
def test_replay_from_any_record_gives_exactly_the_rest(
    payloads: list[bytes], data: st.DataObject
) -> None:
    with scratch() as directory:
        ends = [START]
        journal = Journal(directory, after=START, segment_bytes=60)
        for payload in payloads:
            journal.append(payload)
            journal.flush()
            ends.append(journal.end())
        die(journal)
        seen = data.draw(st.integers(0, len(payloads)))
        again = Journal(directory, after=ends[seen])
        assert drain(again, ends[seen])[0] == payloads[seen:]
        assert again.status().torn == 0
        die(again)


# Segments


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_segments_are_private_files_with_sixteen_digits(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "journal"
    journal = Journal(directory, after=Position(41, 7))
    path = directory / "0000000000000042.clicks"
    assert names(directory) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o077 == 0
    assert journal.end() == Position(42, 0)
    journal.close()


def test_a_new_segment_is_above_every_file_and_ignores_strangers(tmp_path: Path) -> None:
    (tmp_path / "0000000000000009.clicks").touch()
    (tmp_path / "99999999999999999.clicks").touch()
    (tmp_path / "0000000000000050.clicks.bak").touch()
    journal = Journal(tmp_path, after=Position(3, 0))
    assert journal.end() == Position(10, 0)
    assert journal.status().segments == 2
    journal.close()


def test_rotation_starts_a_segment_once_the_current_is_full(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=2 * (HEADER + 1))
    for payload in (b"a", b"b", b"c"):
        journal.append(payload)
        journal.flush()
    assert journal.end() == Position(2, HEADER + 1)
    assert drain(journal, START)[0] == [b"a", b"b", b"c"]
    journal.close()


def test_names_are_never_reused(tmp_path: Path) -> None:
    position = START
    seen: set[str] = set()
    for _ in range(3):
        journal = Journal(tmp_path, after=position, segment_bytes=1)
        fresh = set(names(tmp_path)) - seen
        assert len(fresh) == 1
        journal.append(b"x")
        journal.flush()
        journal.append(b"y")
        journal.flush()
        payloads, position = drain(journal, position)
        assert payloads == [b"x", b"y"]
        journal.release(position)
        seen |= set(names(tmp_path)) | fresh
        journal.close()
        # Even with every file gone, the committed position keeps the numbers rising.
        for path in tmp_path.iterdir():
            path.unlink()


def test_release_keeps_what_is_at_or_above_the_position_and_the_current(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    for payload in (b"a", b"b", b"c"):
        journal.append(payload)
        journal.flush()
    until = journal.sync()
    journal.release(Position(2, 0))
    assert [name[15] for name in names(tmp_path)] == ["2", "3"]
    assert journal.read(Position(2, 0), until)[0] == [b"b", b"c"]
    journal.release(Position(99, 0))
    assert [name[15] for name in names(tmp_path)] == ["3"]
    assert journal.status().segments == 1
    journal.close()


def test_draining_nothing_still_moves_past_old_segments(tmp_path: Path) -> None:
    for _ in range(3):
        Journal(tmp_path, after=START).close()
    journal = Journal(tmp_path, after=START)
    payloads, position = drain(journal, START)
    assert payloads == []
    journal.release(position)
    assert journal.status().segments == 1
    journal.close()


def test_a_rotation_that_cannot_open_a_file_goes_on_in_the_full_segment(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=10)
    journal.append(b"first")
    journal.flush()
    with failing("open", errno.EMFILE):
        journal.append(b"second")
        assert journal.flush()
    assert journal.end().segment == 1
    assert journal.status().faults == 1
    journal.append(b"third")
    assert journal.flush()
    full = journal.end().segment
    assert full > 1
    journal.append(b"fourth")
    assert journal.flush()
    assert journal.end().segment == full + 1
    assert drain(journal, START)[0] == [b"first", b"second", b"third", b"fourth"]
    journal.close()


def test_a_file_in_the_way_of_a_new_segment_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    journal.append(b"first")
    journal.flush()
    stranger = tmp_path / "0000000000000002.clicks"
    stranger.write_bytes(b"not ours")
    journal.append(b"second")
    journal.flush()
    journal.append(b"third")
    assert journal.flush()
    assert stranger.read_bytes() == b"not ours"
    assert drain(journal, START)[0] == [b"first", b"second", b"third"]
    journal.close()


def test_close_flushes_syncs_and_may_be_repeated(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"last")
    with mock.patch.object(os, "fdatasync", wraps=os.fdatasync) as call:
        journal.close()
        journal.close()
    assert call.call_count == 1
    assert reread(tmp_path) == [b"last"]


# Torn and corrupt records


def test_a_tail_torn_at_any_byte_loses_only_that_record(tmp_path: Path) -> None:
    path = write(tmp_path / "whole", [b"first", b"second"], [b"the last one"])
    data = path.read_bytes()
    last = len(data) - HEADER - len(b"the last one")
    for cut in range(last, len(data)):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / path.name).write_bytes(data[:cut])
        journal = Journal(directory, after=START)
        journal.append(b"after the crash")
        journal.flush()
        payloads, _ = drain(journal, START)
        assert payloads == [b"first", b"second", b"after the crash"]
        assert journal.status().torn == (cut > last)
        assert journal.status().damage is None
        journal.close()


def test_a_tail_of_zeros_is_torn_not_records(tmp_path: Path) -> None:
    path = write(tmp_path, [b"first"])
    with path.open("ab") as file:
        file.write(bytes(3 * MAX_PAYLOAD))
    journal = Journal(tmp_path, after=START)
    assert drain(journal, START)[0] == [b"first"]
    assert journal.status().torn == 1
    assert journal.status().damage is None
    journal.close()


@settings(deadline=None, max_examples=150)
@given(st.lists(PAYLOADS, min_size=1, max_size=6), st.data())
def test_a_flipped_bit_hides_its_record_and_the_rest_of_the_segment(
    payloads: list[bytes], data: st.DataObject
) -> None:
    with scratch() as directory:
        path = write(directory, payloads)
        content = bytearray(path.read_bytes())
        bit = data.draw(st.integers(0, len(content) * 8 - 1))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        intact, end = 0, HEADER + len(payloads[0])
        while end <= bit // 8:
            intact += 1
            end += HEADER + len(payloads[intact])
        journal = Journal(directory, after=START)
        journal.append(b"next segment")
        journal.flush()
        assert drain(journal, START)[0] == [*payloads[:intact], b"next segment"]
        assert journal.status().torn == 1
        die(journal)


def test_damage_is_shown_and_counted_once(tmp_path: Path) -> None:
    path = write(tmp_path, [b"first", b"second", b"third"])
    content = bytearray(path.read_bytes())
    content[HEADER + len(b"first") + HEADER] ^= 1
    path.write_bytes(content)
    journal = Journal(tmp_path, after=START)
    with mock.patch("shortd.journal.status.log") as log:
        for _ in range(2):
            assert drain(journal, START)[0] == [b"first"]
    assert log.warning.call_count == 1
    status = journal.status()
    assert status.torn == 1
    assert status.fault is None
    assert status.damage == "segment 1: corrupt from byte 13 on, 27 bytes skipped"
    journal.close()


def test_a_length_beyond_the_bound_is_corruption(tmp_path: Path) -> None:
    path = write(tmp_path, [b"first"], [b"second"])
    content = bytearray(path.read_bytes())
    content[HEADER + len(b"first") + 3] = 0x7F
    path.write_bytes(content)
    journal = Journal(tmp_path, after=START)
    assert drain(journal, START)[0] == [b"first"]
    assert "corrupt" in (journal.status().damage or "")
    journal.close()


def test_damage_in_the_current_segment_is_skipped_up_to_until(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"spoilt")
    journal.flush()
    with (tmp_path / "0000000000000001.clicks").open("r+b") as file:
        file.seek(HEADER)
        file.write(b"S")
    payloads, position = drain(journal, START)
    assert (payloads, position) == ([], journal.end())
    journal.append(b"good")
    journal.flush()
    assert drain(journal, position)[0] == [b"good"]
    assert journal.status().torn == 1
    journal.close()


def test_zeros_over_a_record_this_process_wrote_are_damage(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"wiped")
    journal.flush()
    (tmp_path / "0000000000000001.clicks").write_bytes(bytes(HEADER + len(b"wiped")))
    assert drain(journal, START)[0] == []
    assert "corrupt" in (journal.status().damage or "")
    journal.close()


@pytest.mark.parametrize("size", [0, HEADER + 1])
def test_a_current_segment_cut_from_outside_is_damage(tmp_path: Path, size: int) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"a")
    journal.append(b"b")
    journal.flush()
    os.truncate(tmp_path / "0000000000000001.clicks", size)
    assert drain(journal, START)[0] == [b"a"][: size and 1]
    assert journal.status().damage is not None
    journal.close()


def test_a_segment_removed_by_hand_is_damage_not_a_stop(tmp_path: Path) -> None:
    path = write(tmp_path, [b"gone"])
    journal = Journal(tmp_path, after=START)
    journal.append(b"here")
    journal.flush()
    path.unlink()
    payloads, position = drain(journal, START)
    assert payloads == [b"here"]
    assert "missing" in (journal.status().damage or "")
    journal.release(position)
    journal.close()


def test_a_position_behind_the_end_of_a_shortened_segment_reads_nothing_there(
    tmp_path: Path,
) -> None:
    """Power loss after a failed sync: the database knows more than the disk kept."""
    path = write(tmp_path, [b"counted", b"before"])
    after = Position(1, path.stat().st_size)
    os.truncate(path, 3)
    journal = Journal(tmp_path, after=after)
    journal.append(b"new")
    journal.flush()
    assert drain(journal, after)[0] == [b"new"]
    journal.close()


# A disk that refuses


def test_a_full_disk_keeps_records_in_the_buffer_and_recovers(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"before")
    journal.flush()
    with failing("write", errno.ENOSPC):
        for payload in (b"during", b"still"):
            journal.append(payload)
            assert not journal.flush()
        assert not journal.flush()
    status = journal.status()
    assert status.fault == "cannot write: No space left on device"
    assert status.faults == 1
    assert status.segments == 2
    assert journal.flush()
    assert journal.status().fault is None
    assert journal.status().buffered_bytes == 0
    assert drain(journal, START)[0] == [b"before", b"during", b"still"]
    journal.close()


def test_a_full_buffer_drops_and_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, buffer_bytes=2 * (HEADER + 1))
    with failing("write", errno.ENOSPC):
        assert [journal.append(payload) for payload in (b"a", b"b", b"c")] == [True, True, False]
        assert not journal.flush()
        assert not journal.append(b"d")
    assert journal.status().dropped == 2
    assert journal.flush()
    assert journal.append(b"e")
    assert journal.flush()
    assert drain(journal, START)[0] == [b"a", b"b", b"e"]
    journal.close()


@settings(deadline=None, max_examples=100)
@given(st.lists(PAYLOADS, min_size=1, max_size=8), st.data())
def test_a_short_write_is_cut_back_to_whole_records(
    payloads: list[bytes], data: st.DataObject
) -> None:
    with scratch() as directory:
        journal = Journal(directory, after=START)
        for payload in payloads:
            journal.append(payload)
        limit = data.draw(st.integers(0, journal.status().buffered_bytes - 1))
        with short_write(limit):
            assert not journal.flush()
        whole = journal.end().offset
        assert whole <= limit
        assert (directory / "0000000000000001.clicks").stat().st_size == whole
        assert journal.status().fault is not None
        early, position = drain(journal, START)
        assert early == payloads[: len(early)]
        assert sum(HEADER + len(payload) for payload in early) == whole
        assert whole + HEADER + len(payloads[len(early)]) > limit
        assert journal.flush()
        assert journal.status().fault is None
        assert drain(journal, position)[0] == payloads[len(early) :]
        die(journal)
        assert reread(directory) == payloads


def test_a_tail_that_cannot_be_cut_back_is_never_written_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"record")
    with short_write(5), failing("ftruncate"):
        assert not journal.flush()
    assert journal.flush()
    assert journal.end().segment == 2
    assert drain(journal, START)[0] == [b"record"]
    assert journal.status().torn == 0
    die(journal)
    assert reread(tmp_path) == [b"record"]


def test_a_whole_record_left_by_a_failed_write_is_not_read_twice(tmp_path: Path) -> None:
    """A write may fail after its bytes arrived; they are in the buffer still."""
    journal = Journal(tmp_path, after=START)
    journal.append(b"record")
    real = os.write

    def treacherous(fd: int, data: bytearray) -> int:
        real(fd, bytes(data))
        raise OSError(errno.EIO, "I/O error")

    with mock.patch.object(os, "write", treacherous), failing("ftruncate"):
        assert not journal.flush()
    assert journal.flush()
    assert drain(journal, START)[0] == [b"record"]
    journal.close()


def test_a_real_file_size_limit_loses_nothing(tmp_path: Path) -> None:
    """Short writes and EFBIG as the kernel makes them."""
    journal = Journal(tmp_path, after=START)
    payloads = [b"%03d" % number for number in range(100)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
    try:
        for payload in payloads:
            journal.append(payload)
        results = [journal.flush() for _ in range(20)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert results == [False] * 7 + [True] * 13
    assert journal.status().fault is None
    assert all(path.stat().st_size <= 150 for path in tmp_path.iterdir())
    assert drain(journal, START)[0] == payloads
    journal.close()


def test_closing_on_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"written")
    journal.flush()
    journal.append(b"lost")
    with failing("write", errno.ENOSPC):
        journal.close()
    assert reread(tmp_path) == [b"written"]


def test_a_log_on_the_full_disk_does_not_stop_the_journal(tmp_path: Path) -> None:
    path = write(tmp_path, [b"lost to rot"])
    with path.open("r+b") as file:
        file.write(b"R")
    full = OSError(errno.ENOSPC, "No space left on device")
    broken = mock.Mock()
    for level in (broken.error, broken.warning, broken.info):
        level.side_effect = full
    with mock.patch("shortd.journal.status.log", broken):
        journal = Journal(tmp_path, after=START)
        journal.append(b"record")
        with failing("write", errno.ENOSPC):
            assert not journal.flush()
        assert journal.flush()
        assert drain(journal, START)[0] == [b"record"]
        journal.append(b"unwritten")
        with failing("write", errno.ENOSPC):
            journal.close()
    assert [call[0] for call in broken.method_calls] == [
        "error",
        "info",
        "warning",
        "error",
        "error",
    ]


# Syncing


def test_sync_is_idle_when_nothing_is_new(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    with mock.patch.object(os, "fdatasync", wraps=os.fdatasync) as call:
        assert journal.sync() == journal.end()
        assert call.call_count == 0
        journal.append(b"x")
        journal.flush()
        journal.sync()
        journal.sync()
        assert call.call_count == 1
    journal.close()


def test_sync_reaches_every_segment_and_the_directory(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    for payload in (b"a", b"b", b"c"):
        journal.append(payload)
        journal.flush()
    synced: list[str] = []

    def noting(real: Callable[[int], None]) -> Callable[[int], None]:
        def call(fd: int) -> None:
            synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
            real(fd)

        return call

    with (
        mock.patch.object(os, "fdatasync", noting(os.fdatasync)),
        mock.patch.object(os, "fsync", noting(os.fsync)),
    ):
        until = journal.sync()
    assert synced == [*names(tmp_path), tmp_path.name]
    assert until == journal.end()
    assert [link.name for link in open_segments(tmp_path)] == [names(tmp_path)[-1]]
    journal.close()
    assert open_segments(tmp_path) == []


def open_segments(directory: Path) -> list[Path]:
    return [
        place for place in open_files() if place.parent == directory and place.suffix == ".clicks"
    ]


def test_a_failed_sync_is_not_repeated_and_starts_a_segment(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"before")
    journal.flush()
    with failing("fdatasync") as call:
        until = journal.sync()
        journal.sync()
    assert call.call_count == 1
    assert until == journal.end()
    assert journal.status().fault == "cannot sync: Input/output error"
    assert journal.read(START, until)[0] == [b"before"]
    with mock.patch.object(os, "fdatasync", wraps=os.fdatasync) as call:
        journal.append(b"after")
        assert journal.flush()
        assert journal.end().segment == 2
        assert journal.status().fault is None
        assert journal.status().faults == 1
        assert drain(journal, until)[0] == [b"after"]
    assert call.call_count == 1
    journal.close()


def test_records_written_while_a_sync_fails_are_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"before")
    journal.flush()

    def fail_late(fd: int) -> None:
        journal.append(b"meanwhile")
        journal.flush()
        raise OSError(errno.EIO, "I/O error")

    with mock.patch.object(os, "fdatasync", fail_late):
        until = journal.sync()
    assert until < journal.end()
    assert journal.read(START, until)[0] == [b"before"]
    journal.append(b"after")
    assert journal.flush()
    with mock.patch.object(os, "fdatasync", wraps=os.fdatasync) as call:
        assert drain(journal, until)[0] == [b"meanwhile", b"after"]
    assert call.call_count == 1
    journal.close()


def test_a_failed_sync_without_a_place_for_a_segment_stays_a_fault(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START)
    journal.append(b"before")
    journal.flush()
    with failing("fdatasync"):
        until = journal.sync()
    journal.append(b"after")
    with failing("open", errno.ENOSPC):
        assert not journal.flush()
        assert not journal.flush()
    assert journal.status().fault == "cannot start a segment: No space left on device"
    assert journal.flush()
    assert journal.status().fault is None
    assert drain(journal, until)[0] == [b"after"]
    journal.close()


def test_a_write_that_succeeds_does_not_hide_a_sync_failing_meanwhile(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    journal.append(b"first")
    journal.flush()
    real = os.write

    def write_while_sync_fails(fd: int, data: bytearray) -> int:
        with failing("fdatasync"):
            journal.sync()
        return real(fd, data)

    journal.append(b"second")
    with mock.patch.object(os, "write", write_while_sync_fails), failing("open", errno.EMFILE):
        assert journal.flush()
    assert journal.status().fault == "cannot sync: Input/output error"
    journal.append(b"third")
    assert journal.flush()
    assert journal.status().fault is None
    assert drain(journal, START)[0] == [b"first", b"second", b"third"]
    journal.close()


def test_a_sync_during_the_first_write_of_a_segment_ends_where_it_starts(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    journal.append(b"first")
    journal.flush()
    synced: list[Position] = []
    real = os.write

    def write_during_sync(fd: int, data: bytearray) -> int:
        synced.append(journal.sync())
        return real(fd, data)

    journal.append(b"second")
    with mock.patch.object(os, "write", write_during_sync):
        assert journal.flush()
    assert synced == [Position(2, 0)]
    assert journal.read(START, synced[0]) == ([b"first"], synced[0])
    assert drain(journal, synced[0])[0] == [b"second"]
    journal.close()


def test_a_directory_that_cannot_be_synced_is_a_fault(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=1)
    for payload in (b"a", b"b"):
        journal.append(payload)
        journal.flush()
    with failing("fsync"):
        journal.sync()
    assert journal.status().fault == "cannot sync: Input/output error"
    journal.append(b"c")
    assert journal.flush()
    assert journal.end().segment == 3
    assert journal.status().fault is None
    assert drain(journal, START)[0] == [b"a", b"b", b"c"]
    journal.close()


# Both threads, crashes, and everything at once


def test_a_writer_thread_drains_while_the_loop_appends(tmp_path: Path) -> None:
    journal = Journal(tmp_path, after=START, segment_bytes=2000)
    expected = [b"%d" % number for number in range(5000)]
    done = threading.Event()
    got: list[bytes] = []

    def writer() -> None:
        position = START
        while True:
            last = done.is_set()
            payloads, position = drain(journal, position, 4096)
            got.extend(payloads)
            journal.release(position)
            if last:
                return

    thread = threading.Thread(target=writer)
    thread.start()
    for payload in expected:
        journal.append(payload)
        assert journal.flush()
    done.set()
    thread.join()
    assert got == expected
    assert journal.status().segments == 1
    journal.close()


CLICKER = """
import os, sys
from pathlib import Path
from shortd.journal import Journal
from shortd.models.clicks import Position
from tests.open_files import open_files
from tests.open_files import open_files

journal = Journal(Path(sys.argv[1]), after=Position(), segment_bytes=5000)
number = 0
while True:
    for _ in range(number % 7 + 1):
        journal.append(b"%d" % number)
        number += 1
    assert journal.flush()
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.parametrize("patience", [1, 50, 2000])
def test_kill_loses_no_acknowledged_record(tmp_path: Path, patience: int) -> None:
    command = [sys.executable, "-c", CLICKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(patience):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    acknowledged = rest.rpartition(b"\n")[0].rpartition(b"\n")[2]
    assert process.returncode == -signal.SIGKILL
    got = reread(tmp_path)
    assert got == [b"%d" % number for number in range(len(got))]
    assert len(got) >= max(patience, int(acknowledged or 0))


class JournalMachine(RuleBasedStateMachine):
    """A journal and its reader under any order of use, failure, crash and restart."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp()) / "journal"
        self.accepted: list[bytes] = []
        self.drained: list[bytes] = []
        self.committed = START

    @initialize(segment_bytes=st.integers(1, 200), buffer_bytes=st.integers(60, 300))
    def start(self, segment_bytes: int, buffer_bytes: int) -> None:
        self.sizes = {"segment_bytes": segment_bytes, "buffer_bytes": buffer_bytes}
        self.open()

    def open(self) -> None:
        self.names = set(names(self.directory)) if self.directory.exists() else set()
        self.journal = Journal(self.directory, after=self.committed, **self.sizes)

    @rule(payload=PAYLOADS)
    def append(self, payload: bytes) -> None:
        before = self.journal.status()
        taken = self.journal.append(payload)
        room = before.buffered_bytes + HEADER + len(payload) <= self.sizes["buffer_bytes"]
        assert taken == room
        assert self.journal.status().dropped == before.dropped + (not taken)
        if taken:
            self.accepted.append(payload)

    @rule()
    def flush(self) -> None:
        assert self.journal.flush()
        assert self.journal.status().buffered_bytes == 0

    @rule(limit=st.integers(0, 120), cuttable=st.booleans())
    def flush_short(self, limit: int, cuttable: bool) -> None:
        buffered = self.journal.status().buffered_bytes
        with short_write(limit), nullcontext() if cuttable else failing("ftruncate"):
            assert self.journal.flush() == (buffered <= limit)

    @rule(error=st.sampled_from([errno.ENOSPC, errno.EIO]), name=st.sampled_from(["write", "open"]))
    def flush_refused(self, error: int, name: str) -> None:
        with failing(name, error):
            flushed = self.journal.flush()
        assert flushed == (self.journal.status().buffered_bytes == 0)

    @rule(name=st.sampled_from(["fdatasync", "fsync"]))
    def sync_fails(self, name: str) -> None:
        with failing(name):
            assert self.journal.sync() == self.journal.end()

    @rule(max_bytes=st.integers(1, 10**6), commit=st.booleans())
    def drain(self, max_bytes: int, commit: bool) -> None:
        until = self.journal.sync()
        payloads, reached = self.journal.read(self.committed, until, max_bytes)
        assert payloads or reached == until
        if commit:
            self.drained += payloads
            self.committed = reached

    @rule()
    def release(self) -> None:
        self.journal.release(self.committed)

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.open()

    @rule(debris=st.binary(max_size=12))
    def crash(self, debris: bytes) -> None:
        """Loses the buffer, and leaves a torn record where the next would have begun."""
        buffered = self.journal.status().buffered_bytes
        while buffered:
            buffered -= HEADER + len(self.accepted.pop())
        end = self.journal.end()
        die(self.journal)
        with (self.directory / f"{end.segment:016d}.clicks").open("r+b") as file:
            file.seek(end.offset)
            file.write(bytes([255, 0, 0, 0]) + debris)
            file.truncate()
        self.open()

    @precondition(lambda self: hasattr(self, "journal"))
    @invariant()
    def nothing_is_drained_twice_or_out_of_order(self) -> None:
        assert self.drained == self.accepted[: len(self.drained)]
        status = self.journal.status()
        assert status.buffered_bytes <= self.sizes["buffer_bytes"]
        assert status.segments == len(names(self.directory))
        assert f"{self.journal.end().segment:016d}.clicks" not in self.names

    def teardown(self) -> None:
        try:
            if hasattr(self, "journal"):
                self.finish()
        finally:
            shutil.rmtree(self.directory.parent)

    def finish(self) -> None:
        """With the disk well again, everything accepted is drained and tidied away."""
        assert self.journal.flush()
        self.append(b"the last")
        assert self.journal.flush()
        assert self.journal.status().fault is None
        payloads, position = drain(self.journal, self.committed)
        assert self.drained + payloads == self.accepted
        assert self.journal.status().damage is None
        self.journal.release(position)
        assert self.journal.status().segments == 1
        self.journal.close()
        assert open_segments(self.directory) == []


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(
    deadline=None,
    max_examples=60,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
