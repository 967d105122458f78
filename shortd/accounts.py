"""Accounts and their logins: making, converting, authenticating, changing passwords.

Every rule is checked twice where a slow step lies between: once before hashing, to answer
cheaply, and once inside the write transaction, which is what decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import msgspec
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from shortd import errors
from shortd.clock import DAY
from shortd.ids import random_text, token_digest
from shortd.limits import client_key
from shortd.models import ACCOUNT_NEVER, Account, AccountType, Token
from shortd.owners import Owners
from shortd.passwords import PasswordHasher
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, ACCOUNTS_BY_EMAIL, ACCOUNTS_BY_USERNAME, TOKENS
from shortd.store.table import Txn, WriteTxn
from shortd.throttle import LoginThrottle

ID_LENGTH = 32
"""Characters of a userid and of a token."""
NAME_BYTES = 400
"""Most UTF-8 bytes of a case-folded username or e-mail address: they are database keys."""
TOKENS_PER_ACCOUNT = 500
"""Logins kept at a time; one more ends the oldest, so scripts that never log out cannot pile up."""

# The library's documented switch: names such as nas.local mean something at home.
SPECIAL_USE_DOMAIN_NAMES.clear()


class Login(NamedTuple):
    """An account and a fresh token for it, in the clear for the one answer that shows it."""

    account: Account
    token: str


class Accounts:
    """The rules of accounts over the store. Times are Unix µs, passwords 64 hex digits."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        hasher: PasswordHasher,
        owners: Owners,
        random: Random,
    ) -> None:
        self._store = store
        self._settings = settings
        self._hasher = hasher
        self._owners = owners
        self._random = random
        self._throttle = LoginThrottle()

    def authenticate(self, userid: str, token: str | None, now: int) -> Account:
        """The account that these credentials prove.

        A temporary account's userid is its credential; others need a valid token.
        Raises BAD_CREDENTIALS, TOKEN_REQUIRED or ACCOUNT_EXPIRED.
        """
        with self._store.read() as txn:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None:
                raise errors.BAD_CREDENTIALS(field="userid")
            if account.type is AccountType.TEMPORARY:
                if account.expiration_utime <= now:
                    raise errors.ACCOUNT_EXPIRED(field="userid")
                return account
            if token is None:
                raise errors.TOKEN_REQUIRED(field="token")
            login = TOKENS.get(txn, (userid, token_digest(token)))
        if login is None or login.expiration_utime <= now:
            raise errors.BAD_CREDENTIALS(field="token")
        return account

    async def create_temporary(self, now: int) -> Account:
        """A new temporary account. Raises SIGNUP_CLOSED where they are switched off."""
        if not self._settings.accounts.temporary:
            raise errors.SIGNUP_CLOSED()
        account = Account(
            userid=random_text(self._random, ID_LENGTH),
            type=AccountType.TEMPORARY,
            create_utime=now,
            expiration_utime=now + round(self._settings.accounts.temporary_days * DAY),
        )
        await self._store.write(lambda txn: ACCOUNTS.put(txn, (account.userid,), account))
        return account

    async def sign_up(
        self,
        *,
        email: str,
        username: str,
        passwords: Sequence[str],
        temporary_userid: str | None,
        now: int,
    ) -> Login:
        """Registers an account, or turns a temporary one into a registered one.

        `passwords` holds the password's derivations, one or two. Raises INVALID_FIELD,
        EMAIL_TAKEN, USERNAME_TAKEN, SIGNUP_CLOSED, BUSY; BAD_CREDENTIALS or
        ACCOUNT_EXPIRED for a `temporary_userid` that is no temporary account.
        """
        if not self._settings.accounts.signup:
            raise errors.SIGNUP_CLOSED()
        email = normalize_email(email)
        username = normalize_username(username)
        with self._store.read() as txn:
            self._check_free(txn, email, username)
            self._convertible(txn, temporary_userid, now)
        password = await self._hasher.hash(passwords)
        userid = random_text(self._random, ID_LENGTH)
        token = random_text(self._random, ID_LENGTH)

        def register(txn: WriteTxn) -> Account:
            self._check_free(txn, email, username)
            old = self._convertible(txn, temporary_userid, now)
            account = Account(
                userid=old.userid if old else userid,
                type=AccountType.REGISTERED,
                create_utime=old.create_utime if old else now,
                expiration_utime=ACCOUNT_NEVER,
                email=email,
                username=username,
                password=password,
            )
            ACCOUNTS.put(txn, (account.userid,), account)
            self._put_token(txn, account, token, now)
            return account

        account = await self._store.write(register)
        self._owners.forget(account.userid)
        return Login(account, token)

    async def log_in(self, name: str, password: str, address: str, now: int) -> Login:
        """A new token for the account of that username or e-mail address.

        Unknown names take as long as wrong passwords and answer alike: BAD_CREDENTIALS.
        BUSY when too many passwords wait to be checked.
        """
        with self._store.read() as txn:
            account = self._find(txn, name.strip())
        await self._check_password(account, name.strip().casefold(), password, address, now)
        if account is None:
            raise errors.BAD_CREDENTIALS()
        token = random_text(self._random, ID_LENGTH)

        def issue(txn: WriteTxn) -> Account:
            current = ACCOUNTS.get(txn, (account.userid,))
            if current is None or current.password != account.password:
                raise errors.BAD_CREDENTIALS()
            self._put_token(txn, current, token, now)
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
            keep = (account.userid, token_digest(token))
            for key in [key for key, _ in TOKENS.scan(txn, (account.userid,)) if key != keep]:
                TOKENS.delete(txn, key)

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

    def named(self, name: str) -> Account | None:
        """The account of that userid, username or e-mail address."""
        with self._store.read() as txn:
            return ACCOUNTS.get(txn, (name,)) or self._find(txn, name.strip())

    def _find(self, txn: Txn, name: str) -> Account | None:
        key = (name.casefold(),)
        if not name or not name.isprintable() or len(key[0].encode()) > NAME_BYTES:
            return None
        # A username never holds an "@", so no name can be both.
        return ACCOUNTS_BY_EMAIL.get(txn, key) or ACCOUNTS_BY_USERNAME.get(txn, key)

    def _check_free(self, txn: Txn, email: str, username: str) -> None:
        if ACCOUNTS_BY_EMAIL.has(txn, (email.casefold(),)):
            raise errors.EMAIL_TAKEN(field="email")
        if username and ACCOUNTS_BY_USERNAME.has(txn, (username.casefold(),)):
            raise errors.USERNAME_TAKEN(field="username")

    def _convertible(self, txn: Txn, userid: str | None, now: int) -> Account | None:
        if userid is None:
            return None
        account = ACCOUNTS.get(txn, (userid,))
        if account is None or account.type is not AccountType.TEMPORARY:
            raise errors.BAD_CREDENTIALS("This is not a temporary account.", field="userid")
        if account.expiration_utime <= now:
            raise errors.ACCOUNT_EXPIRED(field="userid")
        return account

    def _put_token(self, txn: WriteTxn, account: Account, token: str, now: int) -> None:
        logins = list(TOKENS.scan(txn, (account.userid,)))
        logins.sort(key=lambda login: login[1].create_utime, reverse=True)
        for key, row in logins[: TOKENS_PER_ACCOUNT - 1]:
            if row.expiration_utime <= now:
                TOKENS.delete(txn, key)
        for key, _ in logins[TOKENS_PER_ACCOUNT - 1 :]:
            TOKENS.delete(txn, key)
        days = self._settings.limits.of(account.type).token_days
        login = Token(account.userid, now, now + round(days * DAY))
        TOKENS.put(txn, (account.userid, token_digest(token)), login)


def normalize_email(email: str) -> str:
    """The address without surrounding white space, its domain in lower case.

    INVALID_FIELD unless it is an address as RFC 5321 and 6531 have it. Whether the domain
    takes mail is not asked: a home network's own names are welcome.
    """
    try:
        normalized = validate_email(
            email.strip(), check_deliverability=False, globally_deliverable=False
        ).normalized
    except EmailNotValidError as refusal:
        raise errors.INVALID_FIELD(str(refusal), field="email") from None
    if len(normalized.casefold().encode()) > NAME_BYTES:
        raise errors.INVALID_FIELD("The e-mail address is too long.", field="email")
    return normalized


def normalize_username(username: str) -> str:
    """The name without surrounding white space; "" is none.

    INVALID_FIELD beyond 64 characters, with unprintable ones, or with an "@", which would
    let a name pass for somebody's e-mail address.
    """
    username = username.strip()
    if len(username) > 64 or not username.isprintable() or "@" in username:
        raise errors.INVALID_FIELD(
            "A username has at most 64 printable characters and no @.", field="username"
        )
    return username
