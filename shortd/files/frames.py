"""The framing of encrypted files: does a body hold what it claims to?

An encrypted body is one or many frames: a little-endian uint32 length, a 12-byte IV, the
ciphertext and a 16-byte tag (AES-GCM); the length counts IV, ciphertext and tag
(docs/sharing.md). The server has no key: it checks that frames add up, and never more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shortd import errors

LENGTH_BYTES = 4
OVERHEAD_BYTES = 12 + 16
"""IV and tag."""
BOUND_FRAME_BYTES = 1 << 20
"""Plain bytes of each frame in our own form, but the last."""
FREE_FRAMES = 1 << 16
"""A file may have so many frames however small, and then one for each `FRAME_BYTES`: looking
at hundreds of millions of them would take minutes."""
FRAME_BYTES = 16 << 10
_BUFFER_BYTES = 4096
"""Small, since of large frames only the lengths are wanted."""


def bound_size(filesize: int) -> int:
    """Bytes that so many plain ones take in our own form."""
    frames = max(1, -(-filesize // BOUND_FRAME_BYTES))
    return filesize + frames * (LENGTH_BYTES + OVERHEAD_BYTES)


def check_frames(paths: Sequence[Path], filesize: int) -> None:
    """Raises BAD_FILE unless the files together are whole frames of `filesize` plain bytes.

    Frames need not end where files end. Blocking: for a disk thread. Looks at lengths alone.
    """
    plain = 0
    frames_left = FREE_FRAMES + filesize // FRAME_BYTES
    beginning = b""
    ahead = 0
    for path in paths:
        size = path.stat().st_size
        if ahead >= size:
            ahead -= size
            continue
        with path.open("rb", buffering=_BUFFER_BYTES) as file:
            at, ahead = ahead, 0
            while at < size:
                file.seek(at)
                missing = LENGTH_BYTES - len(beginning)
                beginning += file.read(missing)
                if at + missing > size:
                    break
                length = int.from_bytes(beginning, "little")
                beginning = b""
                plain += length - OVERHEAD_BYTES
                if length < OVERHEAD_BYTES or plain > filesize:
                    raise errors.BAD_FILE("The frames do not add up to filesize.")
                frames_left -= 1
                if frames_left < 0:
                    raise errors.BAD_FILE("The file has too many tiny frames.")
                at += missing + length
                ahead = max(0, at - size)
    if beginning or ahead:
        raise errors.BAD_FILE("The last frame is cut off.")
    if plain != filesize:
        raise errors.BAD_FILE("The frames do not add up to filesize.", field="filesize")
