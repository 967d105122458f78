"""docs/plugins.md and plugin-hooks.md: every example runs as it stands, every hook has one."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest

from shortd.plugin import Plugin
from shortd.plugin.hookspecs import HOOKS
from shortd.plugin_runtime.flaws import implemented
from tests.testing.documents import blocks
from tests.testing.environment import Environment

PAGES = ("docs/plugins.md", "docs/plugin-hooks.md")
EXAMPLES = {
    section: "".join(block.text for block in group if block.language == "python")
    for page in PAGES
    for section, group in groupby(blocks(page), key=lambda block: block.section)
}
SECTIONS = [section for section, source in EXAMPLES.items() if source]


def module_of(section: str) -> str:
    return "example_" + "".join(c if c.isalnum() else "_" for c in section.lower())


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    """The module that a section's code makes."""
    name = module_of(request.param)
    file = tmp_path / f"{name}.py"
    file.write_text(EXAMPLES[request.param])
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


@pytest.mark.parametrize("example", SECTIONS, indirect=True)
def test_examples_do_what_they_say(request: pytest.FixtureRequest, example: ModuleType) -> None:
    tests = [value for name, value in vars(example).items() if name.startswith("test_")]
    assert tests, "an example shows by a test what it does"
    for test in tests:
        test(**{name: request.getfixturevalue(name) for name in inspect.signature(test).parameters})


def test_the_readme_shows_the_first_example() -> None:
    (shown,) = [block.text for block in blocks("README.md") if block.section == "Plugins"]
    assert shown == EXAMPLES["Twenty lines"]
    plugin, test = shown.split("\n\n\ndef test_")
    assert len([line for line in plugin.splitlines() if line]) <= 20 and test


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_an_example(hook: str) -> None:
    assert re.search(rf"^    (async )?def {hook}\(", EXAMPLES[hook], re.MULTILINE)


@pytest.mark.parametrize("example", HOOKS, indirect=True)
def test_an_example_implements_the_hook_of_its_heading(
    request: pytest.FixtureRequest, example: ModuleType
) -> None:
    kinds = [
        value
        for value in vars(example).values()
        if isinstance(value, type) and issubclass(value, Plugin) and value is not Plugin
    ]
    (hook,) = [hook for hook in HOOKS if module_of(hook) == example.__name__]
    assert any(hook in implemented(kind) for kind in kinds)


@pytest.mark.slow
def test_style_and_types_of_examples_are_right(tmp_path: Path, environment: Environment) -> None:
    for section in SECTIONS:
        (tmp_path / f"{module_of(section)}.py").write_text(EXAMPLES[section])
    for command in (
        "ruff check --isolated --select B,E,F,SIM,UP,W --line-length 100 .",
        "ruff format --isolated --diff --line-length 100 .",
        "mypy --strict .",
    ):
        environment.run(command, tmp_path)
