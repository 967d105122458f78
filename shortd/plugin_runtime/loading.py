"""Loads a plugin out of the plugins' folder.

A module has a name of its own, by which nothing else can be meant. A package has the name that its
own imports use, if nobody else is called so: `from shortd_hours.rules import Rule` works in it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from shortd.plugin import Plugin
from shortd.plugin.hookspecs import PROJECT
from shortd.plugin_runtime.dropped import Dropped
from shortd.plugin_runtime.flaws import AnyPlugin

_MARK = "__shortd_dropped__"
"""What a package has that was loaded here."""


def load(dropped: Dropped) -> type[AnyPlugin] | str:
    """The plugin's class, or why there is none. Raises whatever its module raises."""
    module = _module(dropped.file)
    if dropped.submodule:
        module = importlib.import_module(f"{module.__name__}.{dropped.submodule}")
    if dropped.kind:
        found: object = module
        for part in dropped.kind.split("."):
            found = getattr(found, part, None)
        # That it is no plugin is told with all else that may be wrong with it.
        return found if isinstance(found, type) else f"has no class {dropped.kind}"
    own = (module.__name__, f"{module.__name__}.")
    kinds = {
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Plugin)
        and (value.__module__ == own[0] or value.__module__.startswith(own[1]))
    }
    if len(kinds) != 1:
        return f"must have exactly one subclass of Plugin, not {len(kinds)}"
    return kinds.pop()


def _module(file: Path) -> ModuleType:
    is_package = file.name == "__init__.py"
    name = _name_of(file, file.parent.name if is_package else "")
    # What an earlier load has left of it may be of other files.
    for known in [known for known in sys.modules if known.startswith(f"{name}.")]:
        del sys.modules[known]
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if is_package else None
    )
    assert spec is not None and spec.loader is not None, "the name ends with .py"
    module = importlib.util.module_from_spec(spec)
    setattr(module, _MARK, True)
    # Where msgspec looks the types of a Struct's fields up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _name_of(file: Path, package: str) -> str:
    """Under which name it is loaded."""
    known = sys.modules.get(package)
    if package and (hasattr(known, _MARK) or (known is None and not _is_somebody(package))):
        return package
    path = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]
    return f"{PROJECT}_dropped_{path}_{package or file.stem}"


def _is_somebody(name: str) -> bool:
    """Whether something that is installed is called so."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True
