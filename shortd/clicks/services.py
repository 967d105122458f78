"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortd.clicks.clicks import JOURNAL, Clicks
from shortd.clicks.drain import Drain
from shortd.clicks.recent_visits import RecentVisits
from shortd.clicks.sightings import Sightings
from shortd.clicks.statistics import Statistics
from shortd.journal import Journal
from shortd.models.clicks import Position
from shortd.security.secrets import secret
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.schema import POSITIONS


@dataclass(frozen=True)
class ClickServices:
    """Clicks, and what they come to."""

    clicks: Clicks
    drain: Drain
    sightings: Sightings
    statistics: Statistics
    recent_visits: RecentVisits


async def open_clicks(
    store: Store,
    settings: Settings,
    country_of: Callable[[str], str] | None,
    *,
    replay: bool = True,
) -> ClickServices:
    """Replays the journal, unless nobody is going to visit, and wires them."""
    drained = store.get(POSITIONS, JOURNAL) or Position()
    journal = Journal(settings.data_dir / "journal", after=drained)
    clicks = Clicks(store, journal, settings.clicks)
    drain = Drain(store, clicks, settings.clicks, country_of)
    if replay:
        await drain.replay()
    return ClickServices(
        clicks=clicks,
        drain=drain,
        sightings=Sightings(store, clicks, await secret(store, "visitors")),
        statistics=Statistics(store, drain),
        recent_visits=RecentVisits(store, drain, settings.clicks),
    )
