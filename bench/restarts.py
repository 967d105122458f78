"""Restarts behind a socket that somebody else holds, as systemd does, under load: what is lost.

    python -m bench.restarts [--times 20] [--slow-lane]

Nothing is to be, neither on new connections nor on kept ones that are used more than once a second.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from bench.servers import UNLIMITED
from tests.server.held import Told, held_socket, restart


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--times", type=int, default=20)
    options.add_argument("--slow-lane", action="store_true")
    chosen = options.parse_args()
    lane = {"SHORTD_SERVER__FAST_LANE": "false"} if chosen.slow_lane else {}
    with tempfile.TemporaryDirectory() as name, held_socket() as held:
        folder = Path(name)
        told = Told(f"{name}/notify")
        load = asyncio.run(
            restart(
                folder / "data", held, told, folder / "log", chosen.times, {**UNLIMITED, **lane}
            )
        )
    print(f"{chosen.times} restarts, slowest answer {load.slowest:.1f} s")
    for kind, number in sorted(load.asked.items()):
        failed = sum(n for what, n in load.failures.items() if what.startswith(kind))
        print(f"{kind} connections: {number} requests, {failed} failed")
    print(f"{load.counted} clicks counted")
    for what, number in load.failures.most_common():
        print(f"  {number} x {what}")


if __name__ == "__main__":
    main()
