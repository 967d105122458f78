"""From where an account was logged in to before: who comes from there is not slowed by strangers.

For that, addresses are stored as keyed hashes. A login tells its owner more, as far as the settings
let it be kept. This must never let anybody in: it only says whose attempt goes first.
"""

from __future__ import annotations

from typing import NamedTuple

from shortd.blocks import BlockHashes, block
from shortd.clock import DAY
from shortd.models.accounts import KnownClient
from shortd.store.schema import KNOWN_CLIENTS
from shortd.store.txn import Txn, WriteTxn
from shortd.visitors.visitors import kept_address

KNOWN_FOR = 90 * DAY
"""µs from the last login on."""
CLIENTS_PER_ACCOUNT = 20
"""Kept of an account, the latest."""

USER_AGENT_LENGTH = 256
"""Characters of a user agent that a login keeps."""


class Client(NamedTuple):
    """From where somebody logs in, as it is stored."""

    hash: bytes
    """Of the block of addresses that it belongs to."""
    address: str = ""
    """As `[clicks] ip` lets it be kept."""
    user_agent: str = ""


class Clients:
    """Makes them. `hashes` names clients on the disk; `mode` is `[clicks] ip`."""

    def __init__(self, hashes: BlockHashes, mode: str) -> None:
        self._hashes = hashes
        self._mode = mode

    def of(self, address: str, user_agent: str = "") -> Client:
        return Client(
            self._hashes.of(block(address)),
            kept_address(address, self._mode),
            "".join(filter(str.isprintable, user_agent))[:USER_AGENT_LENGTH],
        )


def is_known(txn: Txn, userid: str, client: bytes, now: int) -> bool:
    """Whether the account was logged in to from this address lately; `client` is its hash."""
    row = KNOWN_CLIENTS.get(txn, (userid, client))
    return row is not None and not is_over(row, now)


def is_over(row: KnownClient, now: int) -> bool:
    return row.utime <= now - KNOWN_FOR


def note_client(txn: WriteTxn, userid: str, client: bytes, now: int) -> None:
    """Notes a login."""
    KNOWN_CLIENTS.put(txn, (userid, client), KnownClient(now))
    rows = sorted(KNOWN_CLIENTS.scan(txn, (userid,)), key=lambda item: item[1].utime, reverse=True)
    for key, _ in rows[CLIENTS_PER_ACCOUNT:]:
        KNOWN_CLIENTS.delete(txn, key)
