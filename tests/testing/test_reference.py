"""docs/plugin-reference.md has every name, field and hook, as the code has it."""

from __future__ import annotations

from inspect import isclass

import msgspec
import pytest

from shortd import plugin
from shortd.plugin.hookspecs import ASYNC, CHECK, HOOKS, JOBS, OBSERVE
from tests.testing import reference
from tests.testing.kinds_of_hooks import KINDS, kind_of

CLASSES = [name for name in plugin.__all__ if isclass(getattr(plugin, name))]


def told(name: str) -> dict[str, reference.Member]:
    return {member.name: member for member in reference.members(getattr(plugin, name))}


def test_the_page_is_what_the_code_says() -> None:
    said = reference.PAGE.read_text(encoding="utf-8")
    assert said == reference.page(), "python -m tests.testing.reference"


def test_every_name_has_a_place() -> None:
    placed = [name for names in reference.GROUPS.values() for name in names]
    assert sorted(placed) == sorted(plugin.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_nothing_is_left_out(name: str) -> None:
    """What there is when the program runs, found by other ways than the page finds it."""
    cls = getattr(plugin, name)
    there = {one for one in vars(cls) if not one.startswith("_")}
    there |= set(getattr(cls, "__annotations__", ()))
    if issubclass(cls, msgspec.Struct):
        own = {field.name for field in msgspec.structs.fields(cls)}
        there |= own - set(getattr(cls.__mro__[1], "__struct_fields__", ()))
    expected = {one for one in there if not one.startswith("_")}
    assert expected - set(reference.APART.get(name, ())) <= told(name).keys()


@pytest.mark.parametrize("name", CLASSES)
def test_nothing_goes_without_a_word(name: str) -> None:
    cls = getattr(plugin, name)
    assert cls.__doc__ and cls.__doc__.strip()
    assert [member.name for member in told(name).values() if not member.meaning] == []


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_of_a_kind(hook: str) -> None:
    assert kind_of(hook) in KINDS
    assert hook not in told("Plugin")


def test_those_of_a_kind_may_be_async_or_not() -> None:
    assert {*OBSERVE, *CHECK, *JOBS} == ASYNC
