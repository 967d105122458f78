"""docs/rules.md: every example is run as it stands, and every condition is told of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from shortd.testing import FakeClock, open_app
from shortd_rules.data import Conditions
from tests.conftest import GENEROUS
from tests.plugin_runtime.conftest import PluginApp

PAGE = (Path(__file__).parents[2] / "docs/rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^## ([^\n]*)\n(?:(?!^## ).)*?```json\n(.*?)```(.*?)(?=^## )", PAGE, re.M | re.S
)
VISITORS = re.compile(r"^\| `(\{.*?\})` \| (.*?) \|$", re.M)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginApp]:
    clock = FakeClock()
    clock.set(datetime(2026, 11, 27, tzinfo=UTC))
    data = tmp_path_factory.mktemp("page") / "data"
    with open_app(data, environ=GENEROUS, clock=clock) as app:
        yield PluginApp(app)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```json") == 6


@pytest.mark.parametrize(
    ("data", "behind"),
    [example[1:] for example in EXAMPLES],
    ids=[example[0] for example in EXAMPLES],
)
def test_example(plugins: PluginApp, data: str, behind: str) -> None:
    plugins.set("rules", json.loads(data))
    visitors = VISITORS.findall(behind)
    assert visitors
    for visitor, goes_to in visitors:
        answer = plugins.explain(**json.loads(visitor))
        expected = "https://main.example/" if "own" in goes_to else goes_to.strip("`")
        assert answer["location"] == expected, visitor


def test_all_conditions_are_told_of() -> None:
    told = re.findall(r"^\| `([a-z]+)` \|", PAGE.partition("## All conditions")[2], re.M)
    assert told == list(Conditions.__struct_fields__)


def test_all_values_are_told_of() -> None:
    schema = msgspec.json.schema(Conditions)["$defs"]["Conditions"]["properties"]
    for name in ("system", "device", "browser"):
        [row] = re.findall(rf"^\| `{name}` \| list of (.*?) \|", PAGE, re.M)
        assert sorted(re.findall(r"`([a-z_]+)`", row)) == schema[name]["items"]["enum"]
