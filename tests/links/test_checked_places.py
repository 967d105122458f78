"""Every place where somebody can say where a link leads: plugins are asked about each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ada_url
import pytest

from shortd.errors import DESTINATION_REFUSED
from shortd.plugin import Account, Hold, Link, Plugin, Refuse, hookimpl
from shortd.testing import open_app
from shortd_ab import AB
from shortd_mobile import Mobile
from shortd_trackers import TrackerPage
from tests.conftest import GENEROUS
from tests.links.places import PLACES, World

SAID = "That host is known for fraud."
DOUBT = "Nobody here knows that host."


class Watch(Plugin[None, None]):
    """Refuses one host, and has links to another one held; and notes what it is asked."""

    name = "watch"

    def start(self) -> None:
        self.asked: list[tuple[str, Link | None, Account | None]] = []

    def answer(self, url: str, link: Link | None, account: Account | None) -> Refuse | Hold | None:
        self.asked.append((url, link, account))
        host = ada_url.URL(url).hostname.removesuffix(".")
        if host.endswith("bad.example"):
            return Refuse(SAID)
        return Hold(DOUBT) if host.endswith("odd.example") else None


class Plain(Watch):
    """In a thread."""

    @hookimpl
    def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Refuse | Hold | None:
        return self.answer(url, link, account)


class Waiting(Watch):
    """On a loop."""

    @hookimpl
    async def check_destination(
        self, url: str, link: Link | None, account: Account | None
    ) -> Refuse | Hold | None:
        return self.answer(url, link, account)


def of(world: World) -> Watch:
    plugin: Any = world.app.services.plugin_runtime.plugins.running["watch"].plugin
    assert isinstance(plugin, Watch)
    return plugin


@pytest.fixture(scope="module", params=[Plain, Waiting])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("checked")
    plugins = [AB, Mobile, TrackerPage, request.param]
    with open_app(folder / "data", plugins=plugins, environ=GENEROUS) as app:
        yield World(app, DESTINATION_REFUSED, SAID)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("url", ["https://bad.example/", " HTTP://Sub.%42ad.EXAMPLE.:81/x?y "])
def test_no_place_takes_what_is_refused(world: World, place: str, url: str) -> None:
    before = world.rows()
    PLACES[place](world)(url)
    if place != "table":
        assert world.rows() == before, "nothing was made or changed"


@pytest.mark.parametrize(
    "place",
    [place for place in PLACES if place not in ("table", "import", "import date", "v1 domain")],
)
def test_all_places_have_the_link_held(world: World, place: str) -> None:
    before = world.rows()
    url = f"https://odd.example/{len(of(world).asked)}"
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        PLACES[place](world)(url)
    held = [one for row in world.rows().values() if row.held for one in row.held.destinations]
    assert ("watch", DOUBT) in [(one.plugin, one.reason) for one in held if one.url == url]
    assert world.rows() != before
