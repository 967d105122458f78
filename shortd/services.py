"""All services of one server over one data directory, wired once, a group for each room.

`open_services` locks the directory, replays the journal and returns what the APIs and pages
work with; `Services.close` drains, saves and lets go. `Services.work` is what runs meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from random import Random, SystemRandom

import structlog

from shortd import errors
from shortd.accounts.services import AccountServices, open_accounts
from shortd.blocks import BlockHashes
from shortd.clicks.services import ClickServices, open_clicks
from shortd.clock import DAY, HOUR, MINUTE, Clock, SystemClock
from shortd.hosts import Hosts, recall, register
from shortd.hosts.blocked import BlockedDestinations
from shortd.hosts.txt_records import SystemTxtRecords, TxtRecords
from shortd.hosts.ways import option_problems
from shortd.issuers import Flows, Issuers, open_issuers
from shortd.limits.services import LimitServices, open_limits
from shortd.links.services import LinkServices, open_links
from shortd.mail.services import MailServices, open_mail
from shortd.metrics import Metrics
from shortd.plugin_runtime.data import checks
from shortd.plugin_runtime.figures import PluginMetrics
from shortd.plugin_runtime.flaws import AnyPlugin
from shortd.plugin_runtime.network import Network
from shortd.plugin_runtime.running import Prepared, prepare
from shortd.plugin_runtime.services import PluginServices, open_plugins
from shortd.plugin_services.links import Rooms
from shortd.plugin_services.services import hand_over
from shortd.security.figures import GuessMetrics
from shortd.security.passwords import PasswordHasher
from shortd.security.secrets import secret
from shortd.security.services import SecurityServices, open_security
from shortd.settings import Settings
from shortd.settings.config import ConfigError
from shortd.settings.in_force import InForce
from shortd.sharing.services import SharingServices, open_sharing
from shortd.store import Store, Upgrading
from shortd.store.timeline import Timeline, open_timeline
from shortd.teams.services import TeamServices, open_teams
from shortd.upkeep.figures import ImportMetrics, RoomMetrics
from shortd.upkeep.services import UpkeepServices, open_upkeep
from shortd.visitors.countries import Countries, open_countries
from shortd.visitors.services import VisitorServices, open_visitors
from shortd.visitors.visitors import kept_address
from shortd.visits.services import VisitServices, open_visits

SAVE_SECONDS = 1.0
"""How often changed balances are written; a kill forgets at most this much spending."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Services:
    """One group a room, from the ground up."""

    settings: Settings
    """Of the start."""
    in_force: InForce
    """The same, with what was taken over since, and where all of it comes from."""
    clock: Clock
    store: Store
    timeline: Timeline
    hosts: Hosts
    blocked: BlockedDestinations
    security: SecurityServices
    limits: LimitServices
    visitors: VisitorServices
    mail: MailServices
    issuers: Issuers
    accounts: AccountServices
    plugin_runtime: PluginServices
    metrics: Metrics
    clicks: ClickServices
    links: LinkServices
    teams: TeamServices
    visits: VisitServices
    sharing: SharingServices
    upkeep: UpkeepServices

    async def work(self) -> None:
        """Watches the clock, drains, saves balances, sweeps and sends mail, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.timeline.run())
            tasks.create_task(self.clicks.drain.run())
            tasks.create_task(self._save_balances())
            tasks.create_task(self.upkeep.sweeper.run())
            tasks.create_task(self.upkeep.undertaker.run())
            tasks.create_task(self.upkeep.finality.run())
            tasks.create_task(self.mail.delivery.run())
            tasks.create_task(self.security.log.run())
            tasks.create_task(self.plugin_runtime.events.run())
            if self.visitors.countries is not None:
                tasks.create_task(self.visitors.countries.run())

    async def _save_balances(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await self.limits.budgets.save()
                await self.accounts.save_uses()
            except Exception as fault:
                # Of a full disk the store tells, once a minute.
                if not isinstance(fault, errors.ShortdError):
                    log.warning("balances_not_saved", error=str(fault))

    async def _save_time(self) -> None:
        await self.timeline.save(MINUTE)

    async def close(self) -> None:
        """Writes what is still in memory and gives the data directory free."""
        for last in (
            self.clicks.drain.settle,
            self.plugin_runtime.events.end,
            self.limits.budgets.save,
            self.accounts.save_uses,
            self._save_time,
        ):
            # A full disk must not keep the server from stopping; the journal has the clicks.
            with suppress(Exception):
                await last()
        self.upkeep.waiting.close()
        self.security.log.flush()
        self.security.hasher.close()
        self.links.drawing.close()
        self.sharing.files.blobs.close()
        self.plugin_runtime.close()
        self.store.close()
        # The writer thread syncs and reads the journal: it has to have ended first.
        self.clicks.clicks.journal.close()


async def open_services(
    settings: Settings,
    clock: Clock | None = None,
    random: Random | None = None,
    plugins: Sequence[type[AnyPlugin]] | None = None,
    records: TxtRecords | None = None,
    hasher: PasswordHasher | None = None,
    network: Network | None = None,
    *,
    in_force: InForce | None = None,
    serving: bool = True,
    upgrading: Upgrading = lambda _progress: nullcontext(),
) -> Services:
    """Opens the data directory. Raises StoreError if it cannot be used, ConfigError for settings
    of plugins. `plugins` (a test's own) take the place of all that are installed, and `network` (a
    test's as well) that of the one that plugins' requests go to. `in_force` tells
    where the settings come from. `upgrading` is the store's.

    A command, which is not `serving`, finds the directory as the server left it, whatever settings
    it has: it makes and migrates none, takes no host for the default one, counts no clicks.
    """
    base_urls = (settings.public_url, *settings.hosts)
    if serving and (problems := list(option_problems(settings.host.options, base_urls))):
        raise ConfigError(problems)
    clock = clock or SystemClock()
    random = random or SystemRandom()
    prepared = prepare(settings, plugins)
    store = Store(
        settings.data_dir,
        map_bytes=settings.storage.map_bytes,
        reserve_bytes=settings.storage.reserve_bytes,
        make=serving,
        upgrading=upgrading,
    )
    try:
        countries = open_countries(settings.clicks.geoip_db, store.directory)
        records = SystemTxtRecords() if records is None else records
        hasher = hasher or PasswordHasher()
        return await _wire(
            settings,
            in_force or InForce.fixed(settings),
            clock,
            random,
            store,
            prepared,
            countries,
            records,
            hasher,
            network,
            serving=serving,
        )
    except BaseException:
        store.close()
        raise


async def _wire(
    settings: Settings,
    in_force: InForce,
    clock: Clock,
    random: Random,
    store: Store,
    prepared: Prepared,
    countries: Countries | None,
    records: TxtRecords,
    hasher: PasswordHasher,
    network: Network | None,
    *,
    serving: bool,
) -> Services:
    timeline = await open_timeline(
        store,
        clock,
        jump=round(settings.storage.clock_jump_days * DAY),
        proof=round(settings.storage.clock_proof_hours * HOUR),
    )
    known = register if serving else recall
    hosts = await known(store, settings.public_url, settings.hosts, settings.web.url)
    hosts.take_options(settings.host.options)
    blocked = BlockedDestinations(store)
    hosts.names.blocks = blocked.blocks
    hashes = BlockHashes(await secret(store, "clients"))
    security = open_security(hasher, partial(kept_address, mode=settings.log.addresses), clock)
    limits = open_limits(store, settings, hashes, security.log.limited)
    visitors = open_visitors(settings, countries, may_parse=not prepared.are_all_bundled)
    mail = open_mail(store, settings, clock, timeline)
    flows = Flows(await secret(store, "flows"), random)
    issuers = open_issuers(settings.auth.oidc.issuers, settings.pages_url, flows, clock)
    accounts = open_accounts(store, settings, security, limits, hashes, random)
    clicks = await open_clicks(store, settings, visitors.country_of, replay=serving)
    plugins = await open_plugins(
        store,
        settings,
        prepared,
        hosts,
        clock,
        visitors.country_of,
        timeline,
        # Drawn in threads, too: what a test draws is not to depend on when.
        SystemRandom(),
        network,
    )
    if plugins.events.outbox.hears_clicks:
        clicks.drain.told = plugins.events.outbox.clicks
    metrics = Metrics(
        store,
        clicks.clicks.journal,
        mail.delivery,
        limits.budgets,
        settings.server.metrics_from,
        clock.now(),
    )
    metrics.register(PluginMetrics(plugins.plugins, plugins.events))
    metrics.register(GuessMetrics(security.guessing))
    metrics.register(limits.bodies)
    metrics.register(limits.holdings)
    metrics.register(limits.answers)
    check = checks(plugins.plugins, hosts)
    links = await open_links(
        store,
        settings,
        hosts,
        security,
        check,
        plugins.checks,
        clicks.clicks,
        accounts,
        hashes,
        random,
    )
    metrics.register(links.titles)
    visits = open_visits(store, settings, hosts, limits, visitors, plugins, clicks, metrics, random)
    sharing = await open_sharing(
        store,
        settings,
        security.guessing,
        limits,
        clicks,
        links.links,
        visits.visits,
        hashes,
        random,
    )
    metrics.register(RoomMetrics(store, clicks.clicks, sharing.files.blobs, timeline))
    upkeep = open_upkeep(
        store,
        settings,
        hasher,
        limits,
        links,
        sharing.files,
        hosts,
        clicks.clicks,
        timeline,
        clock,
        check,
        visitors.country_of,
    )
    metrics.register(ImportMetrics(upkeep.imports))
    hand_over(
        plugins.plugins,
        Rooms(store, hosts, limits, accounts, links, upkeep, check, clock),
    )
    accounts.sign_ins.heard = plugins.events.heard_of_sign_in
    services = Services(
        settings=settings,
        in_force=in_force,
        clock=clock,
        store=store,
        timeline=timeline,
        hosts=hosts,
        blocked=blocked,
        security=security,
        limits=limits,
        visitors=visitors,
        mail=mail,
        issuers=issuers,
        accounts=accounts,
        plugin_runtime=plugins,
        metrics=metrics,
        clicks=clicks,
        links=links,
        teams=open_teams(store, hosts, records, links, random),
        visits=visits,
        sharing=sharing,
        upkeep=upkeep,
    )
    if serving:
        services.upkeep.waiting.clear()
    return services
