"""The services of this room, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shortd.blocks import BlockHashes
from shortd.limits.answers import Answers
from shortd.limits.bodies import BodyPool
from shortd.limits.budgets import Budgets
from shortd.limits.holdings import Holdings
from shortd.limits.lookups import Lookups
from shortd.limits.owner_cache import OwnerCache
from shortd.limits.repeats import Repeats
from shortd.settings import Settings
from shortd.store import Store


@dataclass(frozen=True)
class LimitServices:
    """What is left to spend, and of whom."""

    budgets: Budgets
    owners: OwnerCache
    lookups: Lookups
    bodies: BodyPool
    holdings: Holdings
    answers: Answers
    repeats: Repeats


def open_limits(
    store: Store, settings: Settings, hashes: BlockHashes, tell: Callable[[str, str], None]
) -> LimitServices:
    """Wires them. `hashes` names clients on the disk; `tell` is that of `Budgets`."""
    budgets = Budgets(store, settings.limits, hashes, tell)
    return LimitServices(
        budgets,
        OwnerCache(store, budgets),
        Lookups(budgets),
        BodyPool(settings.server.body_bytes, settings.server.client_body_bytes),
        Holdings(store, settings, hashes),
        Answers(settings.server),
        Repeats(store, settings.storage.map_bytes),
    )
