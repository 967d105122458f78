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
from shortd.plugin_runtime.dropped import Dropped, look_through
from shortd.plugin_runtime.flaws import name_flaw

KINDS = {
    "rule": "It leads visitors of one language elsewhere.",
    "webhook": "It tells another server of links.",
    "check": "It looks at where links are to lead, before they are made.",
    "page": "It has a page of its own, and keeps what is written there.",
}
"""What a new plugin does, for its README."""
FILES = {
    "pyproject.toml.jinja": "pyproject.toml",
    "README.md.jinja": "README.md",
    "{kind}/plugin.py.jinja": "{package}/__init__.py",
    "{kind}/test.py.jinja": "tests/test_{name}.py",
}
"""What a package consists of, by template."""
MORE = {"page": {"page/notes.html.jinja": "{package}/templates/notes.html"}}
"""The same, of some kinds."""


def unusable(name: str, dropped: str) -> str:
    """Why a new plugin cannot have this name, in one line; empty if it can.

    `dropped` is the plugins' folder, empty if there is none.
    """
    flaw = name_flaw(name)
    if flaw:
        return flaw
    taken = name in {point.name for point in entry_points(group=PROJECT)}
    folder = Path(dropped)
    if dropped and folder.is_dir():
        there = look_through(folder)
        taken = taken or any(name in one.names for one in there if isinstance(one, Dropped))
    if taken or importlib.util.find_spec(package_of(name)) is not None:
        return f"there is a plugin {name} already"
    return ""


def package_of(name: str) -> str:
    """The package of a plugin."""
    return f"{PROJECT}_{name}"


def distribution_of(name: str) -> str:
    """What a plugin is published as."""
    return f"{PROJECT}-{re.sub('_+', '-', name).strip('-')}"


def write(name: str, folder: Path, kind: str = "rule") -> None:
    """Writes the package of a plugin of a kind, whose name is not `unusable`.

    Raises FileExistsError if there is a folder (or anything) of this name.
    """
    values = {
        "name": name,
        "package": package_of(name),
        "distribution": distribution_of(name),
        "class_name": "".join(word.capitalize() for word in name.split("_")) + "Plugin",
        "title": name.replace("_", " ").strip().capitalize(),
        "version": __version__,
        "kind": kind,
        "summary": KINDS[kind],
    }
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    folder.mkdir(parents=True)
    for template, path in {**FILES, **MORE.get(kind, {})}.items():
        file = folder / path.format(**values)
        file.parent.mkdir(parents=True, exist_ok=True)
        content = templates.get_template(template.format(**values)).render(values)
        file.write_text(content, encoding="utf-8")
