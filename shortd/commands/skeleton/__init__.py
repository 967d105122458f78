"""A new plugin's package: `shortd plugins new` writes it from the templates in this folder.

What is written works as it stands: it installs, its tests pass, and ruff and mypy are content.
"""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import entry_points
from pathlib import Path

import jinja2

from shortd import __version__
from shortd.plugin.hookspecs import PROJECT
from shortd.plugin_runtime.flaws import name_flaw

FILES = {
    "pyproject.toml.jinja": "pyproject.toml",
    "README.md.jinja": "README.md",
    "plugin.py.jinja": "{package}/__init__.py",
    "test.py.jinja": "tests/test_{name}.py",
}
"""What a package consists of, by template."""


def unusable(name: str, dropped: str) -> str:
    """Why a new plugin cannot have this name, in one line; empty if it can.

    `dropped` is the folder of plugins that are files, empty if there is none.
    """
    flaw = name_flaw(name)
    if flaw:
        return flaw
    taken = name in {point.name for point in entry_points(group=PROJECT)}
    taken = taken or (bool(dropped) and Path(dropped, f"{name}.py").exists())
    if taken or importlib.util.find_spec(package_of(name)) is not None:
        return f"there is a plugin {name} already"
    return ""


def package_of(name: str) -> str:
    """The package of a plugin."""
    return f"{PROJECT}_{name}"


def distribution_of(name: str) -> str:
    """What a plugin is published as."""
    return f"{PROJECT}-{re.sub('_+', '-', name).strip('-')}"


def write(name: str, folder: Path) -> None:
    """Writes the package of a plugin whose name is not `unusable`.

    Raises FileExistsError if there is a folder (or anything) of this name.
    """
    values = {
        "name": name,
        "package": package_of(name),
        "distribution": distribution_of(name),
        "class_name": "".join(word.capitalize() for word in name.split("_")) + "Plugin",
        "version": __version__,
    }
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    folder.mkdir(parents=True)
    for template, path in FILES.items():
        file = folder / path.format(**values)
        file.parent.mkdir(exist_ok=True)
        file.write_text(templates.get_template(template).render(values), encoding="utf-8")
