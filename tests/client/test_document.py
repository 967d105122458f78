"""docs/sharing.md says what is so: its sessions are run, its code opens files."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from shortd.cli import main
from shortd.client import send
from shortd.client.crypto import FRAME_BYTES, double_sha256, seal_frame
from shortd.client.parcel import LARGEST_PART, SMALLEST_PART
from shortd.client.state import STALE_SECONDS
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
    assert len(steps) == 11
    run_session(steps, work, {"127.0.0.1:8080": shell.server.removeprefix("http://")})
    assert (work / "secret.txt").read_text() == "Sales went up.\n"


def test_its_code_opens_files() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    frames = b"".join(seal_frame(double_sha256("p"), piece) for piece in (b"one", b"", b"two"))
    assert names["decrypted"](frames, "p") == b"onetwo"


def test_its_figures_are_right() -> None:
    text = " ".join(DOCUMENT.split())
    assert f"parts of {SMALLEST_PART >> 20} to {LARGEST_PART >> 20} MiB, two at a time" in text
    assert send.SIDE_BY_SIDE == 2
    assert f"puts {FRAME_BYTES >> 20} MiB into a frame" in text
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
    named = set(re.findall(r"`(--[a-z]+)", DOCUMENT))
    assert len(named) > 8
    assert named <= options
    for variable in set(re.findall(r"SHORTD_[A-Z_]+", DOCUMENT)) - {"SHORTD_FILE_PASSWORD"}:
        assert any(variable == one.envvar for one in main.commands["send"].params), variable
