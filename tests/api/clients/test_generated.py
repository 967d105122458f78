"""Clients that the usual generators make of the document: they compile strictly, and work.

All is generated, and what npm brings installed, below pytest's own folder, and nothing kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shortd.api.reference.document import document
from shortd.api.reference.operations import Api
from tests.server_process import PLAIN, ServerProcess
from tests.tools import needed, needed_library, unusable

PROGRAMS = Path(__file__).parent / "programs"
BASE = "http://127.0.0.1:8080"
SECONDS = 300


def run(folder: Path, *command: str) -> str:
    """What a command prints. Whatever it warns of is a failure."""
    folders = [str(Path(sys.executable).parent), str(folder / "node_modules" / ".bin")]
    path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    environ = {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=SECONDS
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{command}: {said}"
    assert "warn" not in said.lower() and "⚠" not in said, f"{command}: {said}"
    return done.stdout


def write_documents(folder: Path) -> None:
    for name, only in (("document", None), *((str(one), one) for one in Api)):
        (folder / f"{name}.json").write_text(json.dumps(document(BASE, only)))


def content_of(shorturl: str) -> bytes:
    return httpx.get(shorturl, follow_redirects=True, verify=PLAIN).content


def test_openapi_python_client(tmp_path: Path, server: ServerProcess) -> None:
    needed_library("openapi_python_client")
    write_documents(tmp_path)
    generate = ("openapi-python-client", "generate", "--path", "document.json")
    run(tmp_path, *generate, "--output-path", "made", "--fail-on-warning")
    made = tmp_path / "made"
    shutil.copy(PROGRAMS / "session.py", made)
    run(made, "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), ".")
    assert content_of(run(made, "python", "session.py", server.url).strip()) == (
        b"The first part, the second."
    )


@pytest.fixture
def node_folder(tmp_path: Path) -> Path:
    """Where the generators of TypeScript are, with our programs."""
    npm = needed("npm")
    needed("node")
    for file in PROGRAMS.iterdir():
        if file.suffix in (".json", ".ts"):
            shutil.copy(file, tmp_path)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(tmp_path / "npm"))
    fetched = subprocess.run(
        [npm, "ci", *options], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
    )
    if fetched.returncode:
        unusable(f"npm does not get the generators: {fetched.stderr[-500:]}")
    return tmp_path


def test_openapi_typescript_and_hey_api(node_folder: Path, server: ServerProcess) -> None:
    write_documents(node_folder)
    for name in ("document", *Api):
        said = json.loads(run(node_folder, "validate-api", f"{name}.json"))
        assert said == {"valid": True}, name
    generated = node_folder / "generated"
    generated.mkdir()
    run(node_folder, "openapi-typescript", "document.json", "-o", "generated/schema.ts")
    run(node_folder, "openapi-ts", "-i", "document.json", "-o", "generated/hey")
    run(node_folder, "tsc", "-p", ".")
    # Debian's node says of `File` that it is new.
    shorturls = run(node_folder, "node", "--no-warnings", "made/sessions.js", server.url).split()
    assert len(shorturls) == 2
    for shorturl in shorturls:
        assert content_of(shorturl) == b"The first part, the second."
