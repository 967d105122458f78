"""API keys: what programs prove an account with, at Shorten World v1 and at sqwish.

A key is shown once, when it is made. It has 165 bits of its own, so that a plain hash of it is
enough to keep.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.accounts.accounts import registered, unlocked
from shortd.accounts.uses import USE_NOTED, Uses
from shortd.ids import random_id, token_digest
from shortd.models.accounts import Account, ApiKey, Scope
from shortd.models.common import NEVER
from shortd.names import check_name
from shortd.security.guessing import Guessing, Secret
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, API_KEYS, API_KEYS_BY_DIGEST, GRANTS
from shortd.store.txn import Txn, WriteTxn

KEY_LENGTH = 32
KEY_ALPHABET = string.ascii_lowercase + string.digits
KEYS_PER_ACCOUNT = 100


class NewKey(NamedTuple):
    """A key's row, and the key in the clear for the one answer that shows it."""

    row: ApiKey
    key: str


class ApiKeys:
    """The rules of API keys over the store. Times are Unix µs."""

    def __init__(self, store: Store, guessing: Guessing, random: Random) -> None:
        self._store = store
        self._guessing = guessing
        self._random = random
        self.uses: Uses[tuple[str, str], ApiKey] = Uses(store, API_KEYS)

    async def create(
        self,
        account: Account,
        name: str,
        scopes: Iterable[Scope],
        now: int,
        expiration_utime: int = NEVER,
    ) -> NewKey:
        """Makes a key. INVALID_FIELD, NOT_REGISTERED for a temporary account, QUOTA_EXCEEDED."""
        wanted = set(scopes)
        if not wanted:
            raise errors.INVALID_FIELD("A key allows something.", field="scopes")
        key = "".join(self._random.choices(KEY_ALPHABET, k=KEY_LENGTH))
        row = ApiKey(
            id=random_id(self._random),
            userid=account.userid,
            digest=token_digest(key),
            name=check_name(name),
            scopes=tuple(scope for scope in Scope if scope in wanted),
            create_utime=now,
            expiration_utime=expiration_utime,
        )

        def keep(txn: WriteTxn) -> None:
            registered(txn, account.userid)
            if len(_rows(txn, account.userid)) >= KEYS_PER_ACCOUNT:
                raise errors.QUOTA_EXCEEDED(
                    "An account has at most %(most)s API keys.", most=KEYS_PER_ACCOUNT
                )
            API_KEYS.put(txn, (account.userid, row.id), row)

        await self._store.write(keep)
        return NewKey(row, key)

    def of_account(self, account: Account) -> list[ApiKey]:
        """An account's keys, the newest first, ended ones among them."""
        with self._store.read() as txn:
            rows = _rows(txn, account.userid)
        return sorted(rows, key=lambda row: (row.create_utime, row.id), reverse=True)

    async def delete(self, account: Account, key_id: str) -> None:
        """Ends a key, and with it the v1 tokens that it gave. KEY_NOT_FOUND."""

        def drop(txn: WriteTxn) -> None:
            if API_KEYS.delete(txn, (account.userid, key_id)) is None:
                raise errors.KEY_NOT_FOUND(field="id")
            for key, grant in list(GRANTS.scan(txn, (account.userid,))):
                if grant.api_key == key_id:
                    GRANTS.delete(txn, key)

        await self._store.write(drop, Reserve.ALL)

    def find(self, key: str, address: str, now: int) -> tuple[Account, ApiKey]:
        """Whose key this is. BAD_CREDENTIALS if nobody's or if its time is up, LOGIN_LIMITED for an
        address that named many such; ACCOUNT_LOCKED."""
        digest = token_digest(key)
        with self._guessing.attempt_now(Secret.API_KEY, digest.hex(), address) as attempt:
            with self._store.read() as txn:
                row = API_KEYS_BY_DIGEST.get(txn, (digest,))
                account = None if row is None else ACCOUNTS.get(txn, (row.userid,))
            if row is None or account is None or row.expiration_utime <= now:
                raise errors.BAD_CREDENTIALS("This API key is not valid.", field="key")
            attempt.succeed()
        self.uses.note((row.userid, row.id), row.use_utime, now)
        return unlocked(account), row


def note_use(txn: WriteTxn, row: ApiKey, now: int) -> None:
    """Notes a use of a key where something is written anyway."""
    if row.use_utime <= now - USE_NOTED:
        used = msgspec.structs.replace(row, use_utime=now)
        API_KEYS.put(txn, (row.userid, row.id), used)


def need_scope(scopes: Iterable[Scope], scope: Scope) -> None:
    """SCOPE_REQUIRED unless it is among those that a key has."""
    if scope not in scopes:
        raise errors.SCOPE_REQUIRED()


def _rows(txn: Txn, userid: str) -> list[ApiKey]:
    return [row for _, row in API_KEYS.scan(txn, (userid,))]
