"""All services of one server over one data directory, wired once.

`open_services` locks the directory, replays the journal and returns what the APIs and pages
work with; `Services.close` drains, saves and lets go. `Services.work` is what runs meanwhile.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random, SystemRandom

import structlog

from shortd.access_tokens import AccessTokens
from shortd.accounts import Accounts
from shortd.api_keys import ApiKeys
from shortd.blobs import Blobs
from shortd.budgets import Budgets
from shortd.campaigns import Campaigns
from shortd.clicks import JOURNAL, Clicks
from shortd.clock import Clock, SystemClock
from shortd.countries import Countries, open_countries
from shortd.custody import Custody
from shortd.domains import Domains
from shortd.files import Files
from shortd.heads import Heads
from shortd.hosts import Hosts, register
from shortd.ids import random_text
from shortd.importing import Importing
from shortd.invitations import Invitations
from shortd.journal import Journal
from shortd.link_passwords import LinkPasswords
from shortd.link_plugins import LinkPlugins
from shortd.link_terms import LinkTerms
from shortd.links import Links
from shortd.logins import Logins
from shortd.mail import Delivery, Messages, Outbox, transport_of
from shortd.mailboxes import Mailboxes
from shortd.members import Members
from shortd.metrics import Metrics
from shortd.models import Position
from shortd.owners import Owners
from shortd.passwords import PasswordHasher
from shortd.plugins.data import checks
from shortd.plugins.deciding import Deciders
from shortd.plugins.events import Events
from shortd.plugins.figures import PluginMetrics
from shortd.plugins.flaws import AnyPlugin
from shortd.plugins.running import Plugins, Prepared, prepare, start_plugins
from shortd.proxies import Proxies
from shortd.recent_visits import RecentVisits
from shortd.resolver import Resolver
from shortd.searching import Search
from shortd.settings import Settings
from shortd.sightings import Sightings
from shortd.signing import KEY_BYTES, Signer
from shortd.statistics import Statistics
from shortd.store import Store
from shortd.store.schema import POSITIONS, SECRETS
from shortd.store.txn import WriteTxn
from shortd.sweeper import Sweeper
from shortd.teams import Teams
from shortd.titles import Titles
from shortd.trackers import LinkTrackers, TeamTrackers
from shortd.txt_records import SystemTxtRecords, TxtRecords
from shortd.undertaker import Undertaker
from shortd.unlocking import Unlocking
from shortd.visitors import parse_agent
from shortd.visits import Visits

SAVE_SECONDS = 1.0
"""How often changed balances are written; a kill forgets at most this much spending."""

NONCE_LENGTH = 22
"""Base-62 characters of a page's nonce: 131 bits."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Services:
    """One of each."""

    settings: Settings
    clock: Clock
    store: Store
    hosts: Hosts
    budgets: Budgets
    hasher: PasswordHasher
    accounts: Accounts
    logins: Logins
    mailboxes: Mailboxes
    delivery: Delivery
    links: Links
    link_passwords: LinkPasswords
    link_plugins: LinkPlugins
    link_terms: LinkTerms
    search: Search
    titles: Titles
    importing: Importing
    teams: Teams
    members: Members
    invitations: Invitations
    campaigns: Campaigns
    domains: Domains
    team_trackers: TeamTrackers
    link_trackers: LinkTrackers
    api_keys: ApiKeys
    access_tokens: AccessTokens
    files: Files
    unlocking: Unlocking
    undertaker: Undertaker
    owners: Owners
    clicks: Clicks
    countries: Countries | None
    statistics: Statistics
    recent_visits: RecentVisits
    visits: Visits
    plugins: Plugins
    events: Events
    sweeper: Sweeper
    custody: Custody
    metrics: Metrics
    proxies: Proxies
    heads: Heads
    drawing: ThreadPoolExecutor
    """Draws QR codes: one thread, so that a list of them cannot starve everything else."""

    async def work(self) -> None:
        """Drains clicks, saves balances, sweeps and sends mail, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.clicks.run())
            tasks.create_task(self._save_balances())
            tasks.create_task(self.sweeper.run())
            tasks.create_task(self.undertaker.run())
            tasks.create_task(self.delivery.run())
            if self.countries is not None:
                tasks.create_task(self.countries.run())

    async def _save_balances(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await self.budgets.save()
            except Exception as fault:
                log.warning("balances_not_saved", error=str(fault))

    async def close(self) -> None:
        """Writes what is still in memory and gives the data directory free."""
        for last in (self.clicks.drain, self.budgets.save):
            # A full disk must not keep the server from stopping; the journal has the clicks.
            with suppress(Exception):
                await last()
        self.hasher.close()
        self.drawing.shutdown(cancel_futures=True)
        self.files.blobs.close()
        self.store.close()
        self.events.close()
        self.plugins.stop()
        # The writer thread syncs and reads the journal: it has to have ended first.
        self.clicks.journal.close()


async def open_services(
    settings: Settings,
    clock: Clock | None = None,
    random: Random | None = None,
    plugins: Sequence[type[AnyPlugin]] | None = None,
    records: TxtRecords | None = None,
    hasher: PasswordHasher | None = None,
) -> Services:
    """Opens the data directory. Raises StoreError if it cannot be used, ConfigError for settings
    of plugins. `plugins` (a test's own) take the place of all that are installed.
    """
    clock = clock or SystemClock()
    random = random or SystemRandom()
    prepared = prepare(settings, plugins)
    store = Store(settings.data_dir, map_bytes=settings.storage.map_bytes)
    try:
        countries = open_countries(settings.clicks.geoip_db, store.directory)
        records = SystemTxtRecords() if records is None else records
        hasher = hasher or PasswordHasher()
        return await _wire(settings, clock, random, store, prepared, countries, records, hasher)
    except BaseException:
        store.close()
        raise


async def _wire(
    settings: Settings,
    clock: Clock,
    random: Random,
    store: Store,
    prepared: Prepared,
    countries: Countries | None,
    records: TxtRecords,
    hasher: PasswordHasher,
) -> Services:
    hosts = await register(store, settings.public_url, settings.hosts)
    with store.read() as txn:
        drained = POSITIONS.get(txn, JOURNAL) or Position()
    journal = Journal(settings.data_dir / "journal", after=drained)
    country_of = countries.of if countries else None
    clicks = Clicks(store, journal, settings.clicks, country_of)
    await clicks.replay()
    # The first parse compiles thousands of patterns (0.1 s); visitors should not wait for it.
    parse_agent("")
    budgets = Budgets(store, settings.limits)
    owners = Owners(store, budgets)
    messages = Messages(settings.public_url, settings.mail.sender)
    transport = transport_of(settings, messages.domain)
    delivery = Delivery(Outbox(store), messages, transport, clock)
    links = Links(store, hosts, random)
    plugin_secret = await _secret(store, "plugins")
    plugins = start_plugins(prepared, settings.public_url, hosts.names, plugin_secret, clock)
    link_plugins = LinkPlugins(links, checks(plugins, links.short_url))
    deciders = Deciders(plugins, hosts.names, links.short_url)
    events = Events(plugins, links.short_url, country_of)
    if events.hear_changes:
        store.watch(events.changed)
    nonce = partial(random_text, random, NONCE_LENGTH)
    resolver = Resolver(
        store,
        owners,
        clicks,
        budgets,
        deciders,
        nonce,
        country_of,
        at_length=events.hear_clicks,
    )
    metrics = Metrics(store, journal, delivery, settings.server.metrics_from)
    metrics.register(PluginMetrics(plugins, events))
    sightings = Sightings(store, clicks, await _secret(store, "visitors"))
    visits = Visits(resolver, clicks, budgets, metrics, events, sightings, settings.clicks.ip)
    blobs = Blobs(settings.data_dir / "files", reserve=settings.files.min_free_bytes)
    files = Files(store, blobs, links, settings.limits, random)
    sweeper = Sweeper(store, owners, budgets, settings.clicks, clock)
    proxies = Proxies(settings.server.trusted_proxies)
    signer = Signer(await _secret(store, "file_addresses"))
    link_passwords = LinkPasswords(hasher, Signer(await _secret(store, "link_passwords")))
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        hosts=hosts,
        budgets=budgets,
        hasher=hasher,
        accounts=Accounts(store, settings, hasher, owners, random),
        logins=Logins(store, settings.limits, hasher, random),
        mailboxes=Mailboxes(store, settings.limits, hasher, owners, random),
        delivery=delivery,
        links=links,
        link_passwords=link_passwords,
        link_plugins=link_plugins,
        link_terms=LinkTerms(links, hosts, link_passwords),
        search=Search(store),
        titles=Titles(hosts, enabled=settings.links.fetch_titles),
        importing=Importing(store, hosts, links),
        teams=Teams(store, random),
        members=Members(store),
        invitations=Invitations(store, random),
        campaigns=Campaigns(store, random),
        domains=Domains(store, hosts, records, random),
        team_trackers=TeamTrackers(store, random),
        link_trackers=LinkTrackers(store, links, link_plugins),
        api_keys=ApiKeys(store, random),
        access_tokens=AccessTokens(store, random),
        files=files,
        unlocking=Unlocking(store, visits, clicks, signer),
        undertaker=Undertaker(store, files, clock),
        owners=owners,
        clicks=clicks,
        countries=countries,
        statistics=Statistics(store, clicks),
        recent_visits=RecentVisits(store, clicks, settings.clicks),
        visits=visits,
        plugins=plugins,
        events=events,
        sweeper=sweeper,
        custody=Custody(store, hasher, owners, sweeper),
        metrics=metrics,
        proxies=proxies,
        heads=Heads(hosts, proxies),
        drawing=ThreadPoolExecutor(max_workers=1, thread_name_prefix="shortd-qr"),
    )


async def _secret(store: Store, name: str) -> bytes:
    """A random key that this data directory keeps for itself."""

    def keep(txn: WriteTxn) -> bytes:
        key = SECRETS.get(txn, (name,))
        if key is None:
            key = secrets.token_bytes(KEY_BYTES)
            SECRETS.put(txn, (name,), key)
        return key

    return await store.write(keep)
