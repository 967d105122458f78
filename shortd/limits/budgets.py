"""What calls and redirects cost, charged to token buckets (docs/api.md, "Limits").

An account has two buckets, `api` and `link`; a caller without an account has one per client
address, and the links that were made without one have a `link` bucket together. Whoever has mails
sent has one for these per block of addresses. Levels live in memory and are saved with `save`, so
that a restart grants nothing; addresses of clients are stored as keyed hashes alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from string import digits

from shortd import errors
from shortd.blocks import PREFIXES, REMEMBERED, BlockHashes, block, blocks
from shortd.clock import SECOND
from shortd.limits.buckets import MAX_CAPACITY, UNIT, Buckets, Limit
from shortd.models.accounts import Account, AccountType
from shortd.models.files import File
from shortd.models.limits import Balance
from shortd.settings import Limits, LimitSettings
from shortd.store import Store
from shortd.store.pace import matching_keys
from shortd.store.room import Reserve
from shortd.store.schema import ACCOUNTS, BALANCES
from shortd.store.txn import Txn, WriteTxn

REDIRECT_WEIGHT = 1000
"""Weight units a redirect takes from its owner's link bucket."""
BODY_BYTES = 64 << 10
BODY_WEIGHT = 1000
"""Weight units for each `BODY_BYTES` of a body after the first: reading it takes time, even if only
to refuse it."""
FILE_MEGABYTE_WEIGHT = 100
"""Weight units for each whole megabyte (10^6 bytes) of a file."""
MAIL_WEIGHT = 180
"""Weight units of a mail in a client's bucket for mails."""
MAIL_LIMIT = Limit(30 * MAIL_WEIGHT, 1)
"""30 mails at once, then 20 an hour; each wider block of IPv6 has twice that of the one before."""


CLIENT, LOOKUP, MAIL = "client", "lookup", "mail"
"""Families of keys that stand for clients, by hashes of addresses; the others hold accounts."""

Bucket = tuple[str, Limit]
"""A bucket's key, and its size."""


class Budgets:
    """The buckets of this server and the limits that the configuration gives them."""

    def __init__(
        self,
        store: Store,
        limits: LimitSettings,
        hashes: BlockHashes,
        tell: Callable[[str, str], None] = lambda _address, _bucket: None,
    ) -> None:
        """`hashes` names clients on the disk. `tell` hears whose bucket was short, as an address,
        and which one, by the family of its key.
        """
        self._store = store
        self._hashes = hashes
        self.tell = tell
        self.buckets = Buckets(self._load)
        self.refusals: Counter[str] = Counter()
        """What was refused because a bucket was short, by the family of its key."""
        kinds: dict[str, Limits] = {kind: limits.of(kind) for kind in AccountType}
        kinds["client"] = limits.client
        self._api = {k: Limit(v.api_capacity, v.api_refill_rate) for k, v in kinds.items()}
        self._link = {k: Limit(v.link_capacity, v.link_refill_rate) for k, v in kinds.items()}
        self._client = {CLIENT: self.client_limit, LOOKUP: self.client_limit}
        for width in range(len(PREFIXES)):
            self._client[f"{MAIL}{width}"] = _wider(MAIL_LIMIT, width)
            self._client[_of_guests(width)] = _wider(self.client_limit, width)
        # Blocks have names of some length: a cache of them is bounded.
        self._block_bucket = lru_cache(maxsize=REMEMBERED)(self._find_block_bucket)

    def api_limit(self, kind: AccountType) -> Limit:
        return self._api[kind]

    def link_limit(self, kind: AccountType) -> Limit:
        return self._link[kind]

    @property
    def client_limit(self) -> Limit:
        """Of what a client's address may spend."""
        return self._api["client"]

    def charge_account(self, account: Account, address: str, weight: int, now: int) -> None:
        """Takes the weight of a call from an address. RATE_LIMITED, with nothing taken, if a bucket
        is short: a temporary account spends its client's as well as its own.
        """
        if wait := self._charge_all(self._payers(account, address), address, weight, now):
            raise errors.RATE_LIMITED(retry_after=wait / SECOND)

    def refund_account(self, account: Account, address: str, weight: int, now: int) -> None:
        """Gives back what `charge_account` took, for a call that was then refused."""
        for bucket in self._payers(account, address):
            self.buckets.refund(*bucket, weight, now)

    def charge_client(self, address: str, weight: int, now: int) -> None:
        """The same for a caller known only by an address."""
        if weight and (
            wait := self._charge_all([self.client_bucket(address)], address, weight, now)
        ):
            raise errors.RATE_LIMITED(retry_after=wait / SECOND)

    def client_bucket(self, address: str) -> Bucket:
        """Of a caller known only by an address: its key, and its size."""
        return self.block_bucket(CLIENT, block(address))

    def block_bucket(self, family: str, name: str) -> Bucket:
        """Of a block of addresses, in one of the families of keys that are theirs."""
        return self._block_bucket(family, name)

    def _find_block_bucket(self, family: str, name: str) -> Bucket:
        return f"{family}:{self._hashes.of(name).hex()}", self._client[family]

    def api_balance(self, account: Account, now: int) -> int:
        """Of the account's own bucket."""
        return self.buckets.balance(api_key(account.userid), self._api[account.type], now)

    def link_balance(self, account: Account, now: int) -> int:
        return self.buckets.balance(link_key(account.userid), self._link[account.type], now)

    def charge_mail(self, address: str, now: int) -> None:
        """Takes a mail from the budget of whoever asks for one, an address and all blocks that it
        belongs to. MAIL_LIMITED, with nothing taken."""
        buckets = [
            self.block_bucket(f"{MAIL}{width}", name) for width, name in enumerate(blocks(address))
        ]
        if wait := self._charge_all(buckets, address, MAIL_WEIGHT, now):
            raise errors.MAIL_LIMITED(
                "Too many mails were asked for from here; try again later.",
                retry_after=wait / SECOND,
            )

    def _payers(self, account: Account, address: str) -> list[Bucket]:
        """The buckets that calls of an account are paid from.

        A temporary one is had for nothing, and would have a budget of its own each time. Its client
        may have many addresses: all blocks of an address pay.
        """
        payers = [(api_key(account.userid), self._api[account.type])]
        if account.type is AccountType.TEMPORARY:
            for width, name in enumerate(blocks(address)):
                payers.append(self.block_bucket(_of_guests(width), name))
        return payers

    def _charge_all(self, buckets: Sequence[Bucket], address: str, weight: int, now: int) -> int:
        """Takes weight from each, or from none: then the µs to wait, else 0."""
        for done, bucket in enumerate(buckets):
            if wait := self.buckets.charge(*bucket, weight, now):
                for paid in buckets[:done]:
                    self.buckets.refund(*paid, weight, now)
                family = bucket[0].partition(":")[0].rstrip(digits)
                self.refusals[family] += 1
                self.tell(address, family)
                return wait
        return 0

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
            await self._store.write(put, Reserve.HALF)
        except BaseException:
            self.buckets.restore_dirty(changed)
            raise

    def forget(self, userid: str) -> None:
        """Has what an account spent never stored again: it ends."""
        for bucket in (api_key(userid), link_key(userid)):
            self.buckets.forget(bucket)

    async def sweep(self, now: int) -> None:
        """Deletes the stored balances that time has filled up again."""

        def is_full(txn: Txn, key: tuple[str], row: Balance) -> bool:
            return self._is_full(txn, *key, row, now)

        async for keys in matching_keys(self._store, BALANCES, is_full):
            delete = partial(self._delete_full, keys=keys, now=now)
            await self._store.write(delete, Reserve.ALL)

    def _delete_full(self, txn: WriteTxn, keys: list[tuple[str]], now: int) -> None:
        for (key,) in keys:
            row = BALANCES.get(txn, (key,))
            if row is not None and self._is_full(txn, key, row, now):
                BALANCES.delete(txn, (key,))

    def _is_full(self, txn: Txn, key: str, row: Balance, now: int) -> bool:
        family, _, name = key.partition(":")
        if family in self._client:
            limit = self._client[family]
        else:
            account = ACCOUNTS.get(txn, (name,))
            if account is None:
                return True
            limit = (self._api if family == "api" else self._link)[account.type]
        return row.level + (now - row.utime) * limit.refill_rate >= limit.capacity * UNIT

    def _load(self, key: str) -> Balance | None:
        with self._store.read() as txn:
            return BALANCES.get(txn, (key,))


def _of_guests(width: int) -> str:
    """The family of keys from which a client's temporary accounts are paid: its own bucket, and
    beyond that one for each wider block of its address."""
    return f"{CLIENT}{width}" if width else CLIENT


def _wider(limit: Limit, width: int) -> Limit:
    """Of a block that holds others."""
    capacity = min(limit.capacity << width, MAX_CAPACITY)
    return Limit(capacity, limit.refill_rate << width)


def body_weight(size: int) -> int:
    """What a body of so many bytes takes from its client's bucket, whatever becomes of it."""
    return BODY_WEIGHT * max(0, (size - 1) // BODY_BYTES)


def file_weight(file: File) -> int:
    """What a visit to a file takes from its owner's link bucket (docs/api.md, "Limits")."""
    return REDIRECT_WEIGHT + FILE_MEGABYTE_WEIGHT * (file.filesize // 1_000_000)


def api_key(userid: str) -> str:
    return f"api:{userid}"


def link_key(userid: str) -> str:
    return f"link:{userid}"
