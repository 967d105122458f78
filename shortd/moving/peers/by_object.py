"""What the readers of peers' answers in JSON have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from shortd.moving.inputs import Input
from shortd.moving.json_objects import walk
from shortd.moving.options import Options
from shortd.moving.staged import Found, StagedSource

Opened = Callable[[], Input]
"""Opens one of the pages."""


class ObjectSource(StagedSource):
    """Answers of an API, kept in one file or in one a page."""

    def __init__(self, form: str, pages: list[Opened], options: Options) -> None:
        super().__init__(form, options)
        self._pages = pages
        self._read = 0
        self._page: Input | None = None
        self._number = 0

    @abstractmethod
    def takes(self, path: list[str], found: dict[str, Any]) -> bool:
        """Puts an object into the stage if it is one of the peer's; whether it is. `path` has the
        keys that lead to it."""

    def number(self) -> str:
        """The next number of a row, for sources that give none."""
        self._number += 1
        return str(self._number)

    def load(self) -> Iterator[Found]:
        for open_page in self._pages:
            self._page = open_page()
            try:
                walk(self._page, self.takes)
            finally:
                self._page.close()
            self._read += 1
        yield from ()

    @property
    def loaded(self) -> float | None:
        here = self._page.progress if self._page is not None else 0.0
        if here is None:
            return None
        is_last = self._read == len(self._pages)
        return (self._read + (0.0 if is_last else here)) / len(self._pages)
