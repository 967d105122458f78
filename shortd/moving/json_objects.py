"""Finds objects in JSON of any size, wherever they stand in it: in one array, in an array of pages,
in pages one behind the other, or one a line.

Raw control characters are taken as spaces: some APIs send titles with them. What is nested deeper
or held longer than any answer of a peer is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any

import ijson

from shortd import errors
from shortd.moving.inputs import Input, text_pieces
from shortd.moving.records import MOST
from shortd.moving.texts import IN_CP1252

DEPTH = 64
HELD = 4 << 20
"""Characters of what waits for its end: an object, and a value that has none yet."""
_PIECE = 1 << 16
_TO_SPACES = bytes([32] * 32 + list(range(32, 256)))

Take = Callable[[list[str], dict[str, Any]], bool]
"""Is given the keys that lead to an object, and the object; whether it has taken it."""


def walk(source: Input, take: Take) -> None:
    """Gives `take` each object as soon as it is whole, the inner ones first; what is not taken
    stays in what is around it. Raises SOURCE_UNREADABLE."""
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, multiple_values=True)
    walker = _Walker(source.name, take)
    silent = 0
    try:
        for text in text_pieces(source, IN_CP1252):
            data = text.encode("utf-8", "replace").translate(_TO_SPACES)
            for at in range(0, len(data), _PIECE):
                parser.send(data[at : at + _PIECE])
                silent = 0 if events else silent + _PIECE
                if silent > HELD:
                    raise walker.too_large()
                for event, value in events:
                    walker.see(event, value)
                del events[:]
        parser.close()
        for event, value in events:
            walker.see(event, value)
    except (ijson.JSONError, ValueError, ArithmeticError, SystemError, StopIteration):
        raise errors.SOURCE_UNREADABLE(
            "%(name)s is no JSON, or it is torn.", name=source.name
        ) from None
    if walker.is_inside:
        raise errors.SOURCE_UNREADABLE("%(name)s ends too early: it is torn.", name=source.name)


class _Frame:
    """An object or array that has not ended."""

    __slots__ = ("container", "key", "size")

    def __init__(self, container: dict[str, Any] | list[Any]) -> None:
        self.container = container
        self.key = ""
        self.size = 64


class _Walker:
    def __init__(self, name: str, take: Take) -> None:
        self._name = name
        self._take = take
        self._frames: list[_Frame] = []

    @property
    def is_inside(self) -> bool:
        return bool(self._frames)

    def see(self, event: str, value: Any) -> None:
        frames = self._frames
        if event == "map_key":
            frames[-1].key = value
            frames[-1].size += len(value) + 64
        elif event in ("start_map", "start_array"):
            if len(frames) >= DEPTH:
                raise errors.SOURCE_UNREADABLE(
                    "%(name)s is nested deeper than %(most)s levels.",
                    name=self._name,
                    most=DEPTH,
                )
            frames.append(_Frame({} if event == "start_map" else []))
        elif event in ("end_map", "end_array"):
            frame = frames.pop()
            found = frame.container
            if isinstance(found, dict):
                path = [outer.key for outer in frames if isinstance(outer.container, dict)]
                if self._take(path, found):
                    return
            self._put(found, frame.size)
        elif isinstance(value, Decimal):
            number = float(value)
            self._put(number if isfinite(number) else None, 32)
        elif isinstance(value, int):
            # What is too large stays so, and can be kept until it is told.
            self._put(max(-MOST, min(value, MOST + 1)), 32)
        else:
            self._put(value, 64 + len(value) if isinstance(value, str) else 32)

    def _put(self, value: Any, size: int) -> None:
        if not self._frames:
            return
        frame = self._frames[-1]
        frame.size += size
        if frame.size > HELD:
            raise self.too_large()
        if isinstance(frame.container, dict):
            frame.container[frame.key] = value
        else:
            frame.container.append(value)

    def too_large(self) -> errors.ShortdError:
        return errors.SOURCE_UNREADABLE(
            "%(name)s has a value of more than %(most)s bytes.", name=self._name, most=HELD
        )
