"""Answers that are no file have an end: in bytes, in time, and in this process's memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from shortd.client import metering
from shortd.client.crypto import ww7_secret
from tests.client.flood import DRIPS, FLOODS, FOUND, OK, Flood, Flooder
from tests.client.shell import Shell

MOST_MIB = 160
"""Of a client in a process of its own."""
GROWTH_MIB = 24
MOST_SENT = 24 << 20
"""Bytes that a server gets rid of, most of them to buffers of the system."""
PASSWORD = "p"
PEAK = """
import atexit, sys
from shortd.commands.cli import main

def tell():
    with open("/proc/self/status") as status:
        print(status.read().partition("VmHWM:")[2].split()[0], file=sys.stderr)

atexit.register(tell)
main()
"""
"""The command, and then how much memory it had at most (KiB)."""
SIGNATURE = ww7_secret(PASSWORD).new_signature(is_bound=True)


def said(**output: object) -> tuple[bytes, bytes]:
    return OK, json.dumps({"output": output}).encode()


PLAIN = {"/code": (FOUND, b"")}
LOCKED = {
    "/v2/get_signature": said(signature=SIGNATURE),
    "/code": (
        OK.replace(b"200 OK", b"302 Found") + b"Location: /-/unlock?shorturl=x%2Fcode&"
        b"signature=" + SIGNATURE.encode() + b"\r\n",
        b"",
    ),
    "/v2/get_protected_file_info": said(filename="x", filesize=1, url="http://x/-/files/key"),
}
SENDING = {
    "/v2/temporary_account": said(userid="u" * 32),
    "/v2/file_part_initialize": said(filekey="k" * 32, expiration_utime=0),
    "/v2/file_part_upload": said(),
    "/v2/file_part_finalize": said(entry={"shorturl": "https://s.example/abc"}),
}


@pytest.fixture(scope="module", autouse=True)
def all_modules() -> None:
    """Imported before, so that none is taken for growth."""
    for name in ("fetch", "send"):
        import_module(f"shortd.client.{name}")


@pytest.fixture
def shell(folder: Path) -> Shell:
    (folder / "file").write_bytes(b"content")
    return Shell(folder, "")


@contextmanager
def little_memory() -> Iterator[None]:
    """This process, with all that is in it, grows by hardly anything meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    yield
    assert memory("VmHWM") - before < GROWTH_MIB << 20


def memory(name: str) -> int:
    """A figure of this process's memory in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) << 10


def ends(shell: Shell, server: Flooder, *command: object) -> str:
    """The line with which a command ends, of itself and soon."""
    with little_memory():
        line = shell.refused(*command, "--patience", 0, password=PASSWORD)
    assert server.sent < MOST_SENT
    assert not Path("back").exists()
    return line


@pytest.mark.parametrize("flood", FLOODS)
def test_a_visit_ends(shell: Shell, flood: str) -> None:
    with Flooder("/code", FLOODS[flood], {}) as server:
        ends(shell, server, "fetch", f"{server.url}/code", "-o", "back")
        assert server.sent > 0


# One of each sort; what reads them is the same.
SOME = pytest.mark.parametrize("flood", ["body", "early hints", "packed refusal", "deep JSON"])


@SOME
@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("/v2/get_signature", LOCKED),
        ("/v2/get_protected_file_info", LOCKED),
    ],
)
def test_every_question_of_fetch_ends(
    shell: Shell, path: str, answers: dict[str, tuple[bytes, bytes]], flood: str
) -> None:
    with Flooder(path, FLOODS[flood], answers) as server:
        ends(shell, server, "fetch", f"{server.url}/code", "-o", "back")
        assert server.sent > 0


@SOME
@pytest.mark.parametrize("call", SENDING)
def test_every_call_of_send_ends(shell: Shell, call: str, flood: str) -> None:
    with Flooder(call, FLOODS[flood], SENDING) as server:
        ends(shell, server, "send", "file", "--server", server.url)
        assert server.sent > 0


@pytest.mark.parametrize("answers", [PLAIN, LOCKED], ids=["plain", "encrypted"])
@pytest.mark.parametrize("flood", ["body", "body of a redirect", "packed", "early hints"])
def test_a_download_that_is_none_ends(
    shell: Shell, flood: str, answers: dict[str, tuple[bytes, bytes]]
) -> None:
    """The address of a file leads elsewhere, or sends what was not asked for."""
    with Flooder("/-/files/key", FLOODS[flood], answers) as server:
        ends(shell, server, "fetch", f"{server.url}/code", "-o", "back")
        assert server.sent > 0


@pytest.mark.parametrize("path", ["/code", "/v2/get_signature"])
def test_the_whole_process_stays_small(shell: Shell, path: str) -> None:
    with Flooder(path, FLOODS["packed refusal"], LOCKED) as server:
        command = [sys.executable, "-c", PEAK, "fetch", f"{server.url}/code"]
        done = subprocess.run(
            command, env={**os.environ, **shell.environ(PASSWORD)}, capture_output=True
        )
    *_, peak = done.stderr.decode().splitlines()
    assert server.sent > 0
    assert int(peak) < MOST_MIB << 10


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("path", ["/code", "/v2/get_signature", "/v2/temporary_account"])
def test_a_drip_ends(shell: Shell, monkeypatch: pytest.MonkeyPatch, path: str, drip: str) -> None:
    monkeypatch.setattr(metering, "ANSWER_SECONDS", 0.5)
    flood: Flood = DRIPS[drip]
    with Flooder(path, flood, LOCKED if path == "/code" else SENDING) as server:
        shell.server = server.url
        command = ("send", "file") if "account" in path else ("fetch", f"{server.url}/code")
        assert ends(shell, server, *command) == "The server's answer has no end."
