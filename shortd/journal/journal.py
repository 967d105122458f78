"""The journal itself: buffer, current segment, and what the writer thread does with both.

Two threads meet here. The event loop appends, flushes and closes; the writer thread syncs,
reads and releases. The lock is held only while the set of segments changes, never during a
write or a sync.

Visitors' data are to be here for seconds only: `rotate` ends a segment however short it is, so
that `release` can delete it once it is drained.

It must never append to a segment of an earlier process, reuse the name of a segment that had
records, write behind a torn record, or trust a second fdatasync after one that failed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

from shortd.journal.frames import frame, unframe, whole_records
from shortd.journal.reader import read_range
from shortd.journal.segments import (
    Segment,
    create_segment,
    list_segments,
    segment_path,
)
from shortd.journal.status import JournalStatus, Troubles
from shortd.models.clicks import Position
from shortd.syncing import sync

MIB = 1024 * 1024
PROBE_BYTES = 16 * 1024


class Journal:
    """An append-only journal in `directory`, drained from `after` on.

    `after` is the position the database holds. Existing segments stay for `read`; writing
    starts in a new one, numbered above every file there and above `after`. A segment is
    followed by the next at `segment_bytes`; at most `buffer_bytes` wait for a disk that
    refuses them. Raises OSError when the directory cannot be used; a disk that has no room for
    a segment is a fault like any other.
    """

    def __init__(
        self,
        directory: Path,
        *,
        after: Position,
        segment_bytes: int = 64 * MIB,
        buffer_bytes: int = 8 * MIB,
    ) -> None:
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
            sync(directory.parent)
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._buffer_bytes = buffer_bytes
        self._buffer = bytearray()
        self._dropped = 0
        self._lock = Lock()
        # Ends are known only of segments this process has finished; the rest are None.
        self._ends: dict[int, int | None] = dict.fromkeys(list_segments(directory))
        self._next_number = max(after.segment, *self._ends, 0) + 1
        # Not there yet.
        self._current = Segment(self._next_number, -1)
        self._retired: list[Segment] = []
        self._unlisted = False
        self._size = 0
        self.written = 0
        """Bytes of records, in all."""
        self._rotate_at = segment_bytes
        self._end = self._synced = Position(self._next_number, 0)
        self._stale = True
        self._closed = False
        self._troubles = Troubles()
        if self._renew():
            with suppress(OSError):
                sync(directory)
                self._unlisted = False

    # The event loop's side

    def append(self, payload: bytes) -> bool:
        """Buffers a payload of 1 to `MAX_PAYLOAD` bytes (else ValueError).

        False if there was no room and the payload is dropped, which only happens while
        there is a fault, or when nobody flushes.
        """
        record = frame(payload)
        if len(self._buffer) + len(record) > self._buffer_bytes:
            self._dropped += 1
            return False
        self._buffer += record
        return True

    def flush(self) -> bool:
        """Hands the buffer to the kernel in one write; False if any of it is still here.

        Never raises OSError: a failure shows in `status`, and the next call tries again in
        a new segment. Call it again while it says False, even when nothing is appended.
        """
        buffer = self._buffer
        if not buffer:
            return True
        if self._stale:
            if not self._renew():
                return False
        elif self._size >= self._rotate_at and not self._renew():
            # Too many open files, say: the segment at hand still takes records.
            self._rotate_at += self._segment_bytes
        try:
            written = os.write(self._current.fd, buffer)
        except OSError as error:
            self._cut_back(0, error.strerror or repr(error))
            return False
        if written < len(buffer):
            self._cut_back(written, "the disk took only a part")
            return False
        self._size += written
        self.written += written
        self._end = Position(self._current.number, self._size)
        buffer.clear()
        if self._troubles.fault is not None and not self._stale:
            self._troubles.recover()
        return True

    def rotate(self) -> None:
        """Ends the segment at hand, if it has records: once they are drained it can go."""
        if self._size and not self._stale:
            self._renew()

    def retry(self) -> None:
        """While there is a fault and nothing to write, sees whether the disk takes something."""
        if self._troubles.fault is None or self._buffer or (self._stale and not self._renew()):
            return
        with suppress(OSError):
            os.posix_fallocate(self._current.fd, self._size, PROBE_BYTES)
            os.ftruncate(self._current.fd, self._size)
            self._troubles.recover()

    def take(self) -> list[bytes]:
        """The payloads that could not be written, which are no longer here then."""
        payloads, _, _ = unframe(bytes(self._buffer))
        self._buffer.clear()
        return payloads

    @property
    def is_short(self) -> bool:
        """Whether the segment at hand is all there is."""
        return self._ends.keys() <= {self._current.number}

    def is_flushed(self) -> bool:
        """Whether nothing is buffered."""
        return not self._buffer

    def end(self) -> Position:
        """The end of the last record written."""
        return self._end

    def status(self) -> JournalStatus:
        return JournalStatus(
            segments=len(self._ends),
            buffered_bytes=len(self._buffer),
            dropped=self._dropped,
            fault=self._troubles.fault,
            faults=self._troubles.faults,
            torn=self._troubles.torn,
            damage=self._troubles.damage,
        )

    def close(self) -> None:
        """Flushes, syncs and closes; to be called once the writer thread has ended."""
        if self._closed:
            return
        self._closed = True
        if not self.flush():
            self._troubles.lose(len(self._buffer))
        self.sync()
        if self._current.fd < 0:
            return
        os.close(self._current.fd)
        self._current.fd = -1
        if not self._size:
            with suppress(OSError):
                segment_path(self._directory, self._current.number).unlink()

    def _renew(self) -> bool:
        """Starts the next segment. Its directory entry is left to `sync`, off the loop."""
        number = self._next_number
        self._next_number += 1
        try:
            segment = create_segment(self._directory, number)
        except OSError as error:
            self._troubles.fail(f"cannot start a segment: {error.strerror}")
            return False
        with self._lock:
            if self._current.fd >= 0:
                self._ends[self._current.number] = self._size
                self._retired.append(self._current)
            self._ends[number] = None
            self._current = segment
            self._unlisted = True
            self._stale = False
            self._end = Position(number, 0)
        self._size = 0
        self._rotate_at = self._segment_bytes
        return True

    def _cut_back(self, written: int, reason: str) -> None:
        """Keeps the whole records among `written` bytes, in the file and not in the buffer."""
        whole = whole_records(self._buffer, written)
        self._size += whole
        self.written += whole
        self._end = Position(self._current.number, self._size)
        del self._buffer[:whole]
        # An empty segment is as good as a new one, so that a full disk does not breed files.
        if self._size:
            self._stale = True
        try:
            os.ftruncate(self._current.fd, self._size)
        except OSError:
            self._stale = True
        self._troubles.fail(f"cannot write: {reason}")

    # The writer thread's side

    def sync(self) -> Position:
        """Makes all that was written before the call survive power loss.

        Returns the position that may be committed after reading up to it. A failure does
        not raise: it is noted as a fault, the loop goes on in a new segment, and what was
        written still counts, for it can be read.
        """
        with self._lock:
            until = self._end
            current = self._current
            retired, self._retired = self._retired, []
            unlisted, self._unlisted = self._unlisted, False
        for segment in retired:
            self._sync_segment(segment)
            os.close(segment.fd)
        if until.offset and until != self._synced:
            self._sync_segment(current)
        if unlisted:
            try:
                sync(self._directory)
            except OSError as error:
                self._distrust(current, error)
        self._synced = until
        return until

    def read(
        self, after: Position, until: Position, max_bytes: int = 4 * MIB
    ) -> tuple[list[bytes], Position]:
        """The payloads after `after` up to `until`, in order, and the position behind them.

        About `max_bytes` at most, but never none where there is one; the position is `until`
        once there is no more. Commit it even if there were no payloads: it may have passed
        segments to release. What cannot be read is skipped to the end of its segment, or to
        `until`, and noted in `status`. Raises OSError; nothing is skipped for that.
        """
        if after >= until:
            return [], after
        with self._lock:
            segments = [
                (number, until.offset if number == until.segment else end)
                for number, end in self._ends.items()
                if after.segment <= number <= until.segment
            ]
        return read_range(self._directory, segments, after, until, max_bytes, self._troubles)

    def release(self, before: Position) -> None:
        """Deletes the segments that end at or below a committed position, but for the one that
        is written to; raises OSError."""
        with self._lock:
            ends = [(number, end) for number, end in self._ends.items() if number <= before.segment]
            current = self._current.number
        for number, end in ends:
            if number == current:
                continue
            path = segment_path(self._directory, number)
            if number == before.segment and before.offset < (_size(path) if end is None else end):
                continue
            path.unlink(missing_ok=True)
            with self._lock:
                del self._ends[number]

    def _sync_segment(self, segment: Segment) -> None:
        if segment.sync_failed:
            return
        try:
            os.fdatasync(segment.fd)
        except OSError as error:
            segment.sync_failed = True
            self._distrust(segment, error)

    def _distrust(self, segment: Segment, error: OSError) -> None:
        """After a failed sync: nothing more goes into `segment` if it can be helped."""
        with self._lock:
            if segment is self._current:
                self._stale = True
        self._troubles.fail(f"cannot sync: {error.strerror}")


def _size(path: Path) -> int:
    """Of a segment that an earlier process left; 0 if it is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
