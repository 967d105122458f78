"""The rooms of shortd: which stands on which, and who may know which library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "shortd"
ARCHITECTURE = ROOT.parent / "docs" / "architecture.md"

FLOORS = (
    "pytest_plugin",
    "testing",
    "commands",
    "server",
    "control",
    "app",
    "api",
    "web",
    "services",
    "plugin_services",
    "upkeep",
    "sharing",
    "teams visits",
    "links",
    "clicks",
    "accounts plugin_runtime metrics",
    "issuers mail moving plugin",
    "files security hosts limits visitors",
    "store settings journal",
    "errors fields field_errors file_names languages models ids link_codes names mail_addresses"
    " spreadsheets blocks clock syncing zips",
)
"""From the top down: a room imports from floors below its own, never from its neighbours."""
ALONE = {"client", "__main__"}
"""`client` imports nothing of the server but how file names are cut and zips are written, and only
the command line imports it."""
HEIGHT = {room: -floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
WORDS = set(FLOORS[-1].split())
"""At the root of the package; these may import each other."""

ONLY = {
    "litestar": {"api", "web", "app", "testing", "plugin"},
    "uvicorn": {"server"},
    "lmdb": {"store"},
}
"""Which rooms may import a library."""


def imports(source: str) -> Iterator[str]:
    """Dotted names of all that is imported, wherever in the module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def faults(room: str, source: str) -> list[str]:
    """What is wrong with the imports of a module of this room."""
    found = []
    if room not in HEIGHT and room not in ALONE:
        found.append(f"{room} is no room: give it a floor")
    for name in imports(source):
        library, _, rest = name.partition(".")
        other, _, inside = rest.partition(".")
        if not library:
            found.append(f"{name}: imports are absolute here")
        elif library in ONLY and room not in ONLY[library]:
            found.append(f"{name}: only for {', '.join(sorted(ONLY[library]))}")
        elif library != "shortd" or other in ("", "__version__", room):
            continue
        elif any(part.startswith("_") for part in inside.split(".")):
            found.append(f"{name}: is {other}'s own affair")
        elif not _stands_below(other, room):
            found.append(f"{name}: does not stand below {room}")
    return found


def _stands_below(other: str, room: str) -> bool:
    if room == "__main__" or (room == "commands" and other == "client"):
        return True
    if room in ALONE or other in ALONE:
        return room == "client" and other in ("file_names", "zips")
    return {room, other} <= WORDS or HEIGHT.get(other, 0) < HEIGHT.get(room, 1)


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(ROOT.rglob("*.py")) if file != ROOT / "__init__.py"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_imports_point_down(file: Path) -> None:
    room = file.relative_to(ROOT).with_suffix("").parts[0]
    assert faults(room, file.read_text(encoding="utf-8")) == []


def test_every_room_has_one_floor() -> None:
    assert sum(len(rooms.split()) for rooms in FLOORS) == len(HEIGHT)


def test_the_page_has_the_same_floors() -> None:
    table = ARCHITECTURE.read_text(encoding="utf-8").partition("## Rooms")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [{name.strip("`/") for name in row.split()} for row in rows] == [
        set(rooms.split()) for rooms in (*FLOORS, "client")
    ]


@pytest.mark.parametrize("room", sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))
def test_a_room_has_a_face(room: str) -> None:
    """Its docstring says what it is for, and what it must never do."""
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
    assert said is not None and "never" in said


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("store", "from shortd.links.links import Links"),
        ("links", "from shortd.visits import resolver"),
        ("visits", "import shortd.services"),
        ("visits", "from shortd.teams.members import Members"),
        ("plugin", "from shortd.plugin_runtime.guard import Guard"),
        ("web", "def later():\n    from shortd.app import build"),
        ("links", "from shortd.testing import FakeClock"),
        ("links", "from . import errors"),
        ("links", "from shortd.clicks.history import _row"),
        ("links", "import lmdb"),
        ("links", "from litestar.exceptions import HTTPException"),
        ("app", "import uvicorn.config"),
        ("client", "from shortd.errors import INTERNAL"),
        ("upkeep", "from shortd.client.send import send"),
        ("errors", "from shortd.store import Store"),
        ("stray", "import json"),
    ],
)
def test_a_wrong_import_is_found(room: str, source: str) -> None:
    assert len(faults(room, source)) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("links", "from shortd import __version__, errors\nfrom shortd.clicks import Clicks"),
        ("links", "from shortd.links.access import _hidden"),
        ("models", "from shortd.clock import MINUTE"),
        ("store", "import lmdb"),
        ("app", "from shortd.api.v2 import routes\nimport litestar"),
        ("commands", "from shortd.client.send_command import send"),
        ("server", "import uvicorn"),
    ],
)
def test_a_right_import_is_not(room: str, source: str) -> None:
    assert faults(room, source) == []
