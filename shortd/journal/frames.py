"""Records as bytes: how a payload is framed, and how far a run of bytes can be trusted.

A record is a little-endian uint32 length, a uint32 CRC-32 of the payload whose running
value starts at the length (so that it covers both), and the payload. No payload is empty:
zeros, which a file system may leave at the end of a file after power loss, are never a
record. Nothing here searches for a next record behind a broken one: payloads carry
visitors' text, and text could be made to look like a record.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from zlib import crc32

HEADER = struct.Struct("<II")
MAX_PAYLOAD = 16 * 1024
"""Bytes; a length on disk beyond it is corruption, not a long record."""
MAX_RECORD = HEADER.size + MAX_PAYLOAD


class Flaw(StrEnum):
    """Why a segment stops being readable."""

    TORN = "torn"
    """It ends inside a record, or in zeros: what an interrupted write leaves."""
    CORRUPT = "corrupt"
    """A record is there and is not what was written."""
    MISSING = "missing"
    """There is no file of a segment that should have one."""


def frame(payload: bytes) -> bytes:
    """The record of a payload of 1 to `MAX_PAYLOAD` bytes; ValueError for any other."""
    length = len(payload)
    if not 0 < length <= MAX_PAYLOAD:
        raise ValueError(f"a payload has 1 to {MAX_PAYLOAD} bytes, not {length}")
    return HEADER.pack(length, crc32(payload, length)) + payload


def unframe(data: bytes) -> tuple[list[bytes], int, Flaw | None]:
    """The payloads of the valid records at the start of `data`, the number of bytes they
    take, and what is wrong with the bytes after them (None if there are none).
    """
    payloads: list[bytes] = []
    start, stop = 0, len(data)
    while start < stop:
        body = start + HEADER.size
        if body > stop:
            return payloads, start, Flaw.TORN
        length, checksum = HEADER.unpack_from(data, start)
        if not 0 < length <= MAX_PAYLOAD:
            zeros = length == 0 and checksum == 0
            return payloads, start, Flaw.TORN if zeros else Flaw.CORRUPT
        end = body + length
        if end > stop:
            return payloads, start, Flaw.TORN
        payload = data[body:end]
        if crc32(payload, length) != checksum:
            return payloads, start, Flaw.CORRUPT
        payloads.append(payload)
        start = end
    return payloads, start, None


def whole_records(records: bytearray, written: int) -> int:
    """How many of the first `written` bytes of framed records belong to complete ones."""
    start = end = 0
    while end <= written:
        start = end
        if start == len(records):
            break
        end = start + HEADER.size + HEADER.unpack_from(records, start)[0]
    return start
