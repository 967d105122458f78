"""What the operator does to accounts: listing, changing, locking and ending them.

A locked account keeps everything: its links answer 404 and its tokens and keys 403 until it is
unlocked.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shortd import errors
from shortd.accounts import normalize_email, normalize_username
from shortd.codes import end_code
from shortd.models import Account, AccountType, MailPurpose
from shortd.owners import Owners
from shortd.passwords import PasswordHasher
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, ACCOUNTS_BY_EMAIL, ACCOUNTS_BY_USERNAME
from shortd.store.txn import WriteTxn
from shortd.sweeper import Sweeper
from shortd.tokens import end_tokens


class Changes(msgspec.Struct, frozen=True):
    """What of an account is to be changed; None stays as it is."""

    email: str | None = None
    """It then counts as not verified, unless `verified` says so."""
    username: str | None = None
    verified: bool | None = None
    type: AccountType | None = None
    passwords: Sequence[str] | None = None
    """The new password's derivations. All logins end."""
    locked: bool | None = None


class Custody:
    """The operator's rules over the store. Times are Unix µs."""

    def __init__(
        self, store: Store, hasher: PasswordHasher, owners: Owners, sweeper: Sweeper
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._owners = owners
        self._sweeper = sweeper

    def all(self) -> list[Account]:
        """Every account, the oldest first."""
        with self._store.read() as txn:
            rows = [row for _, row in ACCOUNTS.scan(txn)]
        return sorted(rows, key=lambda row: (row.create_utime, row.userid))

    async def change(self, userid: str, changes: Changes) -> Account:
        """Changes an account, and what follows from it at once.

        ACCOUNT_NOT_FOUND; NOT_REGISTERED for one that nobody registered, which can only be locked;
        INVALID_FIELD, EMAIL_TAKEN, USERNAME_TAKEN, BUSY.
        """
        new = _fields(changes)
        if changes.passwords is not None:
            new["password"] = await self._hasher.hash(changes.passwords)

        def put(txn: WriteTxn) -> Account:
            old = ACCOUNTS.get(txn, (userid,))
            if old is None:
                raise errors.ACCOUNT_NOT_FOUND()
            if not old.type.is_registered and new.keys() - {"locked"}:
                raise errors.NOT_REGISTERED(f"The {old.type} account can only be locked.")
            account = msgspec.structs.replace(old, **new)
            if account.email.casefold() != old.email.casefold():
                if ACCOUNTS_BY_EMAIL.has(txn, (account.email.casefold(),)):
                    raise errors.EMAIL_TAKEN(field="email")
                account = msgspec.structs.replace(account, email_verified=bool(changes.verified))
            name = (account.username.casefold(),)
            is_new = account.username and name != (old.username.casefold(),)
            if is_new and ACCOUNTS_BY_USERNAME.has(txn, name):
                raise errors.USERNAME_TAKEN(field="username")
            if "password" in new:
                end_tokens(txn, userid)
                end_code(txn, userid, MailPurpose.RESET)
            ACCOUNTS.put(txn, (userid,), account)
            return account

        account = await self._store.write(put)
        self._owners.forget(userid)
        return account

    async def end(self, userid: str, now: int) -> None:
        """Removes an account with its links, files and keys; its place in teams goes to others.
        It is locked first, so that nothing of it answers while that is done. ACCOUNT_NOT_FOUND.
        """

        def lock(txn: WriteTxn) -> None:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None:
                raise errors.ACCOUNT_NOT_FOUND()
            ended = msgspec.structs.replace(account, locked=True, expiration_utime=now)
            ACCOUNTS.put(txn, (userid,), ended)

        await self._store.write(lock)
        self._owners.forget(userid)
        await self._sweeper.clear(userid, now)


def _fields(changes: Changes) -> dict[str, object]:
    fields: dict[str, object] = {}
    if changes.email is not None:
        fields["email"] = normalize_email(changes.email)
    if changes.username is not None:
        fields["username"] = normalize_username(changes.username)
    if changes.verified is not None:
        fields["email_verified"] = changes.verified
    if changes.type is not None:
        if not changes.type.is_registered:
            raise errors.INVALID_FIELD(f"An account is not made {changes.type}.", field="type")
        fields["type"] = changes.type
    if changes.locked is not None:
        fields["locked"] = changes.locked
    return fields
