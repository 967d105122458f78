"""Apps with plugins of a test's own."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shortd.plugin_runtime.flaws import AnyPlugin
from shortd.testing import FakeClock, RunningApp, open_app
from tests.conftest import GENEROUS

HEADER = """
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import click
from litestar import get
from msgspec import Meta, Struct

from shortd.plugin import *


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "https://plugin.example/"
"""


class PluginApp:
    """A running app and a link of one temporary account in it."""

    def __init__(self, app: RunningApp) -> None:
        self.app = app
        self.userid = app.call("temporary_account")["userid"]
        self.shorturl = self.make()

    def make(self, url: str = "https://main.example/", **terms: object) -> str:
        """A new link's short URL."""
        entry = self.app.call("url", userid=self.userid, url=url, **terms)["entry"]
        return str(entry["shorturl"])

    def set(self, plugin: str, data: object = (), shorturl: str | None = None) -> None:
        """Gives a link data, by default an empty object."""
        self.app.call("set_plugin", **self.which(shorturl), plugin=plugin, data=data or {})

    def which(self, shorturl: str | None = None) -> dict[str, Any]:
        return {"userid": self.userid, "shorturl": shorturl or self.shorturl}

    def visit(self, shorturl: str | None = None, method: str = "GET", **headers: str) -> str:
        """Where a visit is led; headers as `user_agent`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.app.request(method, shorturl or self.shorturl, headers=given)
        assert response.status_code == 302, response.text
        return response.headers["location"]

    def explain(self, shorturl: str | None = None, **visitor: object) -> dict[str, Any]:
        return self.app.call("explain", **self.which(shorturl), visitor=visitor)

    def store_file(self, **terms: object) -> str:
        """The short URL of a small file."""
        query = {"userid": self.userid, "filename": "note.txt", "filesize": 5, **terms}
        body = (
            f'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{json.dumps(query)}\r\n'
            '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nHello\r\n--x--'
        )
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = self.app.request("POST", "/v2/file", content=body, headers=headers).json()
        assert answer["status"] == "success", answer
        return str(answer["output"]["entry"]["shorturl"])

    def state(self, plugin: str) -> dict[str, Any]:
        """What /-/health says of a plugin."""
        state: dict[str, Any] = self.app.get("/-/health").json()["plugins"]["states"][plugin]
        return state

    def plugin(self, name: str) -> AnyPlugin:
        return self.app.services.plugin_runtime.plugins.running[name].plugin


Start = Callable[..., PluginApp]


def write_plugin(folder: Path, name: str, source: str) -> None:
    """A file for the plugins' folder; `HEADER` stands before the source."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(HEADER + textwrap.dedent(source))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an app with plugins: `start(name="source", …)`, or again over the same data."""
    with ExitStack() as apps:

        def start_app(
            environ: dict[str, str] | None = None, clock: FakeClock | None = None, **sources: str
        ) -> PluginApp:
            apps.close()
            folder = tmp_path / "plugins"
            folder.mkdir(exist_ok=True)
            for name, source in sources.items():
                write_plugin(folder, name, source)
            environ = {**GENEROUS, "SHORTD_PLUGINS__DIR": str(folder), **(environ or {})}
            app = apps.enter_context(open_app(tmp_path / "data", environ=environ, clock=clock))
            return PluginApp(app)

        yield start_app
    for name in [name for name in sys.modules if name.startswith("shortd_dropped_")]:
        del sys.modules[name]
