"""Logins: who may act for an account, and the password that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec

from shortd import errors
from shortd.accounts import ID_LENGTH, find_account, unlocked
from shortd.codes import end_code
from shortd.ids import random_text, token_digest
from shortd.limits import client_key
from shortd.models import Account, AccountType, MailPurpose
from shortd.passwords import PasswordHasher
from shortd.settings import LimitSettings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, TOKENS
from shortd.store.txn import WriteTxn
from shortd.throttle import LoginThrottle
from shortd.tokens import Login, end_tokens, put_token


class Logins:
    """The rules of logins over the store. Times are Unix µs, passwords 64 hex digits."""

    def __init__(
        self, store: Store, limits: LimitSettings, hasher: PasswordHasher, random: Random
    ) -> None:
        self._store = store
        self._limits = limits
        self._hasher = hasher
        self._random = random
        self._throttle = LoginThrottle()

    def authenticate(self, userid: str, token: str | None, now: int) -> Account:
        """The account that these credentials prove.

        A temporary account's userid is its credential; others need a valid token.
        Raises BAD_CREDENTIALS, TOKEN_REQUIRED, ACCOUNT_EXPIRED or ACCOUNT_LOCKED.
        """
        with self._store.read() as txn:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None:
                raise errors.BAD_CREDENTIALS(field="userid")
            if account.type is AccountType.TEMPORARY:
                if account.expiration_utime <= now:
                    raise errors.ACCOUNT_EXPIRED(field="userid")
                return unlocked(account)
            if token is None:
                raise errors.TOKEN_REQUIRED(field="token")
            login = TOKENS.get(txn, (userid, token_digest(token)))
        if login is None or login.expiration_utime <= now:
            raise errors.BAD_CREDENTIALS(field="token")
        return unlocked(account)

    async def log_in(self, name: str, password: str, address: str, now: int) -> Login:
        """A new token for the account of that username or e-mail address.

        Unknown names take as long as wrong passwords and answer alike: BAD_CREDENTIALS.
        ACCOUNT_LOCKED for the right one; BUSY when too many passwords wait to be checked.
        """
        with self._store.read() as txn:
            account = find_account(txn, name.strip())
        await self._check_password(account, name.strip().casefold(), password, address, now)
        if account is None:
            raise errors.BAD_CREDENTIALS()
        token = random_text(self._random, ID_LENGTH)

        def issue(txn: WriteTxn) -> Account:
            current = ACCOUNTS.get(txn, (account.userid,))
            if current is None or current.password != account.password:
                raise errors.BAD_CREDENTIALS()
            unlocked(current)
            lifetime = self._limits.token_lifetime(current.type)
            put_token(txn, current.userid, token, now, lifetime)
            return current

        return Login(await self._store.write(issue), token)

    async def log_out(self, userid: str, token: str) -> None:
        """Ends one login."""
        await self._store.write(lambda txn: TOKENS.delete(txn, (userid, token_digest(token))))

    async def change_password(
        self,
        account: Account,
        token: str,
        *,
        password: str,
        new_passwords: Sequence[str],
        address: str,
        now: int,
    ) -> None:
        """Sets a new password and ends every other login.

        BAD_CREDENTIALS if `password` is not the current one.
        """
        await self._check_password(account, account.userid, password, address, now)
        new = await self._hasher.hash(new_passwords)

        def change(txn: WriteTxn) -> None:
            current = ACCOUNTS.get(txn, (account.userid,))
            if current is None or current.password != account.password:
                raise errors.BAD_CREDENTIALS(field="password")
            ACCOUNTS.put(txn, (account.userid,), msgspec.structs.replace(current, password=new))
            end_tokens(txn, account.userid, keep=token)
            # A link that was mailed for the old password must not open the account any more.
            end_code(txn, account.userid, MailPurpose.RESET)

        await self._store.write(change)

    async def _check_password(
        self, account: Account | None, name: str, password: str, address: str, now: int
    ) -> None:
        # One record for an account, by whatever name it is tried.
        name = account.userid if account else name
        address = client_key(address)
        delay = self._throttle.delay(name, address, now)
        if delay:
            await asyncio.sleep(delay)
        if not await self._hasher.verify(account.password if account else None, password):
            self._throttle.failed(name, address, now)
            raise errors.BAD_CREDENTIALS(field="password")
        self._throttle.succeeded(name, address, now)
