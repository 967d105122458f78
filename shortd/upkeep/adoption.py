"""What was made without signing up comes along into the account that its maker signs in to.

Links keep their addresses and counts, files their bytes, which the account is charged with
whatever its quota. When all has moved, the temporary account is gone, and its userid is no
credential any more. It never takes anything from an account that somebody signed up for.
"""

from __future__ import annotations

from functools import partial
from itertools import islice

import msgspec

from shortd import errors
from shortd.accounts import registered
from shortd.files.manifests import give_file, give_upload
from shortd.limits.owner_cache import OwnerCache
from shortd.links.access import in_team
from shortd.links.undoing import finish_all
from shortd.models.accounts import Account, AccountType
from shortd.store import Store
from shortd.store.schema import ACCOUNTS, LINKS, LINKS_BY_ID, LINKS_BY_OWNER, UPLOADS_BY_OWNER
from shortd.store.txn import WriteTxn
from shortd.upkeep.sweeper import drop_account

ROWS_PER_WRITE = 1000


class Adoption:
    """The rules of moving in, over the store."""

    def __init__(self, store: Store, owners: OwnerCache) -> None:
        self._store = store
        self._owners = owners

    def links_of(self, account: Account, most: int = ROWS_PER_WRITE) -> int:
        """How many links would come along; counts up to `most`."""
        with self._store.read() as txn:
            return sum(1 for _ in islice(LINKS_BY_OWNER.keys(txn, (account.userid,)), most))

    async def adopt(self, temporary: str, account: Account) -> int:
        """Moves what a temporary account has into a registered one, and ends it; how many links
        have moved.

        `temporary` is its userid, which proves it. One that is none any more has nothing, and what
        was moved by an attempt that was cut off is not moved again. BAD_CREDENTIALS, NOT_REGISTERED
        for an account that nothing can come to.
        """
        moved = 0
        while True:
            links, is_done = await self._store.write(
                partial(_move, temporary=temporary, heir=account.userid)
            )
            moved += links
            if is_done:
                break
        self._owners.forget(temporary)
        return moved


def _move(txn: WriteTxn, temporary: str, heir: str) -> tuple[int, bool]:
    """Moves some links: how many, and whether all is done."""
    registered(txn, heir)
    old = ACCOUNTS.get(txn, (temporary,))
    if old is None or old.type is not AccountType.TEMPORARY:
        return 0, True
    if old.locked:
        raise errors.ACCOUNT_LOCKED()
    if not finish_all(txn, temporary, ROWS_PER_WRITE):
        return 0, False
    keys = list(islice(LINKS_BY_OWNER.keys(txn, (temporary,)), ROWS_PER_WRITE))
    for _, _, link_id, _ in keys:
        link = LINKS_BY_ID.get(txn, (link_id,))
        if link is None:
            continue
        if link.filekey:
            give_file(txn, link.filekey, heir)
        team = link.rare.team if link.rare else ""
        rare = in_team(link.rare, heir, team)
        given = msgspec.structs.replace(link, owner=heir, rare=rare)
        LINKS.put(txn, (link.host, link.code), given)
    if len(keys) == ROWS_PER_WRITE:
        return len(keys), False
    for _, filekey in list(UPLOADS_BY_OWNER.keys(txn, (temporary,))):
        give_upload(txn, filekey, heir)
    drop_account(txn, temporary)
    return len(keys), True
