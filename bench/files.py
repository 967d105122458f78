"""Bytes a second up and down beside nginx on the same core: `python -m bench.files`.

nginx takes uploads by WebDAV PUT and serves static files with sendfile; shortd takes forms
(`file`) and PUT, hashes and fsyncs what comes, and serves signed addresses. Clients run on the
other core.
Everything is done twice: in memory, which compares the programs, and on the disk, where an
upload that is safe cannot be faster than the disk; its own speed is measured, too. All servers
run all the time and are loaded in turn; ratios are taken round by round, and their median counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import httpx
from rich.console import Console
from rich.table import Table

from bench.servers import LOAD_CORE, Nginx, cpu_seconds, start_shortd
from tests.server_process import ServerProcess

MEMORY = Path("/dev/shm")
MEGABYTE = 10**6
RECEIVE_BYTES = 1 << 20
BOUNDARY = "a-boundary-of-usual-length"
EMAIL = "someone@example.com"
PASSWORD = hashlib.sha256(hashlib.sha256(b"a password").digest()).hexdigest()
NO_LIMITS = {
    "SHORTD_LIMITS__REGISTERED__MAX_FILE_BYTES": str(2**40),
    "SHORTD_LIMITS__REGISTERED__STORAGE_BYTES": str(2**40),
}


class Request(NamedTuple):
    """An upload: its head but for the length, and the body around the file's bytes."""

    head: str
    before: str = ""
    after: str = ""


class Run(NamedTuple):
    """What some transfers came to."""

    speed: float
    """Bytes a second."""
    cpu: float
    """Seconds of processor that the server took for a byte."""


class Site(NamedTuple):
    """What a run needs of a server."""

    pid: int
    port: int
    upload: Callable[[str], Request]
    """The upload of a file of some name."""
    address: Callable[[], str]
    """The path of the file that is downloaded."""
    clear: Callable[[], None]
    """Removes what was uploaded."""
    others: Mapping[str, Callable[[str], Request]] = {}
    """Other ways to upload, by what they are called."""


@click.command()
@click.option("--size", default=64, show_default=True, help="Megabytes of a file.")
@click.option("--connections", default=4, show_default=True)
@click.option("--times", default=4, show_default=True, help="Files by each connection in a run.")
@click.option("--rounds", default=5, show_default=True)
@click.option(
    "--disk", type=click.Path(path_type=Path), default=None, help="A folder on the disk to use."
)
def main(size: int, connections: int, times: int, rounds: int, disk: Path | None) -> None:
    """Measures uploads and downloads, in memory and on the disk."""
    os.sched_setaffinity(0, {LOAD_CORE})
    for name, parent in (("memory", MEMORY), ("disk", disk or Path(tempfile.gettempdir()))):
        with tempfile.TemporaryDirectory(prefix="shortd-bench-files", dir=parent) as folder:
            measure(name, Path(folder), size * MEGABYTE, connections, times, rounds)


def measure(
    name: str, directory: Path, size: int, connections: int, times: int, rounds: int
) -> None:
    """One place to keep files, one table."""
    payload = directory / "payload"
    payload.write_bytes(os.urandom(size))
    public = directory / "public"
    public.mkdir()
    shutil.copy(payload, public / "down")
    nginx = Nginx(
        f"root {public}; sendfile on; tcp_nopush on; dav_methods PUT; client_max_body_size 0;",
        parent=directory,
    )
    server = start_shortd(directory / "shortd", NO_LIMITS)
    try:
        sites = {"nginx": nginx_site(nginx, public), "shortd": shortd_site(server, payload)}
        runs: dict[str, list[Run]] = {}
        for _ in range(rounds):
            for title, site in sites.items():
                fetch = partial(download, site.port, site.address(), size)
                down = run(fetch, site.pid, connections, times, size)
                runs.setdefault(f"{title} down", []).append(down)
                for way, make in ((f"{title} up", site.upload), *site.others.items()):
                    send_one = partial(upload, site.port, make, payload)
                    up = run(send_one, site.pid, connections, times, size)
                    runs.setdefault(way, []).append(up)
                    site.clear()
            runs.setdefault("write + fsync", []).append(plain_write(directory, payload))
    finally:
        nginx.stop()
        server.stop()
    show(name, runs)


def show(name: str, runs: dict[str, list[Run]]) -> None:
    """Medians; of ratios round by round, by which more is better."""
    table = Table("", "MB/s", "x nginx", "CPU µs/MB", "x nginx", title=f"files in {name}")
    for title, own in runs.items():
        peer = runs["nginx down" if title.endswith("down") else "nginx up"]
        pairs = list(zip(own, peer, strict=True))
        table.add_row(
            title,
            f"{statistics.median(run.speed for run in own) / MEGABYTE:,.0f}",
            f"{statistics.median(run.speed / other.speed for run, other in pairs):.2f}",
            f"{statistics.median(run.cpu for run in own) * MEGABYTE * 1e6:,.0f}",
            f"{statistics.median(other.cpu / run.cpu for run, other in pairs):.2f}",
        )
    Console().print(table)


def nginx_site(nginx: Nginx, public: Path) -> Site:
    def request(name: str) -> Request:
        return Request(f"PUT /up-{name} HTTP/1.1\r\n")

    def clear() -> None:
        for file in public.glob("up-*"):
            file.unlink()

    return Site(nginx.pid, nginx.port, request, lambda: "/down", clear)


def shortd_site(server: ServerProcess, payload: Path) -> Site:
    server.call("signup", email=EMAIL, password=PASSWORD)
    login = server.call("login", username_email=EMAIL, password=PASSWORD)
    own = {"userid": login["userid"], "token": login["token"]}
    size = payload.stat().st_size

    def request(name: str) -> Request:
        query = json.dumps({**own, "filename": name, "filesize": size})
        part = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
        return Request(
            f"POST /v2/file HTTP/1.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n",
            f'{part}"query"\r\n\r\n{query}\r\n{part}"file"; filename="{name}"\r\n\r\n',
            f"\r\n--{BOUNDARY}--\r\n",
        )

    key = server.call("create_api_key", **own, name="bench")["api_key"]

    def put(name: str) -> Request:
        return Request(f"PUT /up-{name} HTTP/1.1\r\nAuthorization: Bearer {key}\r\n")

    answer = send(server.port, payload, request("down"))
    shorturl = json.loads(answer)["output"]["entry"]["shorturl"]

    def address() -> str:
        code = shorturl.rpartition("/")[2]
        return httpx.get(f"{server.url}/{code}").headers["location"]

    def clear() -> None:
        for entry in server.call("get_entries", **own, count=1000)["entries"]:
            if entry["shorturl"] != shorturl:
                server.call("delete", **own, shorturl=entry["shorturl"])
        while sum(1 for _ in (server.data_dir / "files").glob("??/*")) > 1:
            time.sleep(0.1)

    return Site(server.pid, server.port, request, address, clear, {"shortd up by PUT": put})


def run(transfer: Callable[[str], None], pid: int, connections: int, times: int, size: int) -> Run:
    """Files of so many bytes over all connections; each transfer gets a name of its own."""

    def several(connection: int) -> None:
        for number in range(times):
            transfer(f"{connection}-{number}")

    with ThreadPoolExecutor(connections) as threads:
        start, before = time.perf_counter(), cpu_seconds(pid)
        list(threads.map(several, range(connections)))
        seconds, cpu = time.perf_counter() - start, cpu_seconds(pid) - before
    moved = connections * times * size
    return Run(moved / seconds, cpu / moved)


def upload(port: int, make: Callable[[str], Request], payload: Path, name: str) -> None:
    send(port, payload, make(name))


def send(port: int, payload: Path, request: Request) -> bytes:
    """Sends a request around the file; the answer's body."""
    length = len(request.before) + payload.stat().st_size + len(request.after)
    head = f"{request.head}Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}"
    with socket.create_connection(("127.0.0.1", port)) as connection, payload.open("rb") as file:
        connection.sendall(f"{head}\r\n\r\n{request.before}".encode())
        connection.sendfile(file)
        connection.sendall(request.after.encode())
        answer = b""
        while piece := connection.recv(RECEIVE_BYTES):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 2"):
        raise SystemExit(f"an upload failed: {answer.decode()}")
    return answer.partition(b"\r\n\r\n")[2]


def download(port: int, path: str, size: int, _name: str) -> None:
    """Fetches the whole file and throws it away."""
    buffer = bytearray(RECEIVE_BYTES)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        received = 0
        while piece := connection.recv_into(buffer):
            received += piece
    if received < size:
        raise SystemExit(f"a download is short: {received} bytes")


def plain_write(directory: Path, payload: Path) -> Run:
    """One file written and fsynced, by nobody's server."""
    data = payload.read_bytes()
    start, before = time.perf_counter(), time.process_time()
    with (directory / "plain").open("wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    (directory / "plain").unlink()
    return Run(len(data) / seconds, cpu / len(data))


if __name__ == "__main__":
    main()
