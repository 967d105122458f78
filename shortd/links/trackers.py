"""The trackers of links as v1 knows them: each with an id and a time of its own.

What a link's trackers are is its data of the plugin `trackers`, whoever sets it. The rows here
follow it in the same transaction, and must never say anything else.
"""

from __future__ import annotations

from random import Random

import msgspec

from shortd.ids import random_id
from shortd.models.links import Link, LinkTracker
from shortd.store.schema import LINK_TRACKERS, LINK_TRACKERS_BY_LINK
from shortd.store.txn import Txn, WriteTxn

PLUGIN = "trackers"


class Tracker(msgspec.Struct, frozen=True):
    """A provider and the owner's id there, as the plugin has them."""

    provider: str
    id: str


class TrackersData(msgspec.Struct, frozen=True):
    """A link's data of the plugin, as far as it matters here."""

    trackers: tuple[Tracker, ...] = ()


_decode = msgspec.msgpack.Decoder(TrackersData).decode


def trackers_in(link: Link) -> tuple[Tracker, ...]:
    """The trackers in a link's data of the plugin; none where there is nothing to be read."""
    raw = link.plugins.get(PLUGIN) if link.plugins else None
    try:
        return _decode(raw).trackers if raw is not None else ()
    except msgspec.MsgspecError:
        # Of another version of the plugin.
        return ()


def rows_of(txn: Txn, link_id: int) -> list[LinkTracker]:
    """A link's trackers, the oldest first."""
    keys = LINK_TRACKERS_BY_LINK.keys(txn, (link_id,))
    rows = (LINK_TRACKERS.get(txn, (key[2],)) for key in keys)
    return [row for row in rows if row is not None]


def sync_link_trackers(txn: WriteTxn, link: Link, random: Random, now: int) -> None:
    """Makes the rows say what the link's data of the plugin says; what stays keeps its id."""
    wanted = {(one.provider, one.id) for one in trackers_in(link)}
    known = set()
    for row in rows_of(txn, link.id):
        if (row.provider, row.code) in wanted:
            known.add((row.provider, row.code))
        else:
            LINK_TRACKERS.delete(txn, (row.id,))
    for one in trackers_in(link):
        if (one.provider, one.id) not in known:
            known.add((one.provider, one.id))
            row = LinkTracker(random_id(random), link.id, one.provider, one.id, now)
            LINK_TRACKERS.put(txn, (row.id,), row)


def drop_link_trackers(txn: WriteTxn, link_id: int) -> None:
    """Removes the rows of a link that goes."""
    for row in rows_of(txn, link_id):
        LINK_TRACKERS.delete(txn, (row.id,))
