"""Order-preserving key codecs: encoded keys compare as their tuples do.

LMDB orders keys bytewise, so integers are written big-endian (signed ones shifted by
2^63) and text as UTF-8 closed by a NUL, which sorts before every other byte. The last
text of a key needs no NUL, since nothing follows it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, Generic, TypeVar

_FORMATS: dict[int | None, str] = {4: "I", 8: "Q"}
MAX_KEY_BYTES = 511
"""LMDB's own limit on a key."""

K = TypeVar("K", bound=tuple[Any, ...])


class KeyTooLong(ValueError):
    """An encoded key exceeds `MAX_KEY_BYTES`."""


class Part:
    """How one element of a key is written."""

    size: int | None = None
    """Encoded length in bytes; None if it varies."""

    def encode(self, value: Any) -> bytes:
        """ValueError or OverflowError if the value cannot be part of a key."""
        raise NotImplementedError

    def encode_last(self, value: Any) -> bytes:
        """The same at the end of a key, where nothing needs to close it."""
        return self.encode(value)

    def decode(self, raw: bytes) -> Any:
        raise NotImplementedError


class Unsigned(Part):
    """An integer in [0, 256^size)."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: int) -> bytes:
        return value.to_bytes(self.size or 0, "big")

    def decode(self, raw: bytes) -> int:
        return int.from_bytes(raw, "big")


class Signed(Part):
    """An integer in [-2^63, 2^63)."""

    size = 8

    def encode(self, value: int) -> bytes:
        return (value + (1 << 63)).to_bytes(8, "big")

    def decode(self, raw: bytes) -> int:
        return int.from_bytes(raw, "big") - (1 << 63)


class Fixed(Part):
    """Bytes of one known length."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: bytes) -> bytes:
        if len(value) != self.size:
            raise ValueError(f"key part has {len(value)} bytes, not {self.size}")
        return value

    def decode(self, raw: bytes) -> bytes:
        return raw


class Text(Part):
    """A string without NUL."""

    def encode(self, value: str) -> bytes:
        return self.encode_last(value) + b"\0"

    def encode_last(self, value: str) -> bytes:
        if "\0" in value:
            raise ValueError("key text holds a NUL")
        return value.encode()

    def decode(self, raw: bytes) -> str:
        return raw.decode()


class AnyText(Text):
    """Any string at the end of a key, where a NUL closes nothing."""

    def encode(self, value: str) -> bytes:
        raise ValueError("only the end of a key can be any text")

    def encode_last(self, value: str) -> bytes:
        return value.encode()


U32 = Unsigned(4)
U64 = Unsigned(8)
I64 = Signed()
TEXT = Text()
ANY_TEXT = AnyText()


class Key(Generic[K]):
    """The codec of one table's or index's keys, a tuple of parts."""

    def __init__(self, *parts: Part) -> None:
        self.parts = parts
        self._encoders = [*(part.encode for part in parts[:-1]), parts[-1].encode_last]
        formats = [
            _FORMATS.get(part.size) if isinstance(part, Unsigned) else None for part in parts
        ]
        self._packers = [
            struct.Struct(f">{one}").pack if one else encoder
            for one, encoder in zip(formats, self._encoders, strict=True)
        ]
        """The same, quicker; what does not fit a number is a struct.error."""
        self._pack: Callable[..., bytes] | None = None
        if None not in formats:
            self._pack = struct.Struct(f">{''.join(map(str, formats))}").pack

    def encode(self, values: K) -> bytes:
        """The key's bytes; KeyTooLong beyond 511, ValueError for unfit values."""
        packers = self._packers
        # Rows are found and made by the ten thousand a second: no loop for short keys.
        try:
            if self._pack is not None:
                return self._pack(*values)
            if len(values) != len(packers):
                return self._checked(values)
            if len(packers) == 1:
                raw = packers[0](values[0])
            elif len(packers) == 2:
                raw = packers[0](values[0]) + packers[1](values[1])
            else:
                raw = b"".join([pack(value) for pack, value in zip(packers, values, strict=True)])
        except struct.error:
            return self._checked(values)
        return raw if len(raw) <= MAX_KEY_BYTES else self._checked(values)

    def encode_all(self, keys: Sequence[K]) -> list[bytes]:
        """`encode` of each; quicker where there are many, since it goes column by column."""
        if len(keys) < 2:
            return [self.encode(key) for key in keys]
        columns = zip(self._packers, zip(*keys, strict=True), strict=True)
        try:
            packed = [_packed(pack, column) for pack, column in columns]
            raws = [*map(b"".join, zip(*packed, strict=True))]
        except struct.error:
            return [self._checked(key) for key in keys]
        return raws if max(map(len, raws)) <= MAX_KEY_BYTES else [*map(self._checked, keys)]

    def _checked(self, values: K) -> bytes:
        """The same without haste: says what is wrong with values that do not fit."""
        if len(values) != len(self.parts):
            raise ValueError(f"key has {len(values)} parts, not {len(self.parts)}")
        return self.prefix(values)

    def prefix(self, values: Sequence[Any]) -> bytes:
        """What the keys that begin with these elements have in common."""
        raw = b"".join(
            [encode(value) for encode, value in zip(self._encoders, values, strict=False)]
        )
        if len(raw) > MAX_KEY_BYTES:
            raise KeyTooLong(f"key has {len(raw)} bytes, the limit is {MAX_KEY_BYTES}")
        return raw

    def decode(self, raw: bytes) -> K:
        """The tuple that `encode` was given."""
        values = []
        start = 0
        last = len(self.parts) - 1
        for position, part in enumerate(self.parts):
            if part.size is not None:
                end = following = start + part.size
            elif position == last:
                end = following = len(raw)
            else:
                end = raw.index(b"\0", start)
                following = end + 1
            values.append(part.decode(raw[start:end]))
            start = following
        return tuple(values)  # type: ignore[return-value]


def _packed(pack: Callable[[Any], bytes], column: Sequence[Any]) -> Iterable[bytes]:
    """The parts of one column. Rows that are made together mostly share an owner, a host, a tag."""
    first, number = column[0], len(column)
    return repeat(pack(first), number) if column.count(first) == number else map(pack, column)
