"""The framing of encrypted files: does a body hold what it claims to?

An encrypted body is one or many frames: a little-endian uint32 length, a 12-byte IV, the
ciphertext and a 16-byte tag (AES-GCM); the length counts IV, ciphertext and tag (NOTES "Files,
small print"). The server has no key: it checks that frames add up, and never more.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

from shortd import errors

LENGTH_BYTES = 4
OVERHEAD_BYTES = 12 + 16
"""IV and tag."""


def check_frames(paths: Sequence[Path], filesize: int) -> None:
    """Raises BAD_FILE unless the files together are whole frames of `filesize` plain bytes.

    Frames need not end where files end. Blocking: for a disk thread. Looks at lengths alone,
    through a memory map, so that neither huge files nor tiny frames cost much.
    """
    plain = 0
    beginning = b""
    ahead = 0
    for path in paths:
        size = path.stat().st_size
        if ahead >= size:
            ahead -= size
            continue
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at, ahead = ahead, 0
            while at < size:
                missing = LENGTH_BYTES - len(beginning)
                if at + missing > size:
                    beginning += data[at:size]
                    break
                length = int.from_bytes(beginning + data[at : at + missing], "little")
                beginning = b""
                plain += length - OVERHEAD_BYTES
                if length < OVERHEAD_BYTES or plain > filesize:
                    raise errors.BAD_FILE("The frames do not add up to filesize.")
                at += missing + length
                ahead = max(0, at - size)
    if beginning or ahead:
        raise errors.BAD_FILE("The last frame is cut off.")
    if plain != filesize:
        raise errors.BAD_FILE("The frames do not add up to filesize.", field="filesize")
