"""The direction of imports, and who may know which library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "shortd"

# From the bottom up: a module imports from its own layer and from those named before it.
LAYERS = {
    "words": {
        *("errors", "fields", "models", "ids", "clock"),
        *("settings", "config", "config_checks", "config_reader"),
        *("field_errors", "names"),
    },
    "mechanisms": {
        *("store", "journal", "limits", "throttle", "hooks"),
        *("passwords", "qr", "destinations", "visitors", "proxies", "blobs", "frames"),
        *("manifests", "signing", "cache", "sendfile", "pace"),
        *("plugin", "plugin_types", "hookspecs", "countries", "bots", "sources"),
        *("html_titles", "public_addresses", "txt_records", "providers"),
    },
    # Speaks to servers from outside.
    "client": {"client"},
    "services": {
        *("accounts", "tokens", "logins", "codes", "mailboxes", "mail"),
        *("links", "files", "clicks", "generations", "access", "custody"),
        *(
            "teams",
            "members",
            "invitations",
            "leaving",
            "campaigns",
            "domains",
            "trackers",
            "link_trackers",
        ),
        *("api_keys", "access_tokens"),
        *(
            "budgets",
            "owners",
            "hosts",
            "tally",
            "history",
            "sweeper",
            "undertaker",
            "metrics",
            "importing",
        ),
        *("link_passwords", "link_plugins", "link_terms", "public_pages"),
        *("searching", "sightings", "titles"),
        *("rollups", "statistics", "recount", "recent_visits"),
    },
    "deciding": {"resolver", "plugins", "visits", "heads", "unlocking"},
    "wiring": {"services"},
    "surfaces": {"api", "web"},
    "app": {"app"},
    "programs": {
        *("lane", "protocol", "server", "cli", "logs", "testing", "__main__"),
        *("options", "plugin_commands", "stats_commands", "skeleton", "pytest_plugin"),
        *("admin", "admin_commands", "operator_commands"),
    },
}
HEIGHT = {name: height for height, layer in enumerate(LAYERS.values()) for name in layer}

# Which of our modules may import a library, by the beginning of their names.
ONLY = {
    "litestar": ("api", "web", "app", "testing"),
    "uvicorn": ("server", "protocol", "sendfile"),
    "lmdb": ("store",),
}


def imports(source: str) -> Iterator[str]:
    """Dotted names of all that is imported, wherever in the module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def faults(module: str, source: str) -> list[str]:
    """What is wrong with the imports of `shortd.<module>`; `module` is the first part below."""
    found = []
    if module not in HEIGHT:
        found.append(f"{module} has no layer: give it one in LAYERS")
    for name in imports(source):
        library, _, rest = name.partition(".")
        ours = rest.partition(".")[0]
        if not library:
            found.append(f"{name}: imports are absolute here")
        elif library in ONLY and not module.startswith(ONLY[library]):
            found.append(f"{name}: only for {', '.join(ONLY[library])}")
        elif library != "shortd" or ours in ("", "__version__"):
            continue
        elif ours == "testing" and module not in ("testing", "pytest_plugin"):
            found.append(f"{name}: only for tests")
        elif HEIGHT.get(ours, 0) > HEIGHT.get(module, 0):
            found.append(f"{name}: is above {module}")
    return found


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(ROOT.rglob("*.py")) if file != ROOT / "__init__.py"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_imports_point_down(file: Path) -> None:
    module = file.relative_to(ROOT).with_suffix("").parts[0]
    assert faults(module, file.read_text(encoding="utf-8")) == []


def test_every_name_has_one_layer() -> None:
    assert sum(map(len, LAYERS.values())) == len(HEIGHT)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("store", "from shortd.links import Links"),
        ("links", "from shortd import resolver"),
        ("resolver", "import shortd.services"),
        ("web", "def later():\n    from shortd.app import build"),
        ("links", "from shortd.testing import FakeClock"),
        ("links", "from . import errors"),
        ("links", "import lmdb"),
        ("links", "from litestar.exceptions import HTTPException"),
        ("app", "import uvicorn.config"),
        ("stray", "import json"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert len(faults(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("links", "from shortd import __version__, errors\nfrom shortd.clicks import Clicks"),
        ("store", "import lmdb"),
        ("app", "from shortd.api.v2 import routes\nimport litestar"),
        ("server", "import uvicorn"),
    ],
)
def test_a_right_import_is_not(module: str, source: str) -> None:
    assert faults(module, source) == []
