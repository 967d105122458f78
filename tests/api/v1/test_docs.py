"""docs/api-v1.md says what is so: its session is run, its tables are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

from shortd.api.v1.answers import HTTP_STATUSES
from shortd.api.v1.registry import CALLS
from shortd.errors import CATALOGUE
from tests.api.v1.document import SAMPLES
from tests.api.v1.samples import fields
from tests.console import read_session, run_session
from tests.documents import text_of
from tests.server_process import ServerProcess
from tests.test_docs import DEFAULT, rows
from tests.tools import needed

DOCUMENT = "docs/api-v1.md"


def test_the_session_is_what_happens(tmp_path: Path) -> None:
    needed("curl")
    # With the settings that a new user has.
    server = ServerProcess(tmp_path / "data")
    server.start()
    try:
        run_session(
            read_session(text_of(DOCUMENT)), tmp_path, {DEFAULT: f"127.0.0.1:{server.port}"}
        )
    finally:
        server.stop()


def test_every_call_of_ours_has_an_example() -> None:
    commands = " ".join(step.command for step in read_session(text_of(DOCUMENT)))
    # Looks into the DNS.
    for name in CALLS.keys() - SAMPLES.keys() - {"entity/domain/verify"}:
        assert f" {name} " in commands or f"/{name} " in commands, name


def test_every_call_is_listed_with_what_it_needs_and_takes() -> None:
    listed = {name: rest for name, *rest in rows(DOCUMENT, "Calls")}
    expected = {}
    for call in CALLS.values():
        name = f"`{call.name}`" if call.name in SAMPLES else f"*`{call.name}`*"
        inputs = [f"`{one.encode_name}`{'' if one.required else '?'}" for one in fields(call)]
        summary = " ".join(call.summary.split())
        expected[name] = [str(call.scope or ""), ", ".join(inputs), summary]
    assert listed == expected


def test_every_number_of_an_error_is_listed() -> None:
    section = text_of(DOCUMENT).partition("## Tokens")[0]
    listed = {
        int(code): int(http) for code, http in re.findall(r"^\| (\d+) \| (\d+) ", section, re.M)
    }
    numbers = {kind.status for kind in CATALOGUE.values()}
    assert listed == {code: code if code in HTTP_STATUSES else 200 for code in numbers}
