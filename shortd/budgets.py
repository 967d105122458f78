"""What calls and redirects cost, charged to token buckets (NOTES "Weights").

An account has two buckets, `api` and `link`; a caller without an account has one per client
address, and the links that were made without one have a `link` bucket together. Levels live in
memory and are saved with `save`, so that a restart grants nothing.
"""

from __future__ import annotations

from functools import partial

from shortd import errors
from shortd.clock import SECOND
from shortd.limits import UNIT, Buckets, Limit, client_key
from shortd.models import Account, AccountType, Balance, File
from shortd.pace import matching_keys
from shortd.settings import Limits, LimitSettings
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, BALANCES
from shortd.store.txn import Txn, WriteTxn

REDIRECT_WEIGHT = 1000
"""Weight units a redirect takes from its owner's link bucket."""
FILE_MEGABYTE_WEIGHT = 100
"""Weight units for each whole megabyte (10^6 bytes) of a file."""


class Budgets:
    """The buckets of this server and the limits that the configuration gives them."""

    def __init__(self, store: Store, limits: LimitSettings) -> None:
        self._store = store
        self.buckets = Buckets(self._load)
        kinds: dict[str, Limits] = {kind: limits.of(kind) for kind in AccountType}
        kinds["client"] = limits.client
        self._api = {k: Limit(v.api_capacity, v.api_refill_rate) for k, v in kinds.items()}
        self._link = {k: Limit(v.link_capacity, v.link_refill_rate) for k, v in kinds.items()}

    def api_limit(self, kind: AccountType) -> Limit:
        return self._api[kind]

    def link_limit(self, kind: AccountType) -> Limit:
        return self._link[kind]

    def charge_account(self, account: Account, weight: int, now: int) -> None:
        """Takes a call's weight. RATE_LIMITED, with nothing taken, if the bucket is short."""
        self._charge(api_key(account.userid), self._api[account.type], weight, now)

    def refund_account(self, account: Account, weight: int, now: int) -> None:
        """Gives back what `charge_account` took, for a call that was then refused."""
        self.buckets.refund(api_key(account.userid), self._api[account.type], weight, now)

    def charge_client(self, address: str, weight: int, now: int) -> None:
        """The same for a caller known only by an address."""
        self._charge(f"client:{client_key(address)}", self._api["client"], weight, now)

    def api_balance(self, account: Account, now: int) -> int:
        return self.buckets.balance(api_key(account.userid), self._api[account.type], now)

    def link_balance(self, account: Account, now: int) -> int:
        return self.buckets.balance(link_key(account.userid), self._link[account.type], now)

    def _charge(self, key: str, limit: Limit, weight: int, now: int) -> None:
        wait = self.buckets.charge(key, limit, weight, now)
        if wait:
            raise errors.RATE_LIMITED(retry_after=wait / SECOND)

    async def save(self) -> None:
        """Writes the balances that changed since the last save."""
        changed = self.buckets.take_dirty()
        if not changed:
            return

        def put(txn: WriteTxn) -> None:
            for key, balance in changed.items():
                if balance is None:
                    BALANCES.delete(txn, (key,))
                else:
                    BALANCES.put(txn, (key,), balance)

        try:
            await self._store.write(put)
        except BaseException:
            self.buckets.restore_dirty(changed)
            raise

    async def sweep(self, now: int) -> None:
        """Deletes the stored balances that time has filled up again."""

        def is_full(txn: Txn, key: tuple[str], row: Balance) -> bool:
            return self._is_full(txn, *key, row, now)

        async for keys in matching_keys(self._store, BALANCES, is_full):
            await self._store.write(partial(self._delete_full, keys=keys, now=now))

    def _delete_full(self, txn: WriteTxn, keys: list[tuple[str]], now: int) -> None:
        for (key,) in keys:
            row = BALANCES.get(txn, (key,))
            if row is not None and self._is_full(txn, key, row, now):
                BALANCES.delete(txn, (key,))

    def _is_full(self, txn: Txn, key: str, row: Balance, now: int) -> bool:
        family, _, name = key.partition(":")
        if family == "client":
            limit = self._api["client"]
        else:
            account = ACCOUNTS.get(txn, (name,))
            if account is None:
                return True
            limit = (self._api if family == "api" else self._link)[account.type]
        return row.level + (now - row.utime) * limit.refill_rate >= limit.capacity * UNIT

    def _load(self, key: str) -> Balance | None:
        with self._store.read() as txn:
            return BALANCES.get(txn, (key,))


def file_weight(file: File) -> int:
    """What a visit to a file takes from its owner's link bucket (NOTES "Weights")."""
    return REDIRECT_WEIGHT + FILE_MEGABYTE_WEIGHT * (file.filesize // 1_000_000)


def api_key(userid: str) -> str:
    return f"api:{userid}"


def link_key(userid: str) -> str:
    return f"link:{userid}"
