"""Links by which the operator lets somebody in: to be opened once, soon, whatever else is off.

An account has one at most; a new one takes its place. It ends with all that opens the account.
"""

from __future__ import annotations

import hmac
from random import Random

from shortd import errors
from shortd.accounts.accounts import ID_LENGTH
from shortd.clock import MINUTE
from shortd.ids import random_text, token_digest
from shortd.models.accounts import Account, LoginLink
from shortd.store import Store
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, LOGIN_LINKS
from shortd.store.txn import WriteTxn

LASTS = 15 * MINUTE
"""µs."""


class LoginLinks:
    """Makes them and takes them back. Times are Unix µs."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store = store
        self._random = random

    async def make(self, account: Account, now: int) -> str:
        """The secret of a new one, as it stands in the address, behind the userid. NOT_REGISTERED,
        ACCOUNT_LOCKED."""
        if not account.type.is_registered:
            raise errors.NOT_REGISTERED()
        if account.locked:
            raise errors.ACCOUNT_LOCKED()
        secret = random_text(self._random, ID_LENGTH)
        row = LoginLink(token_digest(secret), now + LASTS)
        await self._store.write(
            lambda txn: LOGIN_LINKS.put(txn, (account.userid,), row), Reserve.QUARTER
        )
        return f"{account.userid}.{secret}"

    def is_good(self, link: str, now: int) -> bool:
        """Whether it would open something."""
        userid, _, secret = link.partition(".")
        row = self._store.get(LOGIN_LINKS, (userid,)) if _can_be_one(link) else None
        return _fits(row, secret, now)

    async def take(self, link: str, now: int) -> Account:
        """The account that it opens, this once. WRONG_CODE, ACCOUNT_LOCKED."""
        userid, _, secret = link.partition(".")
        if not _can_be_one(link):
            raise errors.WRONG_CODE()

        def take(txn: WriteTxn) -> Account:
            row = LOGIN_LINKS.get(txn, (userid,))
            account = ACCOUNTS.get(txn, (userid,))
            if not _fits(row, secret, now) or account is None:
                raise errors.WRONG_CODE()
            if account.locked:
                raise errors.ACCOUNT_LOCKED()
            LOGIN_LINKS.delete(txn, (userid,))
            return account

        return await self._store.write(take, Reserve.ALL)


def _can_be_one(link: str) -> bool:
    userid, dot, secret = link.partition(".")
    return bool(dot) and len(userid) == len(secret) == ID_LENGTH and link.isascii()


def _fits(row: LoginLink | None, secret: str, now: int) -> bool:
    digest = bytes(32) if row is None else row.digest
    is_it = hmac.compare_digest(digest, token_digest(secret))
    return is_it and row is not None and now < row.until
