"""Endings like one that is taken, for who has wished for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from shortd.clock import SECOND
from shortd.hosts import Hosts
from shortd.links.addresses import CODE_PATTERN
from shortd.links.finding import in_the_way
from shortd.store import Store

TRIED = 40
"""Endings that are looked up, at most."""


def is_free(store: Store, hosts: Hosts, host: int, ending: str) -> bool:
    """Whether no link has it."""
    with store.read() as txn:
        return in_the_way(txn, hosts, host, ending) is None


def free_like(
    store: Store, hosts: Hosts, host: int, ending: str, now: int, *, count: int = 3
) -> list[str]:
    """Up to `count` endings that no link has, in the order in which people would think of them."""
    found: list[str] = []
    with store.read() as txn:
        for tried, other in enumerate(_like(ending, now)):
            if len(found) == count or tried == TRIED:
                break
            fits = CODE_PATTERN.fullmatch(other) and other not in found
            if fits and in_the_way(txn, hosts, host, other) is None:
                found.append(other)
    return found


def _like(ending: str, now: int) -> Iterator[str]:
    year = datetime.fromtimestamp(now // SECOND, UTC).year
    yield f"{ending}{year % 100:02}"
    yield f"{ending}-2"
    yield ending.removesuffix("s") if ending.endswith("s") else f"{ending}s"
    yield f"{ending}{year}"
    for number in range(3, TRIED):
        yield f"{ending}-{number}"
