"""Load from wrk: keep-alive connections on a core of their own."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bench.servers import LOAD_CORE

_SCRIPT = """
local pause = tonumber(os.getenv("SHORTD_BENCH_PAUSE_MS"))
local requests = {}
local at = 0
function init()
  for line in io.lines(os.getenv("SHORTD_BENCH_PATHS")) do
    requests[#requests + 1] = wrk.format("GET", line)
  end
  at = tonumber(os.getenv("SHORTD_BENCH_START")) % #requests
  math.randomseed(at)
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function delay()
  if pause == 0 then return 0 end
  -- wrk counts in whole milliseconds: rounded up or down by chance, the mean stays.
  return math.floor(-math.log(1 - math.random()) * pause + math.random())
end
function done(summary, latency)
  io.write(string.format(
    'RESULT {"requests": %d, "duration": %d, "p50": %d, "p99": %d, "errors": %d, "status": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.errors.status))
end
"""


class Result(NamedTuple):
    """What one run of wrk measured; latencies in µs."""

    requests: int
    per_second: float
    p50: int
    p99: int
    errors: int
    refused: int
    """Answers of 400 and above."""
    cpu_us: float = 0.0
    """Processor time of the server for a request, in µs, where that was looked at."""


def load(
    url: str,
    paths: Sequence[str],
    directory: Path,
    *,
    seconds: int,
    connections: int = 64,
    pause_ms: float = 0,
) -> Result:
    """Requests the paths one after the other, from `connections` at a time, from anywhere on.

    Each connection pauses about that long before each request: exponentially distributed, as
    between visitors who know nothing of each other. With equal pauses all connections would ask
    in the same moment.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    script, listing = directory / "load.lua", directory / "paths.txt"
    script.write_text(_SCRIPT)
    listing.write_text("\n".join(paths) + "\n")
    command = ["taskset", "-c", str(LOAD_CORE), wrk, "-t1", f"-c{connections}"]
    command += [f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(
        command,
        env={
            "SHORTD_BENCH_PATHS": str(listing),
            "SHORTD_BENCH_PAUSE_MS": str(pause_ms),
            "SHORTD_BENCH_START": str(random.randrange(len(paths))),
        },
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    values = json.loads(line.removeprefix("RESULT "))
    return Result(
        requests=values["requests"],
        per_second=values["requests"] / (values["duration"] / 1e6),
        p50=values["p50"],
        p99=values["p99"],
        errors=values["errors"],
        refused=values["status"],
    )


def show(results: dict[str, list[Result]], what: str, peer_name: str) -> None:
    """A table of medians; ratios round by round against the first row. `what` the rows are.
    A ratio of processor time is of what the first row took, so that more is better, too."""
    peer = next(iter(results.values()))
    by_cpu = ["CPU µs", f"x {peer_name}"] if peer[0].cpu_us else []
    table = Table(what, "requests/s", f"x {peer_name}", *by_cpu, "p50 µs", "p99 µs", "errors")
    for title, runs in results.items():
        cpu = [run.cpu_us for run in runs]
        costs = [other.cpu_us / one for one, other in zip(cpu, peer, strict=True) if one]
        told = [f"{statistics.median(cpu):.1f}", f"{statistics.median(costs):.2f}"] if costs else []
        ratios = [run.per_second / other.per_second for run, other in zip(runs, peer, strict=True)]
        table.add_row(
            title,
            f"{statistics.median(run.per_second for run in runs):,.0f}",
            f"{statistics.median(ratios):.2f}",
            *told,
            f"{statistics.median(run.p50 for run in runs):,.0f}",
            f"{statistics.median(run.p99 for run in runs):,.0f}",
            str(sum(run.errors for run in runs)),
        )
    Console().print(table)
