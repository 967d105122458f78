"""How a source is read: all its rows into the stage, then links in their order, then clicks.

A peer's reader (`peers/`) knows where its rows stand and what they mean: `load` adds them, `draft`
makes a link of one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from shortd import errors
from shortd.moving.drafts import Draft
from shortd.moving.options import Options
from shortd.moving.records import (
    ClickSum,
    HostSetting,
    Problem,
    Reason,
    Remark,
    SourceClick,
    SourceLink,
)
from shortd.moving.source import Source
from shortd.moving.stage import Stage
from shortd.moving.times import Times

Found = Problem | Remark | HostSetting


class StagedSource(Source):
    """What the readers of all peers have in common."""

    def __init__(self, form: str, options: Options) -> None:
        self.form = form
        self.options = options
        self.times = Times(options)
        self.stage = Stage(options.workdir, options.most_staged, options.pause)
        self._told = 0
        self._is_loaded = False

    @abstractmethod
    def load(self) -> Iterator[Found]:
        """Adds all rows to the stage; yields what is no link."""

    @abstractmethod
    def draft(self, row: Any) -> Draft | Problem | None:
        """A link of one of the rows that were added; None: it is none after all."""

    def remarks(self) -> Iterator[Found]:
        """What can be told once all rows are there."""
        return iter(())

    @property
    @abstractmethod
    def loaded(self) -> float | None:
        """How much is read, from 0 to 1."""

    def links(self) -> Iterator[SourceLink | Problem | Remark | HostSetting]:
        yield from self.load()
        self.stage.seal()
        self._is_loaded = True
        yield from self.remarks()
        empty = True
        for row in self.stage.links():
            empty = False
            self._told += 1
            draft = self.draft(row)
            if draft is None:
                continue
            if isinstance(draft, Problem):
                yield draft
                continue
            link = draft.finish(self.stage.counted(draft.key))
            if (
                isinstance(link, SourceLink)
                and link.code is not None
                and not self.stage.take(link.host, link.code)
            ):
                told = "the source has an earlier link of this code"
                yield draft.skipped(Reason.CODE_TAKEN, told)
            else:
                yield link
        if empty and not self.stage.rows and not self.may_be_empty:
            raise errors.SOURCE_UNREADABLE("There is nothing of %(title)s in it.", title=self.title)

    def clicks(self) -> Iterator[SourceClick | ClickSum]:
        for click in self.stage.clicks():
            self._told += 1
            yield click

    title: str
    """Of the peer, for messages."""
    may_be_empty = False
    """Its rows were found, and there are none: a new peer."""

    @property
    def progress(self) -> float | None:
        if not self._is_loaded:
            loaded = self.loaded
            return None if loaded is None else loaded / 2
        rows = self.stage.rows
        return 0.5 + 0.5 * self._told / rows if rows else 1.0

    def close(self) -> None:
        self.stage.close()
