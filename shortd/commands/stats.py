"""The commands about statistics: `shortd stats verify` and `shortd stats rebuild`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import click

from shortd.commands.options import Place, fail, placed
from shortd.commands.working import working

if TYPE_CHECKING:
    from shortd.store import Store

FAULTS_SHOWN = 100


@click.group()
def stats() -> None:
    """Hold statistics against the visits they were made of.

    The server must be stopped. Days are unknown where visits of them are not kept any more
    ([clicks] visit_days and visits_per_link); nothing is said of those, and nothing done to them.
    """


@stats.command()
@placed
def verify(place: Place) -> None:
    """Count again, and say what differs.

    Agents and countries are read as they are today: after an update of shortd or of the country
    database, earlier days may differ in those.
    """
    from shortd.store.looking import looked_at

    place.enter()
    with looked_at(place.data_dir) as store:
        faults = asyncio.run(_recount(store, place.settings.clicks.geoip_db, write=False))
    if faults:
        fail([f"{faults} differ; shortd stats rebuild writes what the visits say"])


@stats.command()
@placed
def rebuild(place: Place) -> None:
    """Count again, and write what the visits say."""
    from shortd.store import Store

    place.enter()
    store = Store(place.data_dir, map_bytes=place.settings.storage.map_bytes, make=False)
    try:
        asyncio.run(_recount(store, place.settings.clicks.geoip_db, write=True))
    finally:
        store.close()


async def _recount(store: Store, geoip_db: str, *, write: bool) -> int:
    """How many differences there were; each is printed, and a sum of it all."""
    from shortd.clicks.recount import Verdict, recount
    from shortd.store.schema import LINKS
    from shortd.visitors.countries import open_countries, place_of

    countries = open_countries(geoip_db, Path(gettempdir()))
    place = partial(place_of, country_of=countries.of if countries else None)
    days = dict.fromkeys(Verdict, 0)
    links = faults = 0
    with store.read() as txn:
        total = LINKS.count(txn)
    with working("links", total) as advance:
        async for link in recount(store, place, write=write):
            links += 1
            advance(1)
            for verdict, count in link.verdicts.items():
                days[verdict] += count
            for fault in link.faults:
                faults += 1
                if faults <= FAULTS_SHOWN:
                    click.echo(f"link {link.link_id}: {fault}")
    if faults > FAULTS_SHOWN:
        click.echo(f"… and {faults - FAULTS_SHOWN} more")
    click.echo(
        f"{links} links; days: {days[Verdict.SAME]} same,"
        f" {days[Verdict.DIFFERENT]} {'rewritten' if write else 'different'},"
        f" {days[Verdict.UNKNOWN]} unknown"
    )
    return faults
