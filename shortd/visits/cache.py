"""A bounded cache of two generations, about the least recently used at the cost of a dict, and a
doorkeeper for it.

New and reused entries go into the young generation; when that is full, it becomes the old
one, and what was in the old one and never asked for again is forgotten. It is freed entry by
entry with those that are put: all at once, 65,000 links took up to 40 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Holds between `generation` and twice as many entries, or fewer if they are large."""

    def __init__(
        self, generation: int, most_bytes: int = 0, size_of: Callable[[V], int] | None = None
    ) -> None:
        """`size_of` tells what an entry takes beyond what any does, in bytes: a generation is full
        with `most_bytes` of it. There may be three at a time.
        """
        self._generation = generation
        self._most_bytes = most_bytes
        self._size_of = size_of
        self._bytes = 0
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._forgotten: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The entry, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Adds or replaces an entry."""
        if self._size_of is not None:
            self._bytes += self._size_of(value)
        if len(self._young) >= self._generation or self._bytes > self._most_bytes:
            self._forgotten, self._old, self._young = self._old, self._young, {}
            self._bytes = 0
        if self._forgotten:
            self._forgotten.popitem()
        self._young[key] = value

    def drop(self, key: K) -> None:
        """Forgets an entry, if it is there."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forgets everything."""
        self._young.clear()
        self._old.clear()
        self._forgotten.clear()
        self._bytes = 0


class Doorkeeper:
    """Tells what is asked for again from what is asked for once, in one byte a slot.

    Where many more things are asked for than are kept, most of what is put is forgotten unused:
    keeping it and freeing another costs as much again as reading it did.
    """

    def __init__(self, slots: int) -> None:
        """`slots` is a power of two: about how many things it has in mind."""
        self._slots = bytearray(slots)
        self._mask = slots - 1
        self._bits = slots.bit_length()

    def has_seen(self, key: Hashable) -> bool:
        """Whether this was asked about lately; it is remembered from now on. Of 255 things that are
        new, one counts as seen.
        """
        digest = hash(key)
        slot, tag = digest & self._mask, (digest >> self._bits) % 255 + 1
        if self._slots[slot] == tag:
            return True
        self._slots[slot] = tag
        return False
