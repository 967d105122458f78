"""docs/api-sqwish.md says what is so."""

from __future__ import annotations

from pathlib import Path

from shortd.api.sqwish.calls import MOST_ADDRESSES
from shortd.api.sqwish.registry import CALLS
from tests.api.v2.people import PASSWORD, double_sha256
from tests.console import read_session, run_session
from tests.documents import text_of
from tests.server_process import ServerProcess
from tests.test_docs import DEFAULT, rows
from tests.tools import needed

DOCUMENT = "docs/api-sqwish.md"
KEY = "4u2lqk0c8s7wz1m5e9x3b6vtdyh8ranf"
"""The document's."""


def test_its_session_is_what_happens(tmp_path: Path) -> None:
    needed("curl")
    server = ServerProcess(tmp_path / "data")
    steps = read_session(text_of(DOCUMENT))
    server.start()
    try:
        account = server.call("signup", email="a@nowhere.example", password=double_sha256(PASSWORD))
        who = {"userid": account["userid"], "token": account["token"]}
        key = server.call("create_api_key", **who, name="x")["api_key"]
        run_session(steps, tmp_path, {DEFAULT: f"127.0.0.1:{server.port}", KEY: key})
    finally:
        server.stop()
    commands = " ".join(step.command for step in steps)
    assert all(f"/{name}." in commands for name in CALLS)


def test_every_call_is_listed_with_its_scope() -> None:
    listed = {name.strip("`"): scope for name, scope, *_ in rows(DOCUMENT, "Calls")}
    assert listed == {call.name: call.scope.value for call in CALLS.values()}


def test_the_longest_list_is_told() -> None:
    assert f"never more than {MOST_ADDRESSES:,}".replace(",", " ") in text_of(DOCUMENT)
