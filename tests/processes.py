"""Processes that tests start: with the signals of a fresh shell, and never left behind."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_started: list[subprocess.Popen[Any]] = []


def start(
    command: Sequence[str | Path],
    *,
    is_lasting: bool = False,
    prepare: Callable[[], None] | None = None,
    **options: Any,
) -> subprocess.Popen[Any]:
    """Starts a process, which is ended after the test unless it `is_lasting`. `prepare` runs in it,
    before the program does.

    What runs in the background of a shell ignores Ctrl-C, and so do its children, and theirs.
    """

    def begin() -> None:
        _with_all_signals()
        if prepare is not None:
            prepare()

    process = subprocess.Popen(command, preexec_fn=begin, **options)
    if not is_lasting:
        _started.append(process)
    return process


def end_all() -> None:
    """Ends what tests have started and left."""
    while _started:
        end(_started.pop())


def end(process: subprocess.Popen[Any]) -> None:
    """Kills a process, unless it is gone, and lets go of all that belongs to it."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _with_all_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
