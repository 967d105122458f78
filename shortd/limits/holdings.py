"""What temporary accounts may keep: of one client together, and all of them together.

Such an account costs nothing, so one more must not be worth anything: what one client's accounts
keep is counted as if it were one account's, and all strangers together have a share of the database
and of the disk. A client is a block of addresses, as for mails: each wider one has twice as much.
What is kept is counted where rows change (`store.schema.hold`); this module says what is too much.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shortd import errors
from shortd.blocks import BlockHashes, blocks
from shortd.models.accounts import Account
from shortd.models.limits import Holding
from shortd.settings import Settings
from shortd.store import Store
from shortd.store.schema import (
    ACCOUNTS,
    EVERYBODY,
    HOLDINGS,
    change_holding,
    hold,
    settle_holdings,
)
from shortd.store.sizes import stored_size
from shortd.store.txn import Txn, WriteTxn

ACCOUNT_BYTES = stored_size(256)
"""What a temporary account takes of the database before it has anything."""
_NOTHING = Holding()


class Holdings(Collector):
    """Refuses what is too much. The store asks it about each write."""

    def __init__(self, store: Store, settings: Settings, hashes: BlockHashes) -> None:
        """`hashes` names clients on the disk."""
        self._store = store
        self._hashes = hashes
        accounts = settings.accounts
        self._share = accounts.temporary_share
        self._files_at = settings.data_dir / "files"
        self._of_client = Holding(
            accounts.temporary_client_bytes, settings.limits.temporary.storage_bytes
        )
        self._rows_of_all = round(settings.storage.map_bytes * self._share)
        self._coming: Counter[str] = Counter()
        """Bytes of files on their way, by account and by the keys of holdings."""
        store.guard(self._check)

    def clients_at(self, address: str) -> tuple[str, ...]:
        """`Account.clients` for who asks for an account from an address."""
        names = enumerate(blocks(address))
        return tuple(f"{width}:{self._hashes.of(name).hex()}" for width, name in names)

    def check_files(self, account: Account, coming: int) -> None:
        """Whether an account may keep so many bytes of files more. QUOTA_EXCEEDED, STORAGE_FULL."""
        if not account.clients:
            return
        with self._store.read() as txn:
            for key in (*account.clients, EVERYBODY):
                self._check_one(txn, key, Holding(0, coming), coming + self._coming[key])

    def coming(self, userid: str) -> int:
        """Bytes of files that are on their way to an account."""
        return self._coming[userid]

    @contextmanager
    def receiving(self, account: Account, size: int) -> Iterator[None]:
        """While so many bytes come: any number of uploads at once have no more room than one
        after the other."""
        keys = (account.userid, *account.clients, *((EVERYBODY,) if account.clients else ()))
        for key in keys:
            self._coming[key] += size
        try:
            yield
        finally:
            for key in keys:
                self._coming[key] -= size
                if not self._coming[key]:
                    del self._coming[key]

    def collect(self) -> Iterator[Metric]:
        held = self._store.get(HOLDINGS, (EVERYBODY,)) or _NOTHING
        kept = GaugeMetricFamily(
            "shortd_temporary_bytes", "What temporary accounts keep.", labels=["kind"]
        )
        kept.add_metric(["rows"], held.rows)
        kept.add_metric(["files"], held.files)
        yield kept

    def _check(self, txn: WriteTxn) -> None:
        for key, change in txn.held.items():
            if key == EVERYBODY or ":" in key:
                self._check_one(txn, key, change)

    def _check_one(self, txn: Txn, key: str, change: Holding, coming: int = 0) -> None:
        """Whether one holding may have grown so; less is always allowed."""
        if change.rows <= 0 and change.files <= 0:
            return
        if key == EVERYBODY and self._share == 1:
            # Rows are estimated: the database itself may have room for a little more.
            return
        held, bound = HOLDINGS.get(txn, (key,)) or _NOTHING, self._bound(key)
        grew_too_much = (
            change.rows > 0 and held.rows > bound.rows,
            change.files > 0 and held.files + coming > bound.files,
        )
        if not any(grew_too_much):
            return
        if key == EVERYBODY:
            raise errors.STORAGE_FULL("Temporary accounts have used up their share; sign up.")
        raise errors.QUOTA_EXCEEDED(
            "The temporary accounts of your address keep as much as they may; delete something of"
            " theirs, or sign up."
        )

    def _bound(self, key: str) -> Holding:
        if key == EVERYBODY:
            return Holding(self._rows_of_all, round(_disk_bytes(self._files_at) * self._share))
        width = int(key.partition(":")[0])
        return Holding(self._of_client.rows << width, self._of_client.files << width)


def _disk_bytes(directory: Path) -> int:
    """The size of the disk that a folder is on."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk = os.fstatvfs(descriptor)
    finally:
        os.close(descriptor)
    return disk.f_blocks * disk.f_frsize


def begin(txn: WriteTxn, account: Account) -> None:
    """Puts a new temporary account. Raises what `Holdings` refuses with."""
    ACCOUNTS.put(txn, (account.userid,), account)
    hold(txn, account.userid, rows=ACCOUNT_BYTES)


def end(txn: WriteTxn, account: Account) -> None:
    """Counts nothing of an account any longer, which goes, or is no temporary one from now on."""
    settle_holdings(txn)
    held = HOLDINGS.get(txn, (account.userid,))
    if held is not None:
        for key in (account.userid, *account.clients, EVERYBODY):
            change_holding(txn, key, -held.rows, -held.files)
