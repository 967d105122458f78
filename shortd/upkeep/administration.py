"""What the operator does to accounts: changing, locking and ending them.

A locked account keeps everything: its links answer 404 and its tokens and keys 403 until it is
unlocked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from shortd import errors
from shortd.accounts import normalize_email, normalize_username
from shortd.accounts.credentials import end_credentials
from shortd.accounts.mailboxes import verified
from shortd.accounts.second_factors import clear as clear_factors
from shortd.limits.owner_cache import OwnerCache
from shortd.models.accounts import Account, AccountType
from shortd.names import folded
from shortd.security.passwords import PasswordHasher
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, ACCOUNTS_BY_EMAIL, ACCOUNTS_BY_USERNAME
from shortd.store.txn import WriteTxn
from shortd.upkeep.forgetting import forget
from shortd.upkeep.sweeper import Sweeper


class Changes(msgspec.Struct, frozen=True):
    """What of an account is to be changed; None stays as it is."""

    email: str | None = None
    """It then counts as not verified, unless `verified` says so."""
    username: str | None = None
    verified: bool | None = None
    type: AccountType | None = None
    passwords: Sequence[str] | None = None
    """The new password's derivations. All logins and API keys end."""
    locked: bool | None = None
    operator: bool | None = None
    """Whether the operator's pages are its. Its logins end as it becomes one."""
    second_factor: Literal[False] | None = None
    """False removes its app, recovery codes and passkeys: for who has lost them."""


_VERIFIED_BY_TYPE = {AccountType.REGISTERED: False, AccountType.VERIFIED: True}
"""What these types say of the address; custom accounts are of either kind."""


def check_other(operator: Account, userid: str) -> None:
    """FORBIDDEN for what an operator would do to himself, so that none locks himself out."""
    if operator.userid == userid:
        raise errors.FORBIDDEN(
            "This is your own account: whoever has the command line can do this to it."
        )


def told(changes: Changes) -> str:
    """What is changed, for the audit log; of a password, that it is."""
    parts = {
        name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None
    }
    if parts.pop("passwords", None) is not None:
        parts["password"] = "another"
    words = {"True": "yes", "False": "no", "": "none"}
    return ", ".join(f"{name}: {words.get(str(one), one)}" for name, one in parts.items())


class Administration:
    """The operator's rules over the store. Times are Unix µs."""

    def __init__(
        self, store: Store, hasher: PasswordHasher, owners: OwnerCache, sweeper: Sweeper
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._owners = owners
        self._sweeper = sweeper

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
            has_more = new.keys() - {"locked"} or changes.second_factor is False
            if not old.type.is_registered and has_more:
                raise errors.NOT_REGISTERED(
                    "The %(type)s account can only be locked.", type=old.type
                )
            account = msgspec.structs.replace(old, **new)
            if account.email.casefold() != old.email.casefold():
                if ACCOUNTS_BY_EMAIL.has(txn, (account.email.casefold(),)):
                    raise errors.EMAIL_TAKEN(field="email")
                account = msgspec.structs.replace(account, email_verified=False)
            if not {"email", "email_verified", "type"}.isdisjoint(new):
                account = _of_one_mind(account, changes)
            name = (folded(account.username),)
            is_new = account.username and name != (folded(old.username),)
            if is_new and ACCOUNTS_BY_USERNAME.has(txn, name):
                raise errors.USERNAME_TAKEN(field="username")
            if "password" in new:
                end_credentials(txn, userid)
            elif account.operator and not old.operator:
                # Who holds a login of old did not open it for this.
                end_credentials(txn, userid, keep_keys=True, keep_identities=True)
            if changes.second_factor is False:
                clear_factors(txn, userid)
            ACCOUNTS.put(txn, (userid,), account)
            return account

        account = await self._store.write(put, Reserve.ALL)
        self._owners.forget(userid)
        return account

    async def sign_out(self, userid: str, *, end_keys: bool) -> None:
        """Ends all logins of an account, and its API keys if they are to end. ACCOUNT_NOT_FOUND."""

        def end(txn: WriteTxn) -> None:
            if ACCOUNTS.get(txn, (userid,)) is None:
                raise errors.ACCOUNT_NOT_FOUND()
            end_credentials(txn, userid, keep_keys=not end_keys)

        await self._store.write(end, Reserve.ALL)

    async def end(self, userid: str, now: int) -> None:
        """Removes an account with its links, files and keys, and what names it elsewhere; its place
        in teams goes to others. It is locked first, so that nothing of it answers while that is
        done. ACCOUNT_NOT_FOUND.
        """

        def lock(txn: WriteTxn) -> Account:
            account = ACCOUNTS.get(txn, (userid,))
            if account is None:
                raise errors.ACCOUNT_NOT_FOUND()
            ended = msgspec.structs.replace(account, locked=True, expiration_utime=now)
            ACCOUNTS.put(txn, (userid,), ended)
            return account

        account = await self._store.write(lock, Reserve.ALL)
        self._owners.forget(userid)
        await self._sweeper.clear(userid, now)
        await forget(self._store, account)


def _of_one_mind(account: Account, changes: Changes) -> Account:
    """The account with a type and an address that say the same of it, as a mailed link makes them:
    what was changed decides, the type before all else."""
    if changes.type is not None:
        known = _VERIFIED_BY_TYPE.get(changes.type, account.email_verified)
    else:
        known = account.email_verified if changes.verified is None else changes.verified
    account = msgspec.structs.replace(account, email_verified=known)
    if known:
        return verified(account)
    if account.type is AccountType.VERIFIED:
        return msgspec.structs.replace(account, type=AccountType.REGISTERED)
    return account


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
            raise errors.INVALID_FIELD(
                "An account is not made %(type)s.", field="type", type=changes.type
            )
        known = _VERIFIED_BY_TYPE.get(changes.type)
        if None not in (known, changes.verified) and known != changes.verified:
            raise errors.INVALID_FIELD(
                "The type verified is that of accounts whose address is known, and registered that"
                " of the others.",
                field="type",
            )
        fields["type"] = changes.type
    if changes.locked is not None:
        fields["locked"] = changes.locked
    if changes.operator is not None:
        fields["operator"] = changes.operator
    return fields
