"""Pages of a link with the longest and strangest values that there can be: all stays inside."""

from __future__ import annotations

import os
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page

from shortd.commands.cli import main
from tests.browser.axe import violations
from tests.browser.shelf import Shelf, new_shelf
from tests.browser.test_every_page import CUT, evaluate
from tests.server_process import ServerProcess

MARKUP = "\"'><img src=x onerror=alert(1)></script>{{ 7 * 7 }}"
URL = "https://" + "long-label-of-a-name." * 8 + "example.org/" + "w" * 8000
HEBREW = "\u05e9\u05dc\u05d5\u05dd " * 40
PATHS = (
    *("/-/dashboard", "/-/links/{id}", "/-/links/{id}/visits", "/-/links/{id}/qr"),
    *("/-/links/{id}/edit", "/-/links/{id}/explain", "/-/tags"),
    *("/-/boxes", "/-/boxes/{box}"),
    *("/-/teams", "/-/teams/{team}", "/?team={team}", "/-/dashboard?team={team}"),
)


@pytest.fixture(scope="package")
def crowded(site: ServerProcess) -> tuple[Shelf, dict[str, str]]:
    """Somebody with such links, and the ids of one that has them all and of a team like that."""
    shelf = new_shelf(site, "n" * 64)
    terms: dict[str, Any] = {"tags": [MARKUP, HEBREW[:60], "w" * 64], "title": HEBREW}
    made = [
        shelf.link(URL[:8190], "b" * 11, clicks=1, **terms),
        shelf.link("https://example.org/", title=MARKUP * 4),
        shelf.link("https://example.org/", title="w" * 512, expiration_utime=1),
    ]
    path = shelf.send("/-/teams", name="W" * 64, code="")
    shelf.send("/-/teams", name=MARKUP, code="c" * 32)
    guest = f"{'m' * 64}@{'mail.' * 30}example.org"
    shelf.send(f"{path}/invite", guest=guest, role="admin")
    for name in ("W" * 64, HEBREW[:64], MARKUP):
        shelf.send(f"{path}/campaigns", name=name, code="")
        shelf.send(f"{path}/trackers", name=name, provider="segment", code="W" * 64)
    shelf.send(f"{path}/domains", domain=f"{'w' * 60}.{'long-label-of-a-name.' * 8}example.org")
    team = path.rpartition("/")[2]
    shelf.send("/-/new", url=URL[:8190], team=team)
    box = shelf.call("create_box", name="W" * 100, note="w" * 1000)["entry"]
    code = box["shorturl"].rpartition("/")[2]
    places = ["--config", os.devnull, "--data", str(site.data_dir)]
    # Only the operator makes such codes here.
    wide = CliRunner().invoke(main, ["link", "set", code, "--code", f"{'W' * 300}/b", *places])
    assert wide.exit_code == 0, wide.output
    return shelf, {"id": str(made[0]["id"]), "team": team, "box": str(box["id"])}


@pytest.mark.parametrize("path", PATHS)
def test_nothing_sticks_out(
    tab: Page, site: ServerProcess, crowded: tuple[Shelf, dict[str, str]], path: str
) -> None:
    shelf, ids = crowded
    shelf.enter(tab.context)
    tab.goto(site.url + path.format_map(ids))
    tab.wait_for_load_state()
    for width in (320, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        assert evaluate(tab, "document.documentElement.scrollWidth") <= width
        assert evaluate(tab, CUT) == [], width
    assert violations(tab) == []
    assert evaluate(tab, "document.images.length") <= 3, "no markup of theirs is any of ours"
