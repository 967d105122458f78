"""The commands about statistics: `shortd stats verify` and `shortd stats rebuild`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, NamedTuple

import click

from shortd.commands.control import json_option
from shortd.commands.options import Place, fail, placed
from shortd.commands.tables import print_object
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
@json_option
def verify(place: Place, as_json: bool) -> None:
    """Count again, and say what differs.

    Agents and countries are read as they are today: after an update of shortd or of the country
    database, earlier days may differ in those.
    """
    from shortd.store.looking import looked_at

    place.enter()
    with looked_at(place.data_dir) as store:
        found = asyncio.run(_recount(store, place.settings.clicks.geoip_db, write=False))
    if as_json:
        print_object(found._asdict())
    else:
        _print(found, "different")
    if found.differ:
        fail([f"{found.differ} differ; shortd stats rebuild writes what the visits say"])


@stats.command()
@placed
def rebuild(place: Place) -> None:
    """Count again, and write what the visits say."""
    from shortd.store import Store

    place.enter()
    store = Store(place.data_dir, map_bytes=place.settings.storage.map_bytes, make=False)
    try:
        found = asyncio.run(_recount(store, place.settings.clicks.geoip_db, write=True))
    finally:
        store.close()
    _print(found, "rewritten")


class Recounted(NamedTuple):
    """What a recount found."""

    links: int
    days: dict[str, int]
    """How many are the same, different or unknown."""
    differ: int
    differences: list[dict[str, object]]
    """The first of them."""


def _print(found: Recounted, different: str) -> None:
    for one in found.differences:
        click.echo(f"link {one['link_id']}: {one['difference']}")
    if found.differ > FAULTS_SHOWN:
        click.echo(f"… and {found.differ - FAULTS_SHOWN} more")
    days = found.days
    click.echo(
        f"{found.links} links; days: {days['same']} same, {days['different']} {different},"
        f" {days['unknown']} unknown"
    )


async def _recount(store: Store, geoip_db: str, *, write: bool) -> Recounted:
    from shortd.clicks.recount import Verdict, recount
    from shortd.store.schema import LINKS
    from shortd.visitors.countries import open_countries, place_of

    countries = open_countries(geoip_db, Path(gettempdir()))
    place = partial(place_of, country_of=countries.of if countries else None)
    days = dict.fromkeys(Verdict, 0)
    links = differ = 0
    shown: list[dict[str, object]] = []
    with store.read() as txn:
        total = LINKS.count(txn)
    with working("links", total) as advance:
        async for link in recount(store, place, write=write):
            links += 1
            advance(1)
            for verdict, count in link.verdicts.items():
                days[verdict] += count
            for fault in link.faults:
                differ += 1
                if differ <= FAULTS_SHOWN:
                    shown.append({"link_id": link.link_id, "difference": str(fault)})
    by_name = {verdict.value: count for verdict, count in days.items()}
    return Recounted(links, by_name, differ, shown)
