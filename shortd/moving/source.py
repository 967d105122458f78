"""What every source can be asked, whatever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from shortd.moving.records import (
    ClickSum,
    HostSetting,
    Problem,
    Remark,
    SourceClick,
    SourceLink,
)


class Source(AbstractContextManager["Source"], ABC):
    """An open source."""

    form: str
    """What it turned out to be: "sql", "sqlite", "json", "csv", "rest", "html"."""

    @abstractmethod
    def links(self) -> Iterator[SourceLink | Problem | Remark | HostSetting]:
        """Links, oldest first, each (host, code) once, and what else there is. Once only."""

    @abstractmethod
    def clicks(self) -> Iterator[SourceClick | ClickSum]:
        """Clicks; to be asked for behind the last of `links()`. Once only."""

    @property
    @abstractmethod
    def progress(self) -> float | None:
        """How much of the reading is done, from 0 to 1; None: nobody knows."""

    @abstractmethod
    def close(self) -> None:
        """Removes what was kept meanwhile."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()
