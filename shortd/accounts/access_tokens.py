"""The tokens of Shorten World v1: an access token for an hour, and one that gets the next pair.

A username and an API key open a grant, which holds one valid pair at a time. A refresh puts
another pair in its place. A refresh token that was used before, and comes again, has been stolen
or copied: then the grant ends, for whoever holds any of its tokens (RFC 9700, 4.14.2). Tokens are
opaque, and stored hashed.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import msgspec

from shortd import errors
from shortd.accounts.accounts import account_called, label, typed_name, unlocked
from shortd.accounts.api_keys import note_use
from shortd.accounts.known_clients import is_known, note_client
from shortd.accounts.sign_ins import SignIns
from shortd.blocks import BlockHashes, block
from shortd.clock import DAY, SECOND
from shortd.ids import random_id, random_text, token_digest
from shortd.models.accounts import Account, ApiKey, Grant, GrantToken, Scope
from shortd.security.guessing import Guessing, Secret
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, API_KEYS, API_KEYS_BY_DIGEST, GRANT_TOKENS, GRANTS
from shortd.store.txn import Txn, WriteTxn

ACCESS_LIFETIME = 3600 * SECOND
REFRESH_LIFETIME = 7 * DAY
TOKEN_LENGTH = 43
"""Base-62 characters: 256 bits."""
GRANTS_PER_ACCOUNT = 500
"""Logins kept at a time; one more ends the oldest."""


class Bearer(NamedTuple):
    """Who comes with an access token, and what he may do."""

    account: Account
    scopes: tuple[Scope, ...]


class TokenPair(msgspec.Struct, frozen=True):
    """Both tokens, in the clear for the one answer that shows them."""

    access_token: str
    refresh_token: str
    expires_in: int
    """Whole seconds that the access token has left."""
    scopes: tuple[Scope, ...]


class AccessTokens:
    """The rules of v1 tokens over the store. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        guessing: Guessing,
        hashes: BlockHashes,
        sign_ins: SignIns,
        random: Random,
    ) -> None:
        self._store = store
        self._guessing = guessing
        self._hashes = hashes
        self._sign_ins = sign_ins
        self._random = random

    async def issue(
        self, username: str, key: str, address: str, now: int, user_agent: str = ""
    ) -> TokenPair:
        """A pair for the account of that username (or e-mail address, or userid).

        BAD_CREDENTIALS if there is none or the key is not its, LOGIN_LIMITED after many such;
        ACCOUNT_LOCKED.
        """
        client = self._hashes.of(block(address))
        self._check_key(username, key, address, client, now)
        grant_id, pair = random_id(self._random), self._draw()

        def open_grant(txn: WriteTxn) -> tuple[Account, TokenPair]:
            account, row = _key_of(txn, username, key, now)
            if account is None or row is None:
                raise _wrong_key()
            unlocked(account)
            _make_room(txn, row.userid)
            note_use(txn, row, now)
            note_client(txn, row.userid, client, now)
            return account, _put(txn, grant_id, row, pair, now, now)

        account, made = await self._store.write(open_grant, Reserve.QUARTER)
        self._sign_ins.tell(account, "key", address, user_agent)
        return made

    def _check_key(self, username: str, key: str, address: str, client: bytes, now: int) -> None:
        """Before anything is written: guesses cost no write."""
        with self._store.read() as txn:
            account, row = _key_of(txn, username, key, now)
            known = account is not None and is_known(txn, account.userid, client, now)
        subject = typed_name(username)
        with self._guessing.attempt_now(Secret.LOGIN, subject, address, known=known) as attempt:
            attempt.account = label(account)
            if account is None or row is None:
                raise _wrong_key()
            attempt.succeed()
            unlocked(account)

    async def refresh(self, refresh_token: str, now: int) -> TokenPair:
        """Another pair in the place of that which this token came with.

        BAD_CREDENTIALS if it is not valid, ACCOUNT_LOCKED.
        """
        digest, pair = token_digest(refresh_token), self._draw()

        def rotate(txn: WriteTxn) -> TokenPair | None:
            token = GRANT_TOKENS.get(txn, (digest,))
            grant = None if token is None else GRANTS.get(txn, (token.userid, token.grant))
            if token is None or grant is None or digest == grant.access:
                return None
            if digest != grant.refresh:
                GRANTS.delete(txn, (token.userid, token.grant))
                return None
            account, row = _holder(txn, grant, now)
            if account is None or row is None or grant.refresh_utime <= now:
                return None
            unlocked(account)
            note_use(txn, row, now)
            return _put(txn, token.grant, row, pair, grant.create_utime, now)

        issued = await self._store.write(rotate, Reserve.QUARTER)
        if issued is None:
            raise errors.BAD_CREDENTIALS("This refresh token is not valid.")
        return issued

    async def revoke(self, access_token: str, now: int) -> None:
        """Ends an access token with the refresh token that came with it. BAD_CREDENTIALS."""
        digest = token_digest(access_token)

        def end(txn: WriteTxn) -> None:
            token, _ = _current(txn, digest, now)
            GRANTS.delete(txn, (token.userid, token.grant))

        await self._store.write(end, Reserve.ALL)

    async def end(self, userid: str, grant: str) -> bool:
        """Ends what came of one v1 login of an account, by its id; whether there was one."""
        ended = await self._store.write(
            lambda txn: GRANTS.delete(txn, (userid, grant)), Reserve.ALL
        )
        return ended is not None

    def authenticate_bearer(self, access_token: str, now: int) -> Bearer:
        """Who comes with an access token. BAD_CREDENTIALS, ACCOUNT_LOCKED."""
        with self._store.read() as txn:
            _, grant = _current(txn, token_digest(access_token), now)
            account, row = _holder(txn, grant, now)
        if account is None or row is None:
            raise _invalid()
        return Bearer(unlocked(account), row.scopes)

    def _draw(self) -> tuple[str, str]:
        return random_text(self._random, TOKEN_LENGTH), random_text(self._random, TOKEN_LENGTH)


def _key_of(txn: Txn, username: str, key: str, now: int) -> tuple[Account | None, ApiKey | None]:
    """The account of that name, and the API key if it is good and that account's."""
    account = account_called(txn, username.strip())
    row = API_KEYS_BY_DIGEST.get(txn, (token_digest(key),))
    if account is None or row is None or row.userid != account.userid:
        return account, None
    return account, None if row.expiration_utime <= now else row


def _wrong_key() -> errors.ShortdError:
    return errors.BAD_CREDENTIALS("Wrong username or API key.")


def _current(txn: Txn, digest: bytes, now: int) -> tuple[GrantToken, Grant]:
    """An access token that is valid now, with its grant."""
    token = GRANT_TOKENS.get(txn, (digest,))
    grant = None if token is None else GRANTS.get(txn, (token.userid, token.grant))
    if token is None or grant is None or grant.access != digest or grant.access_utime <= now:
        raise _invalid()
    return token, grant


def _invalid() -> errors.ShortdError:
    return errors.BAD_CREDENTIALS("This access token is not valid.")


def _holder(txn: Txn, grant: Grant, now: int) -> tuple[Account | None, ApiKey | None]:
    """Account and API key of a grant, as far as they are still good."""
    row = API_KEYS.get(txn, (grant.userid, grant.api_key))
    if row is not None and row.expiration_utime <= now:
        row = None
    return ACCOUNTS.get(txn, (grant.userid,)), row


def _put(
    txn: WriteTxn, grant_id: str, key: ApiKey, pair: tuple[str, str], created: int, now: int
) -> TokenPair:
    """Puts a pair into a grant. Digests of earlier ones stay for as long as they would have
    lived, so that they are known when they come again."""
    access, refresh = pair
    access_utime = min(now + ACCESS_LIFETIME, key.expiration_utime)
    refresh_utime = min(now + REFRESH_LIFETIME, key.expiration_utime)
    grant = Grant(
        userid=key.userid,
        api_key=key.id,
        create_utime=created,
        access=token_digest(access),
        access_utime=access_utime,
        refresh=token_digest(refresh),
        refresh_utime=refresh_utime,
    )
    GRANTS.put(txn, (key.userid, grant_id), grant)
    for digest, until in ((grant.access, access_utime), (grant.refresh, refresh_utime)):
        GRANT_TOKENS.put(txn, (digest,), GrantToken(key.userid, grant_id, until))
    return TokenPair(access, refresh, (access_utime - now) // SECOND, key.scopes)


def _make_room(txn: WriteTxn, userid: str) -> None:
    grants = sorted(GRANTS.scan(txn, (userid,)), key=lambda row: row[1].create_utime)
    for key, _ in grants[: max(0, len(grants) - GRANTS_PER_ACCOUNT + 1)]:
        GRANTS.delete(txn, key)
