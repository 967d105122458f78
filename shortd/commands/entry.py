"""Where the program begins: before anything that takes time, a server hears signals.

To process 1 of a container the kernel delivers none that it has no handler for, and importing the
command line takes a while. This module must import next to nothing.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command that was asked for."""
    signals = None
    if sys.argv[1:2] == ["serve"]:
        from shortd.server.signals import Signals

        signals = Signals()
    from shortd.commands.cli import main as commands

    commands(prog_name="shortd", obj=signals)
