"""The tokens of v2 logins: issuing them, and ending them.

Functions over an open write transaction, for the services that own accounts and passwords.
"""

from __future__ import annotations

from typing import NamedTuple

from shortd.ids import token_digest
from shortd.models import Account, Token
from shortd.store.schema import TOKENS
from shortd.store.txn import WriteTxn

TOKENS_PER_ACCOUNT = 500
"""Logins kept at a time; one more ends the oldest, so scripts that never log out cannot pile up."""


class Login(NamedTuple):
    """An account and a fresh token for it, in the clear for the one answer that shows it."""

    account: Account
    token: str


def put_token(txn: WriteTxn, userid: str, token: str, now: int, lifetime: int) -> None:
    """Keeps a new token for `lifetime` µs, and ends what is beyond `TOKENS_PER_ACCOUNT`."""
    logins = list(TOKENS.scan(txn, (userid,)))
    logins.sort(key=lambda login: login[1].create_utime, reverse=True)
    for key, row in logins[: TOKENS_PER_ACCOUNT - 1]:
        if row.expiration_utime <= now:
            TOKENS.delete(txn, key)
    for key, _ in logins[TOKENS_PER_ACCOUNT - 1 :]:
        TOKENS.delete(txn, key)
    TOKENS.put(txn, (userid, token_digest(token)), Token(userid, now, now + lifetime))


def end_tokens(txn: WriteTxn, userid: str, keep: str | None = None) -> None:
    """Ends all logins of an account but the one whose token is to be kept."""
    kept = None if keep is None else (userid, token_digest(keep))
    for key in [key for key, _ in TOKENS.scan(txn, (userid,)) if key != kept]:
        TOKENS.delete(txn, key)
