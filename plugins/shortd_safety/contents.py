"""What a list says, small enough for a million hosts: 8 bytes for each, and found by halving.

An entry is kept as a digest of 64 bits, under a key that is drawn for each list. With n entries, a
host that is on no list is taken for one that is with a probability of n/2⁶⁴ for each name that is
looked up: of a million entries and six names (`a.b.c.example.org` and what it is below), 3·10⁻¹³.
As nobody knows the key, nobody can look for a name whose digest is another's.

The same bytes are kept on the disk, with a digest of them all: what was cut off is never read.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from secrets import token_bytes
from time import sleep
from typing import BinaryIO

import msgspec

from shortd.plugin import DestinationPatterns
from shortd_safety.hosts import Target
from shortd_safety.lines import entries_of

MOST_BYTES = 64 << 20
"""Of a list as it is written."""
MOST_ENTRIES = 2_000_000
MOST_LINE_BYTES = 4096
MOST_EXPRESSIONS = 1000
"""Of those a hundred can be used; to find out which takes longer than a line of any other kind."""
_MAGIC = b"shortd safety 1\n"
_CHECK_BYTES = 32
_BUCKETS = 256
_STRETCH = 2000
"""Lines between which other threads get a turn."""


class BadList(Exception):
    """A list that cannot be used; the message says why."""


class Facts(msgspec.Struct, frozen=True):
    """What is known of a list's contents."""

    origin: str
    """What the list was, and who had to vouch for it, when this was read."""
    stamp: str = ""
    """By which is seen that the source has not changed: an ETag, or a file's size and time."""
    utime: int = 0
    """When it was read, in µs."""
    entries: int = 0
    exceptions: int = 0
    places: int = 0
    """Those of single addresses."""
    passed: int = 0
    """Lines that are about no whole host."""
    unreadable: int = 0
    key: bytes = b""
    order: str = sys.byteorder
    patterns: tuple[str, ...] = ()


class Contents:
    """The entries of a list. Never changes."""

    def __init__(self, facts: Facts, digests: array[int]) -> None:
        """ValueError for patterns that are none."""
        self.facts = facts
        self._digests = digests
        self._patterns = DestinationPatterns(facts.patterns)

    def find(self, target: Target) -> str | None:
        """The entry that somebody who goes there meets; None if there is none."""
        facts = self.facts
        if facts.exceptions and any(self._has(f"@{name}") for name in target.domains):
            return None
        if facts.places and self._has(target.place):
            return target.place
        for entry in (f"={target.host}", *target.domains):
            if self._has(entry):
                return entry
        return self._patterns.find(target.url) if facts.patterns else None

    def dump(self) -> bytes:
        """As it is kept."""
        head = msgspec.msgpack.encode(self.facts)
        body = b"".join((len(head).to_bytes(4, "big"), head, self._digests.tobytes()))
        return _MAGIC + body + blake2b(body, digest_size=_CHECK_BYTES).digest()

    @classmethod
    def load(cls, kept: bytes) -> Contents:
        """What was kept. BadList for anything else."""
        view = memoryview(kept)[len(_MAGIC) :]
        body, check = view[:-_CHECK_BYTES], view[-_CHECK_BYTES:]
        if not kept.startswith(_MAGIC) or blake2b(body, digest_size=_CHECK_BYTES).digest() != check:
            raise BadList("the copy that was kept is damaged")
        start = 4 + int.from_bytes(body[:4], "big")
        facts = msgspec.msgpack.decode(body[4:start], type=Facts)
        digests = array("Q")
        digests.frombytes(body[start:])
        if facts.order != sys.byteorder:
            digests.byteswap()
        return cls(facts, digests)

    def _has(self, entry: str) -> bool:
        digest = _digest(entry, self.facts.key)
        place = bisect_left(self._digests, digest)
        return place < len(self._digests) and self._digests[place] == digest


def read_list(content: bytes, facts: Facts, *, subdomains: bool = True) -> Contents:
    """The contents of a list as it is written, and `facts` about it. BadList if it is none."""
    if len(content) > MOST_BYTES:
        raise BadList(f"it has more than {MOST_BYTES >> 20} MiB")
    key = token_bytes(32)
    buckets = [array("Q") for _ in range(_BUCKETS)]
    patterns: dict[str, None] = {}
    passed = unreadable = entries = exceptions = places = 0
    for line in _lines(BytesIO(content)):
        try:
            found = entries_of(line)
        except ValueError:
            unreadable += 1
            continue
        if not found:
            passed += _says_something(line)
            continue
        for entry in found:
            if entry.startswith("/"):
                if entry not in patterns and len(patterns) == MOST_EXPRESSIONS:
                    unreadable += 1
                else:
                    patterns[entry] = None
                continue
            if entry.startswith("@"):
                exceptions += 1
            elif "/" in entry:
                places += 1
            elif not subdomains and not entry.startswith("="):
                entry = f"={entry}"
            entries += 1
            digest = _digest(entry, key)
            buckets[digest >> 56].append(digest)
        if entries > MOST_ENTRIES:
            raise BadList(f"it has more than {MOST_ENTRIES} entries")
    usable = DestinationPatterns.usable(patterns)
    unreadable += len(patterns) - len(usable)
    if unreadable > entries + len(usable):
        raise BadList(f"{unreadable} lines of it cannot be read, and {entries} can: is it a list?")
    digests = array("Q")
    # One after the other, so that never all of them are numbers at once.
    for bucket in buckets:
        digests.extend(sorted(set(bucket)))
    return Contents(
        msgspec.structs.replace(
            facts,
            entries=len(digests) + len(usable),
            exceptions=exceptions,
            places=places,
            passed=passed,
            unreadable=unreadable,
            key=key,
            patterns=usable,
        ),
        digests,
    )


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The lines, one at a time. BadList for what is no text."""
    number = 0
    while line := stream.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(line) > MOST_LINE_BYTES:
            raise BadList(f"line {number} has more than {MOST_LINE_BYTES} bytes")
        if b"\0" in line:
            raise BadList(f"line {number} is no text")
        if number % _STRETCH == 0:
            sleep(0.0005)
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", "replace")


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(("!", "#", ";", "["))


def _digest(entry: str, key: bytes) -> int:
    said = entry.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(said, digest_size=8, key=key).digest(), "big")
