"""`shortd status`: with a server and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd import __version__
from shortd.clicks.statistics import day_text
from shortd.clock import DAY
from shortd.control import status
from shortd.control.registry import Args, View
from shortd.testing import open_app
from tests.commands.shell import Shell


def test_it_tells_how_things_are(either: Shell, data: Path, tmp_path: Path) -> None:
    found = either.json("status")
    is_running = data.parent.name.startswith("running")
    assert found["running"] is is_running
    assert found["state"] == ("ok" if is_running else None)
    assert (found["version"], found["data"]) == (__version__, str(data))
    assert found["sizes"]["database"] > 0
    assert found["sizes"]["disk_free"] <= found["sizes"]["disk"]
    assert found["backup"] is None
    assert {plugin["state"] for plugin in found["plugins"]} == {"on" if is_running else "ready"}
    either.did("user", "add", "ann@nowhere.example")
    either.did("link", "add", "https://example.org/", "--owner", "ann@nowhere.example")
    either.did("link", "block", "bad.example")
    either.did("backup", str(tmp_path / "backups"))
    found = either.json("status")
    assert (found["links"], found["blocked"], found["accounts"]["registered"]) == (1, 1, 1)
    assert found["backup"]["size"] > 0
    text = either.did("status", COLUMNS="80")
    assert ("running, ok" if is_running else "stopped") in text.splitlines()[0]
    assert "0 hours ago" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_clicks_are_added_up_by_day(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "PORTION", 2)
    with open_app(Path("shortd-data")) as app:
        urls = [app.new_link(f"https://example.org/{number}") for number in range(5)]
        start = app.clock.now()
        for day, clicks in ((0, 1), (1, 2), (3, 3), (9, 4)):
            app.clock.advance((start + day * DAY - app.clock.now()) / 1_000_000)
            for url in urls:
                for _ in range(clicks):
                    app.visit(url)
        now = app.clock.now()
        app.run(app.services.clicks.drain.settle())
        view = View(app.services.store, app.services.hosts, app.services.settings, now, None)
        [found] = [one for portion in status.status(view, Args()) for one in portion]
    assert found.clicks == 50
    today = now // DAY
    assert list(found.clicks_by_day) == [day_text(day) for day in range(today - 6, today + 1)]
    assert list(found.clicks_by_day.values()) == [15, 0, 0, 0, 0, 0, 20]
