"""Accounts: making them, converting temporary ones, and finding them by what people type.

Every rule is checked twice where a slow step lies between: once before hashing, to answer
cheaply, and once inside the write transaction, which is what decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from shortd import errors
from shortd.clock import DAY
from shortd.ids import random_text
from shortd.models import ACCOUNT_NEVER, ANONYMOUS, Account, AccountType
from shortd.owners import Owners
from shortd.passwords import PasswordHasher
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, ACCOUNTS_BY_EMAIL, ACCOUNTS_BY_USERNAME
from shortd.store.txn import Txn, WriteTxn
from shortd.tokens import Login, put_token

ID_LENGTH = 32
"""Characters of a userid and of a token."""
NAME_BYTES = 400
"""Most UTF-8 bytes of a case-folded username or e-mail address: they are database keys."""

_USERID = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)

# The library's documented switch: names such as nas.local mean something at home.
SPECIAL_USE_DOMAIN_NAMES.clear()


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

    async def anonymous(self, now: int) -> Account:
        """The account that links belong to which are made without one, from the first of them on.
        Nobody can log in to it, and it does not expire. ACCOUNT_LOCKED.
        """

        key = (ANONYMOUS,)

        def keep(txn: WriteTxn) -> Account:
            account = ACCOUNTS.get(txn, key)
            if account is None:
                account = Account(ANONYMOUS, AccountType.ANONYMOUS, create_utime=now)
                ACCOUNTS.put(txn, key, account)
            return account

        with self._store.read() as txn:
            account = ACCOUNTS.get(txn, key)
        if account is None:
            account = await self._store.write(keep)
        return unlocked(account)

    async def sign_up(
        self,
        *,
        email: str,
        username: str,
        passwords: Sequence[str],
        temporary_userid: str | None,
        now: int,
        by_operator: bool = False,
    ) -> Login:
        """Registers an account, or turns a temporary one into a registered one.

        `passwords` holds the password's derivations, one or two. The operator may where nobody
        else may. Raises INVALID_FIELD,
        EMAIL_TAKEN, USERNAME_TAKEN, SIGNUP_CLOSED, BUSY; BAD_CREDENTIALS or
        ACCOUNT_EXPIRED for a `temporary_userid` that is no temporary account.
        """
        if not self._settings.accounts.signup and not by_operator:
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
            lifetime = self._settings.limits.token_lifetime(account.type)
            put_token(txn, account.userid, token, now, lifetime)
            return account

        account = await self._store.write(register)
        self._owners.forget(account.userid)
        return Login(account, token)

    def named(self, name: str) -> Account | None:
        """The account of that userid, username or e-mail address; `ANONYMOUS` is such a userid."""
        with self._store.read() as txn:
            if name == ANONYMOUS:
                return ACCOUNTS.get(txn, (ANONYMOUS,))
            return account_called(txn, name.strip())

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


def account_called(txn: Txn, name: str) -> Account | None:
    """The account of that userid, username or e-mail address."""
    account = ACCOUNTS.get(txn, (name,)) if _USERID.fullmatch(name) else None
    return account or find_account(txn, name)


def find_account(txn: Txn, name: str) -> Account | None:
    """The account of that username or e-mail address, in any case."""
    if "@" in name:
        # As it is stored, however it is typed: xn--… and the name it stands for are one.
        with suppress(errors.ShortdError):
            name = normalize_email(name)
    key = (name.casefold(),)
    if not name or not name.isprintable() or len(key[0].encode()) > NAME_BYTES:
        return None
    # A username never holds an "@", so no name can be both.
    return ACCOUNTS_BY_EMAIL.get(txn, key) or ACCOUNTS_BY_USERNAME.get(txn, key)


def unlocked(account: Account) -> Account:
    """The account; ACCOUNT_LOCKED if it is."""
    if account.locked:
        raise errors.ACCOUNT_LOCKED()
    return account


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
