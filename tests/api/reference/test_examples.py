"""Every example of the page is run as it stands there, by a shell and by Python."""

from __future__ import annotations

import ast
import html
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.api.reference.document import all_apis
from shortd.api.reference.operations import Api, Operation
from tests.api.reference.callers import Caller
from tests.conftest import GENEROUS
from tests.server_process import PLAIN, ServerProcess
from tests.tools import needed

OPERATIONS = [one for api in all_apis("http://127.0.0.1:8080") for one in api.operations]
OUTSIDE = {"entity/domain/verify": 409}
"""Looks into the DNS, where nothing is."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("examples") / "data", GENEROUS)
    process.start()
    try:
        yield process
        process.stop()
    finally:
        process.kill()


@pytest.fixture(scope="module")
def printed(server: ServerProcess) -> dict[str, list[str]]:
    """What stands on the page as examples, by the anchor of the call."""
    page = httpx.get(f"{server.url}/-/docs", verify=PLAIN).text
    return {
        anchor: [
            html.unescape(text) for text in re.findall(r"<pre><code>(.*?)</code>", article, re.S)
        ]
        for anchor, article in re.findall(
            r'<article [^>]*aria-labelledby="(call-[^"]+)">(.*?)</article>', page, re.S
        )
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_example_does_what_it_says(
    operation: Operation,
    server: ServerProcess,
    printed: dict[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed("curl")
    anchor = f"call-{operation.api}-{operation.name.replace('/', '-')}"
    curl, python = printed[anchor]
    variables = Caller(server, operation.name).environment(curl)
    ran = subprocess.run(
        ["bash", "-euc", curl],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    succeeded(operation, ran.stdout)
    for name, value in Caller(server, operation.name).environment(curl).items():
        monkeypatch.setenv(name, value)
    with chdir(tmp_path), redirect_stdout(io.StringIO()) as said:
        exec(compile(python, anchor, "exec"), {})
    text = said.getvalue()
    is_text = operation.api is Api.PUT
    succeeded(operation, text if is_text else json.dumps(ast.literal_eval(text)))


def succeeded(operation: Operation, text: str) -> None:
    if operation.api is Api.PUT:
        assert text.startswith("http://127.0.0.1:")
        return
    answer: dict[str, Any] = json.loads(text)
    match operation.api:
        case Api.V2:
            assert answer["status"] == "success", answer
            assert "warnings" not in answer
            if "call_responses" in answer["output"]:
                inner = answer["output"]["call_responses"]
                assert {one["status"] for one in inner} == {"success"}
        case Api.V1:
            assert answer["status"]["code"] == OUTSIDE.get(operation.name, 0), answer
        case Api.SQWISH:
            assert answer["error"] == "false", answer
