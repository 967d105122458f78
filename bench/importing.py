"""Moving in: `python -m bench.importing`.

A dump of YOURLS is imported by the command as an operator would, without a server: once with links
alone, once with the same links and their log. What the log adds is the clicks' own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from bench.servers import start_shortd

MAKE = Path(__file__).parent.parent / "tests" / "moving" / "samples" / "make_big.py"


class Cost(NamedTuple):
    """What a command took."""

    seconds: float
    processor: float
    """Seconds of all processors together."""
    memory: int
    """Most bytes of its own: the database, which is a file in memory, is not counted."""


def cost_of(command: Sequence[str | Path]) -> Cost:
    """Runs a command to its end, which must be a good one."""
    start, most = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def watch() -> None:
        nonlocal most
        while process.returncode is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            for line in status.splitlines():
                if line.startswith("RssAnon:"):
                    most = max(most, int(line.split()[1]) * 1024)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    watcher.join()
    if process.returncode:
        raise SystemExit(f"it ended with {process.returncode}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, most)


def imported(folder: Path, links: int, clicks: int) -> Cost:
    """An import into an empty server."""
    dump, data = folder / f"{links}-{clicks}.sql", folder / f"{links}-{clicks}"
    subprocess.run([sys.executable, MAKE, dump, str(links), str(clicks)], check=True)
    server = start_shortd(data)
    shortd = [sys.executable, "-m", "shortd"]
    where = ("--data", server.data_dir)
    environ = {**os.environ, "SHORTD_USER_PASSWORD": "a long password"}
    added = [*shortd, "user", "add", "ann@example.org", "--username", "ann", *where]
    subprocess.run(added, check=True, env=environ, capture_output=True)
    server.stop()
    return cost_of([*shortd, "import", "yourls", dump, "--account", "ann", "--apply", *where])


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--clicks", default=1_000_000, show_default=True)
def main(links: int, clicks: int) -> None:
    """Measures links and clicks a minute of one processor, and memory."""
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        alone = imported(Path(name), links, 0)
        both = imported(Path(name), links, clicks)
    rows = (
        (f"{links:,} links", links, alone.processor, alone),
        (f"{clicks:,} clicks on them", clicks, both.processor - alone.processor, both),
    )
    for what, number, processor, cost in rows:
        click.echo(
            f"{what}: {processor:.1f} s of a processor, {60 * number / processor:,.0f} a minute;"
            f" {cost.seconds:.0f} s in all, {cost.memory / 2**20:.0f} MiB"
        )


if __name__ == "__main__":
    main()
