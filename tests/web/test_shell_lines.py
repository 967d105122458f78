"""The lines of `/-/tools`, run by a shell against a real server as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.web.shell_lines import KEY, NAME
from tests.conftest import GENEROUS
from tests.server_process import PLAIN, ServerProcess
from tests.tools import needed
from tests.web.test_tools import shown

REPORT = "Sales went up.\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    needed("curl")
    process = ServerProcess(tmp_path_factory.mktemp("tools") / "data", GENEROUS)
    process.environ["SHORTD_PUBLIC_URL"] = process.url
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    """Of an account called ann."""
    made = server.call("signup", email="a@nowhere.example", username="ann", password="ab" * 32)
    who = {"userid": made["userid"], "token": made["token"]}
    return str(server.call("create_api_key", **who, name="x")["api_key"])


@pytest.fixture
def page(server: ServerProcess) -> str:
    return httpx.get(f"{server.url}/-/tools", verify=PLAIN).text


def run(folder: Path, lines: str) -> str:
    """What the lines print, in a folder with a report."""
    (folder / "report.pdf").write_text(REPORT)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environ = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}
    command = ["sh", "-ec", lines]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that were printed one behind the other."""
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def location(short_url: str) -> str:
    return httpx.get(short_url, verify=PLAIN).headers["location"]


def content(short_url: str) -> str:
    return httpx.get(short_url, verify=PLAIN, follow_redirects=True).text


def test_a_file_is_sent_and_fetched(page: str, tmp_path: Path) -> None:
    out = run(tmp_path, shown(page, "cli-lines"))
    assert re.search(r"^http://127.0.0.1:\d+/\w+#[\w-]{22}$", out, re.MULTILINE)
    assert (tmp_path / "copy.pdf").read_text() == REPORT


def test_ww7_v2_needs_no_account(page: str, tmp_path: Path) -> None:
    lines = shown(page, "v2-lines")
    assert KEY not in lines and NAME not in lines
    link, file = documents(run(tmp_path, lines))
    assert location(link["output"]["entry"]["shorturl"]) == "https://example.org/"
    assert content(file["output"]["entry"]["shorturl"]) == REPORT


def test_sqwish(page: str, key: str, tmp_path: Path) -> None:
    link, file = documents(run(tmp_path, shown(page, "sqwish-lines").replace(KEY, key)))
    assert location(link["shortURL"]) == "https://example.org/"
    assert content(file["shortURL"]) == REPORT


def test_shorten_world(page: str, key: str, tmp_path: Path) -> None:
    lines = shown(page, "v1-lines").replace(KEY, key).replace(NAME, "ann")
    [answer] = documents(run(tmp_path, lines))
    assert answer["status"]["code"] == 0, answer
    assert location(answer["linkShort"]) == "https://example.org/"
