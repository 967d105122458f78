"""docs/sharing.md says what is so: its sessions are run, its code opens files."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from shortd.client import send
from shortd.client.crypto import FILE_KEY_INFO, FRAME_BYTES, MARK
from shortd.client.metering import ANSWER_SECONDS
from shortd.client.names import LONGEST
from shortd.client.parcel import LARGEST_PART, SMALLEST_PART
from shortd.client.state import STALE_SECONDS
from shortd.commands.cli import main
from tests.client import vectors
from tests.client.shell import ROOT, Shell
from tests.console import read_session, run_session

DOCUMENT = (ROOT / "docs/sharing.md").read_text(encoding="utf-8")


def test_the_sessions_are_what_happens(
    shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder / "bin"
    programs.mkdir()
    command = programs / "shortd"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m shortd "$@"\n')
    command.chmod(0o700)
    for name, value in shell.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    work = folder / "work"
    work.mkdir()
    steps = read_session(DOCUMENT)
    assert len(steps) == 20
    run_session(steps, work, {"127.0.0.1:8080": shell.server.removeprefix("http://")})
    for name in ("secret.txt", "opened.txt"):
        assert (work / name).read_text() == "Sales went up.\n"


@pytest.mark.parametrize("vector", vectors.read(), ids=lambda vector: vector.name)
def test_its_code_opens_files(vector: vectors.Vector) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    given = (bytes.fromhex(vector.signature), bytes.fromhex(vector.body), vector.typed)
    if vector.plain is not None:
        assert names["decrypted"](*given).hex() == vector.plain
        return
    try:
        plain = names["decrypted"](*given)
    except (ValueError, InvalidTag):
        return
    assert len(plain) != vector.filesize


def test_its_figures_are_right() -> None:
    text = " ".join(DOCUMENT.split())
    assert f"parts of {SMALLEST_PART >> 20} to {LARGEST_PART >> 20} MiB, two at a time" in text
    assert send.SIDE_BY_SIDE == 2
    assert f"puts {FRAME_BYTES >> 20} MiB into a frame" in text
    assert f"come within {ANSWER_SECONDS:.0f} seconds" in text
    assert f"{LONGEST} bytes at most" in text
    assert f"`{MARK.decode()}`, 12 random bytes" in text
    assert f"`{FILE_KEY_INFO.decode()}` as info" in text
    assert f"for {STALE_SECONDS // 86_400} days" in text
    assert "for `--patience` seconds in all, 60 by default" in text
    for name in ("send", "fetch"):
        (patience,) = [one for one in main.commands[name].params if one.name == "patience"]
        assert patience.default == 60


def test_every_option_it_names_exists() -> None:
    options = {
        option
        for name in ("send", "fetch")
        for parameter in main.commands[name].params
        for option in parameter.opts
    }
    named = set(re.findall(r"`(--[a-z0-9-]+)", DOCUMENT))
    assert len(named) > 8
    assert named <= options
    for variable in set(re.findall(r"SHORTD_[A-Z_]+", DOCUMENT)) - {"SHORTD_FILE_PASSWORD"}:
        assert any(variable == one.envvar for one in main.commands["send"].params), variable
