"""Lists as a terminal of 80 columns shows them, and as pipes get them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from tests import processes
from tests.commands.shell import Shell

SHORTD = (sys.executable, "-m", "shortd")


def on_terminal(*command: str, columns: int = 80) -> str:
    """What a terminal of that width is sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environ |= {"TERM": "xterm-256color"}
    process = processes.start(
        [*SHORTD, *command], stdin=slave, stdout=slave, stderr=slave, env=environ
    )
    os.close(slave)
    sent = b""
    while True:
        try:
            part = os.read(master, 1 << 16)
        except OSError:
            break
        if not part:
            break
        sent += part
    os.close(master)
    assert process.wait(60) == 0, sent
    return sent.decode()


def plain(text: str) -> list[str]:
    """Lines as they stay, without what only styles them."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r\n", "\n")
    return [line.rpartition("\r")[2] for line in text.splitlines()]


def test_a_terminal_gets_what_it_has_room_for(shell: Shell) -> None:
    shell.did("user", "add", "ann-of-the-long-name@nowhere.example", "--username", "ann")
    url = "https://example.org/" + "long/" * 30
    shell.did("link", "add", url, "--owner", "ann", "--code", "abc", "--title", "[red]x")
    lines = plain(on_terminal("user", "list"))
    assert max(len(line) for line in lines if not line.startswith("shortd: ")) <= 80
    assert any("ann-of-the-long-name@now" in line for line in lines)
    assert any(line.startswith("shortd: no room for USERID") for line in lines)
    lines = [line for line in plain(on_terminal("link", "list")) if "shortd: " not in line]
    assert max(map(len, lines)) <= 80
    [start] = [number for number, line in enumerate(lines) if line.startswith("SHORT URL")]
    place = lines[start].index("DESTINATION")
    assert "".join(line[place:].strip() for line in lines[start + 1 :]).startswith(url)
    wide = plain(on_terminal("user", "list", columns=200))
    assert any(line.startswith("USERID") for line in wide)
    assert not any("no room" in line for line in wide)


def test_a_pipe_gets_everything(shell: Shell) -> None:
    url = "https://example.org/" + "long/" * 100
    shell.did("link", "add", url)
    environ = {**os.environ, "COLUMNS": "40", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    shown = subprocess.run(
        [*SHORTD, "link", "list"], env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert "\x1b" not in shown
    assert shown.splitlines()[1].endswith(url)


def test_a_pipe_that_is_closed_early_is_no_fault(shell: Shell) -> None:
    shell.did("link", "add", "https://example.org/")
    program = '"$@" link list --json | head -c 1; exit 0'
    done = subprocess.run(["sh", "-c", program, "sh", *SHORTD], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_json_is_utf_8_whatever_the_terminal_has(shell: Shell) -> None:
    shell.did("link", "add", "https://example.org/", "--title", "Größe")
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(
        [*SHORTD, "link", "list", "--json"], env=environ, capture_output=True, check=True
    ).stdout
    assert "Größe" in shown.decode()
    assert Path("shortd-data").is_dir()
