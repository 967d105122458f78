"""The tokens of v2 logins.

Functions over an open write transaction, for the services that own accounts and passwords.
`credentials` ends them.
"""

from __future__ import annotations

from typing import NamedTuple

from shortd.accounts.known_clients import Client, note_client
from shortd.ids import token_digest
from shortd.models.accounts import Account, Token
from shortd.store.schema import TOKENS
from shortd.store.txn import WriteTxn

TOKENS_PER_ACCOUNT = 500
"""Logins kept at a time; one more ends the oldest, so scripts that never log out cannot pile up."""


class Login(NamedTuple):
    """An account and a fresh token for it, in the clear for the one answer that shows it."""

    account: Account
    token: str


def put_token(
    txn: WriteTxn,
    userid: str,
    token: str,
    now: int,
    lifetime: int,
    client: Client,
    *,
    vouched: bool = False,
) -> None:
    """Keeps a new token of a client's for `lifetime` µs, and ends what is beyond
    `TOKENS_PER_ACCOUNT`. `vouched`: an issuer has said who it is."""
    logins = list(TOKENS.scan(txn, (userid,)))
    logins.sort(key=lambda login: login[1].create_utime, reverse=True)
    for key, _ in logins[TOKENS_PER_ACCOUNT - 1 :]:
        TOKENS.delete(txn, key)
    row = Token(userid, now, now + lifetime, client.user_agent, client.address, vouched=vouched)
    TOKENS.put(txn, (userid, token_digest(token)), row)
    note_client(txn, userid, client.hash, now)
