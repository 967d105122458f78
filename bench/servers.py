"""Servers to compare, each pinned to one core while the load comes from another.

All of them run at once and are loaded in turn, so that whatever else the machine does falls
on all alike.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.server_process import ServerProcess, free_port

SERVER_CORE = 0
LOAD_CORE = 1

UNLIMITED = {
    f"SHORTD_LIMITS__{kind}__{bucket}_CAPACITY": "9000000000000"
    for kind in ("CLIENT", "TEMPORARY", "REGISTERED")
    for bucket in ("API", "LINK")
} | {
    # All links come from one address.
    "SHORTD_ACCOUNTS__TEMPORARY_CLIENT_BYTES": "100000000000",
    "SHORTD_ACCOUNTS__TEMPORARY_SHARE": "1",
}

_NGINX = """
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory};
    proxy_temp_path {directory};
    fastcgi_temp_path {directory};
    uwsgi_temp_path {directory};
    scgi_temp_path {directory};
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{ {location} }}
    }}
}}
"""


REDIRECT = "return 302 https://example.com/a/destination/of/usual/length;"


class Nginx:
    """nginx with one location; what it says of a path is up to that. Temporary files go below
    `parent`."""

    def __init__(self, location: str = REDIRECT, parent: Path | None = None) -> None:
        program = shutil.which("nginx")
        if program is None:
            raise SystemExit("nginx is needed: apt-get install nginx-light")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = tempfile.TemporaryDirectory(prefix="shortd-bench-nginx", dir=parent)
        config = Path(self._directory.name) / "nginx.conf"
        config.write_text(
            _NGINX.format(directory=self._directory.name, port=self.port, location=location)
        )
        # Workers would drop to a user who cannot read the directory.
        self._process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), program, "-c", str(config), "-g", "user root;"],
            stderr=subprocess.DEVNULL,
        )
        httpx.Client(transport=httpx.HTTPTransport(retries=20)).get(self.url)

    @property
    def pid(self) -> int:
        """Of the process whose one child answers."""
        return self._process.pid

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._directory.cleanup()


def start_shortd(directory: Path, environ: Mapping[str, str] | None = None) -> ServerProcess:
    """A shortd server without limits, pinned to the servers' core."""
    server = ServerProcess(directory, {**UNLIMITED, **(environ or {})})
    server.start()
    pin(server.pid)
    return server


def pin(pid: int, core: int = SERVER_CORE) -> None:
    """Pins every thread of a process to one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used of all processors, with what the kernel did."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # Behind the name of the program, which may have blanks in it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(cpu_seconds, map(int, children)))


def fill(server: ServerProcess, count: int) -> tuple[str, list[str]]:
    """Makes `count` links in batches; the owner's userid and the codes."""
    userid = server.call("temporary_account")["userid"]
    return userid, fill_for(server, count, userid=userid)


def fill_for(server: ServerProcess, count: int, **owner: str) -> list[str]:
    """The same for an owner with these credentials; the codes."""
    codes = []
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        urls = [f"https://example.com/a/destination/of/usual/length/{n}" for n in numbers]
        entries = server.call("urls", **owner, urls=urls)["entries"]
        codes.extend(entry["shorturl"].rpartition("/")[2] for entry in entries)
    return codes


def fill_with_plugin(
    server: ServerProcess, plugin: str, data: object, count: int = 1000
) -> tuple[str, list[str]]:
    """Makes `count` links with data of a plugin; the owner's userid and the codes."""
    userid, codes = fill(server, count)
    with httpx.Client(base_url=server.url) as client:
        for code in codes:
            inputs = {"userid": userid, "shorturl": f"{server.url}/{code}"}
            answer = client.post("/v2/set_plugin", json={**inputs, "plugin": plugin, "data": data})
            answer.raise_for_status()
    return userid, codes
