"""Every place where somebody can say where a link leads: none takes what is blocked."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from shortd.errors import DESTINATION_BLOCKED
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.links.places import GOOD, PATTERN, PLACES, World, split

MESSAGE = DESTINATION_BLOCKED.message


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("blocked")
    with open_app(folder / "data", environ=GENEROUS) as app:
        world = World(app)
        world.block()
        yield world


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("url", ["https://bad.example/", " HTTP://Sub.%42ad.EXAMPLE.:81/x?y "])
def test_no_place_takes_what_is_blocked(world: World, place: str, url: str) -> None:
    before = world.rows()
    PLACES[place](world)(url)
    if place != "table":
        assert world.rows() == before, "nothing was made or changed"


@pytest.mark.parametrize("place", [place for place in PLACES if place != "table"])
def test_all_places_take_the_same_when_it_is_not(world: World, place: str) -> None:
    """Else the test above could hold for any other reason."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        PLACES[place](world)("https://other.example/")


def test_several_lines_say_which_is_meant(world: World) -> None:
    answer = world.surfer.send("/-/new", {"url": f"{GOOD}\nhttps://bad.example/x"})
    said = html.unescape(answer.text)
    assert "Line 2, “https://bad.example/x”: " + MESSAGE in said


def test_what_is_blocked_later_stays_until_it_is_changed(app: RunningApp) -> None:
    world = World(app)
    bad, worse = "https://bad.example/", "https://bad.example/worse"
    ann = world.v1
    ann.call(
        "set_terms",
        shorturl=world.short_url,
        url=bad,
        date_fallback=bad,
        expiration_count=9,
        count_fallback=worse,
    )
    ann.call(
        "set_plugin", shorturl=world.short_url, plugin="ab", data={"variants": split(bad, worse)}
    )
    world.block()
    assert app.visit(world.short_url).headers["location"] in (bad, worse)
    # The forms send all that they show.
    code = world.short_url.rpartition("/")[2]
    edit = f"/-/links/{world.id}/edit"
    form = {"destination": bad, "ending": code, "title": "Old"}
    assert world.surfer.send(f"{edit}/where", form).status_code == 303
    form = {"enabled": "1", "clicks": "9", "clicks_to": worse, "ends_to": bad}
    assert world.surfer.send(f"{edit}/until", form).status_code == 303
    ann.call("set_plugin", shorturl=world.short_url, plugin="ab", data={"variants": split(worse)})
    terms = ann.call("set_terms", shorturl=world.short_url)
    assert (terms["entry"]["url"], terms["terms"]["title"]) == (bad, "Old")
    # Another one is not to take its place.
    for change in ({"url": worse}, {"date_fallback": worse}, {"count_fallback": bad}):
        error = ann.refused("set_terms", shorturl=world.short_url, **change)
        assert error["code"] == "destination_blocked"
    # And what was taken out does not come in again.
    data = {"variants": split(bad)}
    error = ann.refused("set_plugin", shorturl=world.short_url, plugin="ab", data=data)
    assert (error["code"], error["field"]) == ("destination_blocked", "data.variants[0].url")


def test_a_plugin_is_not_at_fault_for_what_is_blocked(app: RunningApp) -> None:
    """A visit asks nothing: else five of them switched the plugin off for all links."""
    world = World(app)
    bad = "https://bad.example/"
    data = {"variants": [{"url": bad, "weight": 100}]}
    world.v1.call("set_plugin", shorturl=world.short_url, plugin="ab", data=data)
    world.block()
    for _ in range(10):
        assert app.visit(world.short_url).headers["location"] == bad
    assert not app.faults


def test_unblocked_everything_is_as_before(app: RunningApp) -> None:
    world = World(app)
    world.block()
    world.block("=" + PATTERN)
    blocked = app.services.blocked
    app.run(blocked.remove(PATTERN))
    world.v1.call("url", url="https://www.bad.example/")
    assert world.v1.refused("url", url="https://bad.example/")["code"] == "destination_blocked"
    app.run(blocked.remove("=BAD.example."))
    world.v1.call("url", url="https://bad.example/")
    assert len(blocked) == 0
