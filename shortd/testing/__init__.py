"""What tests of shortd and of its plugins use: a whole app in this process, and a clock.

    with open_app(tmp_path, plugins=[OpeningHours]) as app:
        link = app.new_link(plugins={"hours": {"closed_url": "https://example.com/closed"}})
        assert app.visit(link).headers["location"] == "https://example.com/closed"

`check_plugin` puts a plugin through what any plugin must stand. In tests under pytest the
fixture `shortd_app` opens apps in a folder of the test's own. Nothing here needs pytest. A
server must never import it.
"""

from __future__ import annotations

from shortd.settings.config import ConfigError
from shortd.testing.app import RunningApp
from shortd.testing.browser import Browser
from shortd.testing.check import check_plugin
from shortd.testing.clock import FakeClock
from shortd.testing.network import Answer, FakeNetwork, Request
from shortd.testing.opening import StartApp, open_app
from shortd.testing.population import AGENTS, population

__all__ = [
    "AGENTS",
    "Answer",
    "Browser",
    "ConfigError",
    "FakeClock",
    "FakeNetwork",
    "Request",
    "RunningApp",
    "StartApp",
    "check_plugin",
    "open_app",
    "population",
]
