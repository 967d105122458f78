"""The services of this room, wired."""

from __future__ import annotations

from dataclasses import dataclass

from shortd.clicks import Clicks
from shortd.clock import Clock
from shortd.hosts import Hosts
from shortd.limits.services import LimitServices
from shortd.links.plugin_data import Check
from shortd.links.services import LinkServices
from shortd.security.passwords import PasswordHasher
from shortd.settings import Settings
from shortd.sharing.files import Files
from shortd.store import Store
from shortd.store.timeline import Timeline
from shortd.upkeep.administration import Administration
from shortd.upkeep.adoption import Adoption
from shortd.upkeep.audit import AuditLog
from shortd.upkeep.finality import Finality
from shortd.upkeep.importing.clicks import PastClicks
from shortd.upkeep.importing.imports import Imports
from shortd.upkeep.importing.reading import LinkReader
from shortd.upkeep.importing.waiting import WaitingImports
from shortd.upkeep.live_backups import LiveBackups
from shortd.upkeep.moderation import Moderation
from shortd.upkeep.people import People
from shortd.upkeep.stored import StoredFiles
from shortd.upkeep.sweeper import Sweeper
from shortd.upkeep.takeout import Takeout
from shortd.upkeep.undertaker import Undertaker
from shortd.visitors.countries import CountryOf


@dataclass(frozen=True)
class UpkeepServices:
    """What cleans up, and what the operator does to accounts."""

    sweeper: Sweeper
    undertaker: Undertaker
    administration: Administration
    finality: Finality
    adoption: Adoption
    takeout: Takeout
    audit: AuditLog
    people: People
    stored: StoredFiles
    moderation: Moderation
    backups: LiveBackups
    imports: Imports
    waiting: WaitingImports


def open_upkeep(
    store: Store,
    settings: Settings,
    hasher: PasswordHasher,
    limits: LimitServices,
    links: LinkServices,
    files: Files,
    hosts: Hosts,
    clicks: Clicks,
    timeline: Timeline,
    clock: Clock,
    check: Check,
    country_of: CountryOf | None,
) -> UpkeepServices:
    """Wires them."""
    audit = AuditLog(store)
    sweeper = Sweeper(
        store,
        limits.owners,
        limits.budgets,
        limits.repeats,
        links.links,
        links.reports,
        settings.clicks,
        settings.storage,
        timeline,
        audit,
    )
    imports = Imports(
        store,
        hosts,
        links.links,
        links.passwords,
        LinkReader(hosts, links.codes, links.terms, check),
        PastClicks(settings.clicks, country_of),
    )
    return UpkeepServices(
        sweeper=sweeper,
        undertaker=Undertaker(store, files, timeline),
        administration=Administration(store, hasher, limits.owners, sweeper),
        adoption=Adoption(store, limits.owners),
        takeout=Takeout(store, hosts, clicks, links.sheets, settings.clicks.ip),
        finality=Finality(links.undoing, timeline),
        audit=audit,
        people=People(store),
        stored=StoredFiles(store),
        moderation=Moderation(store, hosts, links.links),
        backups=LiveBackups(store),
        imports=imports,
        waiting=WaitingImports(store.directory, imports, limits.budgets, clock),
    )
