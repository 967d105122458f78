#!/usr/bin/env python3
"""Starts a built shortd in an empty data directory, makes a link, follows it, and stops it.

    scripts/smoke.py dist/shortd-0.1.0-cp311-linux_x86_64.pyz
    scripts/smoke.py dist/shortd-0.1.0-cp311-linux_x86_64.tar.gz

Exit status 1, with the server's log, if anything is not as it should be. Needs Python alone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

SECONDS = 60


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    built = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        program = [str(built)]
        if built.name.endswith(".tar.gz"):
            with tarfile.open(built) as archive:
                archive.extractall(here, filter="data")
            program = [str(here / "shortd" / "shortd")]
        return try_out(program, here)


def try_out(program: list[str], here: Path) -> int:
    """Runs one server through its life. Returns the exit status."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(here),
        "SHORTD_DATA": str(here / "data"),
        "SHORTD_SERVER__PORT": str(port),
        "SHORTD_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    log = here / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*program, "serve"], env=environ, cwd=here, stdout=output, stderr=output
        )
    try:
        until_ready(program, environ, here, server)
        follow_a_link(port)
        plugins_are_on(port)
        server.send_signal(signal.SIGTERM)
        if status := server.wait(SECONDS):
            raise AssertionError(f"the server ended with {status}")
    except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as fault:
        print(f"{program[0]}: {type(fault).__name__}: {fault}", file=sys.stderr)
        print(log.read_text(errors="replace"), file=sys.stderr)
        return 1
    finally:
        server.kill()
        server.wait()
    print(f"{program[0]}: starts, shortens, redirects, stops")
    return 0


def until_ready(
    program: list[str], environ: dict[str, str], here: Path, server: subprocess.Popen[bytes]
) -> None:
    ends = time.monotonic() + SECONDS
    while True:
        asked = subprocess.run(
            [*program, "health"], env=environ, cwd=here, capture_output=True, timeout=SECONDS
        )
        if asked.returncode == 0:
            return
        if server.poll() is not None or time.monotonic() > ends:
            raise AssertionError(f"no server: {asked.stderr.decode(errors='replace')}")
        time.sleep(0.2)


def follow_a_link(port: int) -> None:
    account = asked(port, "temporary_account", {})
    userid = str(account["userid"])
    entry = asked(port, "url", {"userid": userid, "url": "https://example.com/"})
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/" + str(entry["entry"]["shorturl"]).rpartition("/")[2])
    answer = connection.getresponse()
    if (answer.status, answer.getheader("location")) != (302, "https://example.com/"):
        raise AssertionError(f"the link answers {answer.status} {answer.getheader('location')}")
    connection.close()


def plugins_are_on(port: int) -> None:
    """Plugins are found by metadata and read files of their own, which builds like to forget."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/-/health")
    states = json.loads(connection.getresponse().read())["plugins"]["states"]
    connection.close()
    if not states or any(one["state"] != "on" for one in states.values()):
        raise AssertionError(f"plugins: {states}")


def asked(port: int, call: str, given: dict[str, str]) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("POST", f"/v2/{call}", json.dumps(given))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    output = answer["output"]
    assert isinstance(output, dict)
    return output


sys.exit(main())
