"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from shortd.clicks.services import ClickServices
from shortd.hosts import Hosts
from shortd.ids import random_text
from shortd.limits.services import LimitServices
from shortd.metrics import Metrics
from shortd.models.links import Forwarding
from shortd.plugin_runtime.services import PluginServices
from shortd.settings import Settings
from shortd.store import Store
from shortd.visitors.services import VisitorServices
from shortd.visits.request_heads import RequestHeads
from shortd.visits.resolver import Resolver
from shortd.visits.visits import Visits

NONCE_LENGTH = 22
"""Base-62 characters of a page's nonce: 131 bits."""


@dataclass(frozen=True)
class VisitServices:
    """What a visit gets, and what its headers say."""

    resolver: Resolver
    visits: Visits
    heads: RequestHeads


def open_visits(
    store: Store,
    settings: Settings,
    hosts: Hosts,
    limits: LimitServices,
    visitors: VisitorServices,
    plugins: PluginServices,
    clicks: ClickServices,
    metrics: Metrics,
    random: Random,
) -> VisitServices:
    """Wires them."""
    nonce: Callable[[], str] = partial(random_text, random, NONCE_LENGTH)
    resolver = Resolver(
        store,
        hosts,
        limits.owners,
        clicks.clicks,
        limits.budgets,
        plugins.deciders,
        nonce,
        visitors.country_of,
        visitors.city_of,
        at_length=plugins.events.hear_all_clicks,
        forwarding=Forwarding.VISITOR if settings.links.forward_query else Forwarding.NO,
        robots=settings.links.robots,
    )
    visits = Visits(
        resolver,
        clicks.clicks,
        limits.budgets,
        metrics,
        plugins.events,
        clicks.sightings,
        settings.clicks.ip,
    )
    return VisitServices(resolver, visits, RequestHeads(hosts, visitors.proxies))
