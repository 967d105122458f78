"""Finds what services and plugins refuse, in the syntax of the code: the constant sentence of every
call of an error kind, every `BadData` and every `Sentence`. What is said otherwise is in no
catalogue; it has no text here, and `test_catalogues.py` refuses it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shortd import errors
from shortd.plugin import BadData, Refuse

APART = (
    "plugin/",
    *("api/", "client/", "commands/", "control/", "server/", "testing/"),
    *("upkeep/importing/plugin_sources.py", "upkeep/importing/reading.py"),
    "errors.py",
)
"""Whose refusals no page shows, but for those of the catalogue itself: programs and the command
line are told them, in English."""
ELSEWHERE = {
    "field_errors.py": ["bound_of(reason)"],
    "hosts/destinations.py": ["flaw"],
    "links/checking.py": ["verdict.words or None"],
    "plugin_runtime/data.py": ["refusal.sentence", "sendable(str(refusal)) or None"],
    "teams/trackers.py": ["refusal.sentence"],
    "security/guessing.py": ["MESSAGES.get(secret)"],
}
"""What is called with something else than a constant: sentences that are made beside it, and the
words of plugins."""

_KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, errors.ErrorKind)}
_NO_PLACES = {"field", "retry_after", "english"}
_PLACE = re.compile(r"%\((\w+)\)s")


class Refusal(NamedTuple):
    """A sentence in the code."""

    where: str
    """File and line."""
    text: str | None
    """None for one that is no constant."""
    given: frozenset[str]
    """Names of the values that come with it."""

    @property
    def is_whole(self) -> bool:
        """Whether catalogues can have it: it is constant, has a place for each value and a value
        for each place, and no other percent sign."""
        if self.text is None:
            return False
        return self.given == {*_PLACE.findall(self.text)} and "%" not in _PLACE.sub("", self.text)


def refusals(root: Path) -> Iterator[Refusal]:
    """All of a package that pages may show."""
    for path in sorted(root.rglob("*.py")):
        file = path.relative_to(root).as_posix()
        if not file.startswith(APART):
            yield from refusals_of(path.read_text(encoding="utf-8"), file)


def refusals_of(source: str, file: str) -> Iterator[Refusal]:
    """Those of one file's source."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        where, text = f"{file}:{node.lineno}", node.args[0] if node.args else None
        said = (
            text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else None
        )
        if _name(node.func) == errors.Sentence.__name__:
            yield Refusal(where, said, _keys(node.args[1:]))
        elif text and _is_kind(node) and ast.unparse(text) not in ELSEWHERE.get(file, ()):
            given = {keyword.arg or "**" for keyword in node.keywords} - _NO_PLACES
            yield Refusal(where, said, frozenset(given))


def wishes(root: Path, under: str) -> Iterator[tuple[str, str]]:
    """What forms ask of a field, with the files that do: descriptions of their types, which
    `web.forms` says of what does not fit."""
    for path in sorted((root / under).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "Meta":
                for keyword in node.keywords:
                    if keyword.arg == "description" and isinstance(keyword.value, ast.Constant):
                        yield path.relative_to(root).as_posix(), str(keyword.value.value)


def _is_kind(call: ast.Call) -> bool:
    """Whether it is an error kind that is called, by its name, a refusal's or one looked up;
    `BadData` or `Refuse`.
    """
    called = call.func
    if isinstance(called, ast.Subscript):
        return _name(called.value) == "CATALOGUE"
    name = _name(called)
    return name in {*_KINDS, BadData.__name__, Refuse.__name__} or (
        name == "kind" and len(call.args) == 1
    )


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _keys(rest: list[ast.expr]) -> frozenset[str]:
    """Names of the places of a `Sentence`, which stand in a dict behind its text."""
    if not rest:
        return frozenset()
    [places] = rest
    keys = places.keys if isinstance(places, ast.Dict) else [None]
    return frozenset(str(key.value) if isinstance(key, ast.Constant) else "**" for key in keys)
