"""How far a transfer is, on standard error: a bar if that is a terminal, and notes.

Standard output belongs to results: nothing here may write to it, or take its place.
"""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from shortd.client.failures import printable


class Progress:
    """Shows one transfer. Use as a context manager: leaving it takes the bar away.

    `quiet` shows nothing, not even notes.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False, markup=False)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            # Not rich's own idea of a terminal, which variables can change.
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=None)

    def start(self, what: str, total: int | None, completed: int) -> None:
        """Begins to show a transfer of `total` bytes, of which some are there already."""
        self._bar.reset(self._task, total=total, completed=completed, description=printable(what))
        self._bar.start()

    def advance(self, size: int) -> None:
        """So many bytes more have gone, or have to go again."""
        self._bar.advance(self._task, size)

    def reach(self, completed: int) -> None:
        """So many bytes are there in all."""
        self._bar.update(self._task, completed=completed)

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(f"shortd: {printable(text)}", soft_wrap=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
