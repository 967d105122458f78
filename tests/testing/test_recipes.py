"""docs/plugin-recipes.md, typed as it stands: every recipe ends in a test that passes, and its
plugin does on a server what the page says."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from tests.testing.documents import blocks
from tests.testing.environment import Environment
from tests.testing.reader import Reader
from tests.tools import needed

PAGE = "docs/plugin-recipes.md"
RECIPES = (
    "A check when a link is made",
    "A webhook",
    "A nightly job",
    "Data of one's own",
    "A page behind login",
    "A rule of one's own",
)


def test_each_recipe_goes_all_the_way() -> None:
    steps = {name: list(group) for name, group in groupby(blocks(PAGE), lambda one: one.section)}
    assert tuple(steps)[1:] == RECIPES
    for recipe in RECIPES:
        typed = "".join(block.text for block in steps[recipe])
        for step in ("$ shortd plugins new ", "$ pytest -q", " passed in ", "$ cp -r shortd-"):
            assert step in typed, (recipe, step)
        assert steps[recipe][-1].language == "console", recipe
        assert "shortd serve\n" in [block.text for block in steps[recipe]], recipe


@pytest.mark.slow
def test_recipes_work_as_they_stand(tmp_path: Path, environment: Environment) -> None:
    needed("curl")
    reader = Reader(environment, tmp_path)
    try:
        reader.follow([block for block in blocks(PAGE) if block.language != "text"])
    finally:
        reader.leave()
    made = " ".join(file.parent.name for file in tmp_path.glob("shortd-*/pyproject.toml"))
    environment.run(f"ruff check -q {made} && ruff format -q --check {made}", tmp_path)
    environment.run(f"mypy --strict {made}", tmp_path)
