"""The commands about statistics: `shortd stats verify` and `shortd stats rebuild`."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import click

from shortd.config import Settings, load
from shortd.options import fail, settings_options

FAULTS_SHOWN = 100


@click.group()
def stats() -> None:
    """Hold statistics against the visits they were made of. The server must be stopped.

    Days are unknown where visits of them are not kept any more ([clicks] visit_days and
    visits_per_link); nothing is said of those, and nothing done to them.
    """


@stats.command()
@settings_options
def verify(config_file: Path | None, data_dir: Path | None) -> None:
    """Count again, and say what differs.

    Agents and countries are read as they are today: after an update of shortd or of the country
    database, earlier days may differ in those.
    """
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    faults = asyncio.run(_recount(settings, write=False))
    if faults:
        fail([f"{faults} differ; shortd stats rebuild writes what the visits say"])


@stats.command()
@settings_options
def rebuild(config_file: Path | None, data_dir: Path | None) -> None:
    """Count again, and write what the visits say."""
    settings = load(config_file, data_dir=data_dir, environ=os.environ)
    asyncio.run(_recount(settings, write=True))


async def _recount(settings: Settings, *, write: bool) -> int:
    """How many differences there were; each is printed, and a sum of it all."""
    from shortd.countries import open_countries, place_of
    from shortd.recount import Verdict, recount
    from shortd.store import Store

    store = Store(settings.data_dir, map_bytes=settings.storage.map_bytes)
    try:
        countries = open_countries(settings.clicks.geoip_db, store.directory)
        place = partial(place_of, country_of=countries.of if countries else None)
        days = dict.fromkeys(Verdict, 0)
        links = faults = 0
        async for link in recount(store, place, write=write):
            links += 1
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
    finally:
        store.close()
