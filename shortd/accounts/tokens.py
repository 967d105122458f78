"""The tokens of v2 logins.

Functions over an open write transaction, for the services that own accounts and passwords.
`credentials` ends them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

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


How = Literal["password", "issuer", "passkey", "proxy", "link", "plugin", "key", ""]
"""Ways to sign in. "key" is an API key that has made a login; empty is no way: who has signed in
already has made a login for a program."""


class Proof(NamedTuple):
    """What a login is opened on, beside what every login has."""

    utime: int = 0
    """When its owner proved himself, in Unix µs; 0 if nobody knows."""
    issuer: str = ""
    """On whose word, by the name that the settings give the issuer; empty for nobody's."""
    vouched: bool = False
    """Whether it is on another's word at all."""
    how: How = "password"
    """By which way he came."""


OWN = Proof()
"""Of a program that has sent the account's own credentials."""


def put_token(
    txn: WriteTxn,
    userid: str,
    token: str,
    now: int,
    lifetime: int,
    client: Client,
    proof: Proof = OWN,
) -> None:
    """Keeps a new token of a client's for `lifetime` µs, and ends what is beyond
    `TOKENS_PER_ACCOUNT`."""
    logins = list(TOKENS.scan(txn, (userid,)))
    logins.sort(key=lambda login: login[1].create_utime, reverse=True)
    for key, _ in logins[TOKENS_PER_ACCOUNT - 1 :]:
        TOKENS.delete(txn, key)
    row = Token(
        userid,
        now,
        now + lifetime,
        client.user_agent,
        client.address,
        proof_utime=proof.utime,
        vouched=proof.vouched,
        issuer=proof.issuer,
    )
    TOKENS.put(txn, (userid, token_digest(token)), row)
    note_client(txn, userid, client.hash, now)
