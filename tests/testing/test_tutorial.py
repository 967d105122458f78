"""docs/plugin-tutorial.md, done step by step as somebody would who follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.documents import blocks
from tests.testing.environment import Environment
from tests.testing.reader import Reader
from tests.tools import needed

PAGE = "docs/plugin-tutorial.md"


@pytest.mark.slow
def test_the_tutorial_works_as_it_stands(tmp_path: Path, environment: Environment) -> None:
    needed("curl")
    steps = [block for block in blocks(PAGE) if block.language != "text"]
    assert {block.language for block in steps} == {"console", "python", "toml", "sh"}
    reader = Reader(environment, tmp_path)
    try:
        reader.follow(steps)
    finally:
        reader.leave()
        environment.run("pip uninstall -q -y shortd-hours", tmp_path)
