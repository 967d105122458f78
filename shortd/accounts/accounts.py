"""Accounts: making them, converting temporary ones, and finding them by what people type.

Every rule is checked twice where a slow step lies between: once before hashing, to answer
cheaply, and once inside the write transaction, which is what decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

from shortd import errors
from shortd.accounts.known_clients import Client, Clients
from shortd.accounts.tokens import Login, Proof, put_token
from shortd.blocks import blocks
from shortd.clock import DAY
from shortd.ids import random_text
from shortd.limits import holdings
from shortd.limits.holdings import Holdings
from shortd.limits.owner_cache import OwnerCache
from shortd.mail_addresses import normalized
from shortd.models.accounts import ANONYMOUS, Account, AccountType
from shortd.models.common import ACCOUNT_NEVER
from shortd.names import folded
from shortd.security.fair_queue import Purpose, Turn
from shortd.security.passwords import ANYBODY, PasswordHasher
from shortd.security.summed_log import SIGNED_UP, SummedLog
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, ACCOUNTS_BY_EMAIL, ACCOUNTS_BY_USERNAME
from shortd.store.txn import Txn, WriteTxn

ID_LENGTH = 32
"""Characters of a userid and of a token."""
NAME_BYTES = 400
"""Most UTF-8 bytes of a case-folded username or e-mail address: they are database keys."""

_USERID = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)


class _NewAccount(NamedTuple):
    """What somebody signs up with."""

    email: str
    username: str
    passwords: Sequence[str]
    temporary_userid: str | None = None


class Accounts:
    """The rules of accounts over the store. Times are Unix µs, passwords 64 hex digits."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        hasher: PasswordHasher,
        owners: OwnerCache,
        guests: Holdings,
        clients: Clients,
        log: SummedLog,
        random: Random,
    ) -> None:
        self._store = store
        self._settings = settings
        self._hasher = hasher
        self._owners = owners
        self._guests = guests
        self._clients = clients
        self._log = log
        self._random = random

    async def create_temporary(self, address: str, now: int) -> Account:
        """A new temporary account for somebody at an address. SIGNUP_CLOSED where they are
        switched off; QUOTA_EXCEEDED, STORAGE_FULL where such accounts keep too much already.
        """
        account = self.new_temporary(address, now)
        await self.begin_temporary(account)
        return account

    def new_temporary(self, address: str, now: int) -> Account:
        """The same, which is not there before `begin_temporary`. SIGNUP_CLOSED."""
        if not self._settings.accounts.temporary:
            raise errors.SIGNUP_CLOSED()
        return Account(
            userid=random_text(self._random, ID_LENGTH),
            type=AccountType.TEMPORARY,
            create_utime=now,
            expiration_utime=now + round(self._settings.accounts.temporary_days * DAY),
            clients=self._guests.clients_at(address),
        )

    async def begin_temporary(self, account: Account) -> None:
        """Has a new temporary account begin. QUOTA_EXCEEDED, STORAGE_FULL."""
        await self._store.write(lambda txn: holdings.begin(txn, account))

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
        address: str,
        now: int,
        user_agent: str = "",
    ) -> Login:
        """Registers an account, or turns a temporary one into a registered one, for somebody at
        an address.

        `passwords` holds the password's derivations, one or two. Raises INVALID_FIELD,
        EMAIL_TAKEN, USERNAME_TAKEN, SIGNUP_CLOSED, PASSWORD_OFF, BUSY; BAD_CREDENTIALS or
        ACCOUNT_EXPIRED for a `temporary_userid` that is no temporary account.
        """
        if not self._settings.auth.password:
            raise errors.PASSWORD_OFF()
        if not self._settings.accounts.signup:
            raise errors.SIGNUP_CLOSED()
        turn = Turn(Purpose.SIGN_UP, blocks(address)[-1])
        new = _NewAccount(email, username, passwords, temporary_userid)
        login = await self._register(new, now, turn, self._clients.of(address, user_agent))
        self._log.note(SIGNED_UP, address, account=label(login.account))
        return login

    async def add(
        self, email: str, username: str, passwords: Sequence[str] | None, now: int
    ) -> Account:
        """Registers an account for the operator, who may where nobody else may; without
        `passwords` nobody knows its password before a mail has brought a way to another one.

        INVALID_FIELD, EMAIL_TAKEN, USERNAME_TAKEN, BUSY.
        """
        passwords = passwords or [random_text(self._random, ID_LENGTH)]
        login = await self._register(_NewAccount(email, username, passwords), now)
        return login.account

    async def _register(
        self, new: _NewAccount, now: int, turn: Turn = ANYBODY, client: Client | None = None
    ) -> Login:
        """Makes the account, and logs in to it if there is a client."""
        email = normalize_email(new.email)
        username = normalize_username(new.username)
        self._check(email, username, new.temporary_userid, now)
        password = await self._hasher.hash(new.passwords, turn)
        userid = random_text(self._random, ID_LENGTH)
        token = random_text(self._random, ID_LENGTH)

        def register(txn: WriteTxn) -> Account:
            self._check_free(txn, email, username)
            old = self._convertible(txn, new.temporary_userid, now)
            account = Account(
                userid=old.userid if old else userid,
                type=AccountType.REGISTERED,
                create_utime=old.create_utime if old else now,
                expiration_utime=ACCOUNT_NEVER,
                email=email,
                username=username,
                password=password,
            )
            if old is not None:
                holdings.end(txn, old)
            ACCOUNTS.put(txn, (account.userid,), account)
            if client is not None:
                lifetime = self._settings.limits.token_lifetime(account.type)
                proof = Proof(utime=now)
                put_token(txn, account.userid, token, now, lifetime, client, proof)
            return account

        account = await self._store.write(register)
        self._owners.forget(account.userid)
        return Login(account, token)

    def named(self, name: str) -> Account | None:
        """The account of that userid, username or e-mail address; `ANONYMOUS` is such a userid."""
        return named(self._store, name)

    def _check(self, email: str, username: str, temporary_userid: str | None, now: int) -> None:
        with self._store.read() as txn:
            self._check_free(txn, email, username)
            self._convertible(txn, temporary_userid, now)

    def _check_free(self, txn: Txn, email: str, username: str) -> None:
        if ACCOUNTS_BY_EMAIL.has(txn, (email.casefold(),)):
            raise errors.EMAIL_TAKEN(field="email")
        if username and ACCOUNTS_BY_USERNAME.has(txn, (folded(username),)):
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


def named(store: Store, name: str) -> Account | None:
    """See `Accounts.named`."""
    with store.read() as txn:
        if name == ANONYMOUS:
            return ACCOUNTS.get(txn, (ANONYMOUS,))
        return account_called(txn, name.strip())


def everyone(store: Store) -> list[Account]:
    """Every account, the oldest first."""
    with store.read() as txn:
        rows = [row for _, row in ACCOUNTS.scan(txn)]
    return sorted(rows, key=lambda row: (row.create_utime, row.userid))


def account_called(txn: Txn, name: str) -> Account | None:
    """The account of that userid, username or e-mail address."""
    account = ACCOUNTS.get(txn, (name,)) if _USERID.fullmatch(name) else None
    return account or find_account(txn, name)


def find_account(txn: Txn, name: str) -> Account | None:
    """The account of that username or e-mail address, in any spelling."""
    key = (typed_name(name),)
    if not key[0] or not key[0].isprintable() or len(key[0].encode()) > NAME_BYTES:
        return None
    # A username never holds an "@", so no name can be both.
    return ACCOUNTS_BY_EMAIL.get(txn, key) or ACCOUNTS_BY_USERNAME.get(txn, key)


def typed_name(name: str) -> str:
    """What all spellings of a username or an e-mail address have in common, whether there is an
    account of that name or not."""
    name = name.strip()
    if "@" in name:
        # As it is stored, however it is typed: xn--… and the name it stands for are one.
        with suppress(errors.ShortdError):
            return normalize_email(name).casefold()
    return folded(name)


def label(account: Account | None) -> str:
    """What the log calls an account; empty for none. A temporary one has no name but its secret."""
    return "" if account is None else account.username or account.email


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
        address = normalized(email)
    except ValueError as refusal:
        raise errors.INVALID_FIELD(
            "This is not an e-mail address.", field="email", english=str(refusal)
        ) from None
    if len(address.casefold().encode()) > NAME_BYTES:
        raise errors.INVALID_FIELD("The e-mail address is too long.", field="email")
    return address


def normalize_username(username: str) -> str:
    """The name without surrounding white space, composed (NFC); "" is none.

    INVALID_FIELD beyond 64 characters, with unprintable ones, or with an "@", which would
    let a name pass for somebody's e-mail address.
    """
    username = unicodedata.normalize("NFC", username).strip()
    if len(username) > 64 or not username.isprintable() or "@" in folded(username):
        raise errors.INVALID_FIELD(
            "A username has at most 64 printable characters and no @.", field="username"
        )
    return username


def registered(txn: Txn, userid: str) -> Account:
    """An account that may be in teams. BAD_CREDENTIALS if it is gone, NOT_REGISTERED."""
    account = ACCOUNTS.get(txn, (userid,))
    if account is None:
        raise errors.BAD_CREDENTIALS(field="userid")
    if not account.type.is_registered:
        raise errors.NOT_REGISTERED(field="userid")
    return account
