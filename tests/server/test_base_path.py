"""Below a path, both lanes answer alike: with the path, without it, in any spelling."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import GENEROUS
from tests.server.test_lanes import CLOSE, DATE, NONCE, exchange
from tests.server_process import ServerProcess, free_port

BASE = "http://s.example/s"
HOSTS = ("s.example", "two.example", "plain.example", "unknown.example")
SPELLED = (
    *("/{}", "/s/{}", "/t/u/{}", "/%73/{}", "/t/%75/{}", "/s/s/{}", "/t/{}", "/sx/{}", "/S/{}"),
    *("/s//{}", "//s/{}", "/s/./{}", "/s%2F{}", "/s/{}?qr", "/s/{}?a=b", "/s/{}.svg"),
    *("/s/{}%20", "http://s.example/s/{}"),
)
ROOTS = ("/", "/s", "/s/", "/s?a=b", "/s?qr", "/t/u", "/t/u/", "/%73", "/s/s", "/s/t/u", "/sx")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """One with the lane, one without, each with the same links."""
    made = []
    for lane in ("true", "false"):
        environ = {
            **GENEROUS,
            "SHORTD_PUBLIC_URL": BASE,
            "SHORTD_HOSTS": "http://two.example/t/u,http://plain.example",
            "SHORTD_SERVER__FAST_LANE": lane,
        }
        folder = tmp_path_factory.mktemp("below")
        server = ServerProcess(folder / "data", environ, port=free_port())
        server.start()
        made.append(server)
        userid = server.call("temporary_account")["userid"]
        for host in HOSTS[:-1]:
            place = {"userid": userid, "host": host, "code": "plainlink"}
            server.call("url", **place, url=f"https://{host}.elsewhere/")
    yield made
    for server in made:
        server.stop()
        assert "Traceback" not in server.log


def ask(servers: list[ServerProcess], host: str, target: str) -> bytes:
    """What both answer to a request, asked twice on a connection and once by itself."""
    head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n"
    both = f"{head}\r\n{head}{CLOSE}\r\n\r\n".encode()
    known = [exchange(server.port, both) for server in servers]
    found = [NONCE.sub(b"", DATE.sub(b"", answer)) for answer in known]
    assert found[0] == found[1], (host, target)
    return found[0]


def test_links(servers: list[ServerProcess]) -> None:
    # Heads are remembered, and with them whose they are: in any order.
    for _ in range(2):
        for host in HOSTS:
            for spelled in SPELLED:
                for code in ("plainlink", "nosuchcode"):
                    ask(servers, host, spelled.format(code))
    for host, path in (("s.example", "/s"), ("two.example", "/t/u"), ("plain.example", "")):
        for base in {path, ""}:
            answer = ask(servers, host, f"{base}/plainlink")
            assert answer.count(f"location: https://{host}.elsewhere/\r\n".encode()) == 2
    for host, path in (("plain.example", "/s"), ("two.example", "/s"), ("s.example", "/t/u")):
        assert b"location:" not in ask(servers, host, f"{path}/plainlink")


def test_roots(servers: list[ServerProcess]) -> None:
    for host in HOSTS:
        for target in ROOTS:
            ask(servers, host, target)
    for target in ("/", "/s", "/s/", "/%73", "/s?a=b"):
        assert re.match(rb"HTTP/1\.1 200 ", ask(servers, "s.example", target)), target
    for target in ("/sx", "/S", "/s/s%2F"):
        assert re.match(rb"HTTP/1\.1 404 ", ask(servers, "s.example", target)), target


def test_files_by_the_client(servers: list[ServerProcess], tmp_path: Path) -> None:
    own = servers[0].url
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for file in files:
        file.write_text(f"This is {file.name}.")
    below = f"{own}/s"
    for number, (server, sent, way) in enumerate(
        (
            (below, files[:1], []),
            (below, files[:1], ["--key-link"]),
            (below, files, []),
            (f"{below}/", files[:1], []),
            (own, files, []),
        )
    ):
        address = shortd("send", "--server", server, *way, *map(str, sent))
        folder = tmp_path / str(number)
        folder.mkdir()
        code = address.strip().removeprefix(f"{BASE}/")
        shortd("fetch", "--output", f"{folder}/", f"{server.rstrip('/')}/{code}")
        found = {path.name: path.read_text() for path in folder.rglob("*.txt")}
        assert found == {file.name: file.read_text() for file in sent}


def shortd(*arguments: str) -> str:
    command = [sys.executable, "-m", "shortd", arguments[0], "--quiet", *arguments[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
