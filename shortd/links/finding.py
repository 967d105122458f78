"""Finding the link that a code names: as it was sent, as it is kept, and on some hosts whatever its
case. For visits, APIs and whoever makes a link alike.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from msgspec import structs

from shortd.hosts import Hosts
from shortd.link_codes import (
    MOST_BYTES,
    MOST_CHARACTERS,
    composed,
    fold_digest,
    folded,
    is_short,
    spellings,
)
from shortd.links.addresses import Named, readings
from shortd.models.accounts import DELETED
from shortd.models.links import Link
from shortd.store import Store
from shortd.store.schema import LINKS, LINKS_BY_FOLD
from shortd.store.txn import Txn


def find(txn: Txn, hosts: Hosts, host: int, code: str) -> Link | None:
    """The link that a visit or a call means by a code: exactly that one, else, on a host that
    ignores case, the oldest of those that are spelled alike. One that is deleted gives way to them.

    Any text may be asked for.
    """
    link = exactly(txn, host, code)
    if link is not None and link.owner != DELETED:
        return link
    if not hosts.options_of(host).ignore_case:
        return link
    return next((one for one in _alike(txn, host, code) if one.owner != DELETED), link)


def asked_for(store: Store, hosts: Hosts, host: int, text: str) -> Named | None:
    """What a visit asks for of a link that is there, by what stands behind the path's slash; None
    if it means none. The code is the link's own.
    """
    with store.read() as txn:
        for named in readings(text):
            link = find(txn, hosts, host, named.code)
            if link is not None and link.owner != DELETED:
                return structs.replace(named, code=link.code)
    return None


def exactly(txn: Txn, host: int, code: str) -> Link | None:
    """The link with that code; None for what can be no code."""
    kept: str | None = code
    if not code.isascii():
        kept = composed(code)
    elif len(code) > MOST_BYTES or "\0" in code:
        return None
    return None if kept is None else LINKS.get(txn, (host, kept))


def in_the_way(
    txn: Txn, hosts: Hosts, host: int, code: str, *, but: int | None = None
) -> Link | None:
    """The link that keeps another from having a code: it has that one, or on a host that ignores
    case one that is spelled alike. `code` is one that can be kept, `but` the id of a link that is
    to get it.
    """
    link = LINKS.get(txn, (host, code))
    if link is not None or not hosts.options_of(host).ignore_case:
        return link
    return next((one for one in _alike(txn, host, code) if one.id != but), None)


def _alike(txn: Txn, host: int, code: str) -> Iterator[Link]:
    """Links whose codes differ in case alone from this one, the oldest first."""
    if len(code) > MOST_CHARACTERS:
        return
    try:
        # In another case it may be longer than a code can be.
        wanted, digest = folded(code), fold_digest(code)
    except UnicodeEncodeError:
        return
    short: list[Link] = []
    if is_short(wanted):
        short = LINKS.all_of(txn, [(host, one) for one in spellings(wanted)])
        short.sort(key=_age)
    rows = LINKS_BY_FOLD.rows(txn, (host, digest))
    others = (link for _, link in rows if folded(link.code) == wanted)
    yield from heapq.merge(short, others, key=_age)


def _age(link: Link) -> tuple[int, int]:
    return link.utime, link.id
