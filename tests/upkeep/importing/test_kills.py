"""Imports that are killed, or interrupted, at any moment, and done again: all comes, and once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shortd.store import Store
from shortd.store.schema import DAY_STATS, LINKS
from tests.moving.reading import SAMPLES
from tests.upkeep.importing.kept import kept_links
from tests.upkeep.importing.world import World

LINKS_IN_ALL, CLICKS_IN_ALL = 2500, 4000


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dump") / "big.sql"
    numbers = map(str, (LINKS_IN_ALL, CLICKS_IN_ALL))
    subprocess.run([sys.executable, SAMPLES / "make_big.py", file, *numbers], check=True)
    return file


def check_all_came(world: World, dump: Path) -> None:
    expected = json.loads(dump.with_name(f"{dump.name}.expected.json").read_text())
    links = [link for links in kept_links(world.data).values() for link in links]
    assert len(links) == expected["totals"]["links"]
    assert sum(link["clicks"] for link in links) == expected["totals"]["clicks"]
    dated = sum(sum(link["days"].values()) for link in links)
    assert dated == expected["totals"]["dated_clicks"]
    by_code = {link["code"]: link for link in links}
    for one in expected["some"]:
        link = by_code[one["code"]]
        assert (link["url"], link["clicks"]) == (one["url"], one["clicks"])
        assert sum(link["days"].values()) == one["dated_clicks"]


def rows(world: World) -> tuple[int, int]:
    """Links and days so far."""
    store = Store(world.data)
    try:
        with store.read() as txn:
            return LINKS.count(txn), DAY_STATS.count(txn)
    finally:
        store.close()


def size(world: World) -> int:
    return (world.data / "db" / "data.mdb").stat().st_blocks


def wait_for_growth(world: World, process: subprocess.Popen[Any]) -> None:
    """Until something more was written, or nothing more will be."""
    before = size(world)
    while size(world) == before and not mark(world).exists():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
            return


HELD = """
import asyncio, os, pathlib
from shortd.upkeep.importing.imports import Imports

clicks, calls = Imports.clicks, 0

async def held(self, *given):
    global calls
    calls += 1
    if calls == 4 and os.environ.get("MARK"):
        pathlib.Path(os.environ["MARK"]).touch()
        await asyncio.sleep(3600)
    return await clicks(self, *given)

Imports.clicks = held
"""
"""Comes to no end where `MARK` is set: whoever kills it does so in the midst, however late."""


def mark(world: World) -> Path:
    """What is there once it goes no further."""
    return world.folder / "mark"


def hold(world: World, *, does_it: bool) -> None:
    """Whether what is started from here on comes to no end."""
    mark(world).unlink(missing_ok=True)
    world.server.environ["MARK"] = str(mark(world)) if does_it else ""


def test_killed_without_a_server(tmp_path: Path, dump: Path) -> None:
    world = World(tmp_path)
    words = world.arguments("yourls", dump, "--apply")
    seen = set()
    for writes in (1, 3, 6):
        process = world.start(words)
        for _ in range(writes):
            wait_for_growth(world, process)
        process.kill()
        process.communicate()
        seen.add(rows(world))
    # It was in the middle of things.
    assert any(0 < links <= LINKS_IN_ALL for links, _ in seen)
    outcome = world.run("yourls", dump, "--apply")
    assert (outcome.status, outcome.summary["results"]["skipped"]) == (0, 0)
    check_all_came(world, dump)
    again = world.run("yourls", dump, "--apply")
    assert again.summary["results"]["unchanged"] == LINKS_IN_ALL
    check_all_came(world, dump)


def test_a_server_that_is_killed(tmp_path: Path, dump: Path) -> None:
    world = World(tmp_path, prelude=HELD)
    words = world.arguments("yourls", dump, "--apply")
    for writes in (2, 5):
        hold(world, does_it=True)
        world.server.start()
        process = world.start(words)
        for _ in range(writes):
            wait_for_growth(world, process)
        world.server.kill()
        said = process.communicate()[1]
        assert process.returncode == 1
        [line] = said.splitlines()
        assert line.startswith("shortd: ")
    hold(world, does_it=False)
    world.server.start()
    assert world.run("yourls", dump, "--apply").status == 0
    world.server.stop()
    check_all_came(world, dump)


def test_ctrl_c(tmp_path: Path, dump: Path) -> None:
    world = World(tmp_path, prelude=HELD)
    hold(world, does_it=True)
    process = world.start(world.arguments("yourls", dump, "--apply"))
    wait_for_growth(world, process)
    wait_for_growth(world, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert (process.returncode, said.splitlines()[-1]) == (130, "shortd: interrupted")
    assert world.run("yourls", dump, "--apply").status == 0
    check_all_came(world, dump)
