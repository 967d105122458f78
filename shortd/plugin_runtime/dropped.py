"""What is in the plugins' folder: modules, packages, and whole projects.

A plugin goes by its own name, with or without `shortd_` in front: `hours.py`, `shortd_hours.py`,
`hours/`, `shortd_hours/`. A project is what `shortd plugins new` makes: a folder whose
pyproject.toml names entry points, as it does for who installs it. Nothing is imported here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from shortd.plugin.hookspecs import PROJECT

_PREFIX = f"{PROJECT}_"
_PYPROJECT = "pyproject.toml"
_IGNORED = frozenset({"__pycache__"})


class Dropped(NamedTuple):
    """A plugin that may be there."""

    name: str
    """What it is to call itself."""
    file: Path
    """Its module, or the `__init__.py` of its package."""
    submodule: str = ""
    """Where in the package the class is."""
    kind: str = ""
    """The class, where a project says which; else the only one that there is."""
    other_name: str = ""
    """What it may call itself as well."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.other_name) if self.other_name else (self.name,)


class PassedOver(NamedTuple):
    """Something else."""

    path: Path
    reason: str


def look_through(folder: Path) -> Iterator[Dropped | PassedOver]:
    """All that is in a folder but what begins with a dot, in order. OSError."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _IGNORED:
            continue
        if path.name.startswith("_"):
            yield PassedOver(path, "its name begins with _")
        elif path.is_dir():
            yield from _of_folder(path)
        elif path.suffix == ".py":
            yield _called(path.stem, path)
        else:
            yield PassedOver(path, "it is no Python file and no package")


def _of_folder(folder: Path) -> Iterator[Dropped | PassedOver]:
    package = folder / "__init__.py"
    if package.is_file():
        yield _called(folder.name, package)
    elif (folder / _PYPROJECT).is_file():
        yield from _of_project(folder)
    else:
        yield PassedOver(folder, f"it has neither __init__.py nor {_PYPROJECT}")


def _of_project(folder: Path) -> Iterator[Dropped | PassedOver]:
    try:
        project: Any = tomllib.loads((folder / _PYPROJECT).read_text(encoding="utf-8"))
        points = dict(project["project"]["entry-points"][PROJECT])
    except (OSError, ValueError):
        yield PassedOver(folder, f"its {_PYPROJECT} cannot be read")
        return
    except (KeyError, TypeError):
        points = {}
    if not points:
        yield PassedOver(folder, f"its {_PYPROJECT} has no entry points of the group {PROJECT}")
    for name, value in points.items():
        module, _, kind = str(value).partition(":")
        package, _, submodule = module.strip().partition(".")
        found = _module_of(folder, package)
        if found is None:
            yield PassedOver(folder, f"it has no package {package}, which {name} is to be in")
        else:
            yield Dropped(name, found, submodule, kind.strip())


def _module_of(project: Path, package: str) -> Path | None:
    """The file of a project's package, in either of the places where these usually are."""
    if not package.isidentifier():
        return None
    for base in (project, project / "src"):
        for file in (base / package / "__init__.py", base / f"{package}.py"):
            if file.is_file():
                return file
    return None


def _called(stem: str, file: Path) -> Dropped:
    """One whose name may turn out to be none."""
    name = stem.removeprefix(_PREFIX)
    return Dropped(name, file, other_name=stem if stem != name else "")
