"""Work that takes its time, as a terminal is told of it on standard error.

Standard output belongs to results, and whatever is no terminal is told nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Tells that so many more are done."""


@contextmanager
def working(what: str, total: int | None = None) -> Iterator[Advance]:
    """Shows a bar until it is done, or where nobody knows how much there is, that it goes on."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    left = TimeElapsedColumn() if total is None else TimeRemainingColumn()
    counted = () if total is None else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), *counted, left)
    console = Console(stderr=True, highlight=False)
    # Output is the command's own affair.
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)
