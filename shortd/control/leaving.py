"""The end of an account, as the operator wants it: all of it, at once."""

from __future__ import annotations

from shortd import errors
from shortd.control.named import OneUser, account_called
from shortd.control.noted import noted
from shortd.control.registry import act
from shortd.control.wire import Rows
from shortd.models.audit import Action
from shortd.services import Services


@act("user remove")
@act("user delete")
async def user_delete(services: Services, args: OneUser) -> Rows:
    account = account_called(services.store, args.user)
    seen, _ = services.upkeep.people.seen(account)
    try:
        async with noted(services, Action.REMOVE_ACCOUNT, about=account):
            await services.upkeep.administration.end(account.userid, services.clock.now())
    except errors.ShortdError as refusal:
        if refusal.kind is not errors.STORAGE_FULL:
            raise
        raise errors.STORAGE_FULL(
            "There is no room left, and removing needs some before it makes any: free a few MB of"
            " the disk, or raise [storage] map_bytes, and try again."
        ) from None
    await services.upkeep.undertaker.bury()
    left = f"{seen.links} links and {seen.stored} bytes of files"
    return [
        [f"Deleted {account.userid} with {left}."],
        ["The operator's log names it for 400 days; backups do for as long as you keep them."],
    ]


@act("user exported")
async def user_exported(services: Services, args: OneUser) -> Rows:
    """Has it noted that somebody's data were written into a file; who writes it is the command."""
    account = account_called(services.store, args.user)
    async with noted(services, Action.EXPORT_ACCOUNT, about=account):
        return [[f"Noted for {account.userid}."]]
