"""Fresh proofs: before the ways to sign in change, who is signed in proves himself once more.

A sign-in is one for ten minutes, and so is the password, or a passkey, that is given again.
Functions over an open transaction.
"""

from __future__ import annotations

import msgspec

from shortd import errors
from shortd.clock import MINUTE
from shortd.ids import token_digest
from shortd.store.schema import TOKENS
from shortd.store.txn import Txn, WriteTxn

PROOF_LASTS = 10 * MINUTE
"""µs."""


def is_proven(txn: Txn, userid: str, token: str | None, now: int) -> bool:
    """Whether the holder of this login has proved himself lately. Without a token nobody has."""
    login = None if token is None else TOKENS.get(txn, (userid, token_digest(token)))
    return login is not None and now - PROOF_LASTS < login.proof_utime <= now


def demand_proof(txn: Txn, userid: str, token: str | None, now: int) -> None:
    """PROOF_REQUIRED unless he has."""
    if not is_proven(txn, userid, token, now):
        raise errors.PROOF_REQUIRED()


def note_proof(txn: WriteTxn, userid: str, token: str, now: int) -> None:
    """Notes that he has. BAD_CREDENTIALS for a login that has ended."""
    key = (userid, token_digest(token))
    login = TOKENS.get(txn, key)
    if login is None:
        raise errors.BAD_CREDENTIALS(field="token")
    TOKENS.put(txn, key, msgspec.structs.replace(login, proof_utime=now))
