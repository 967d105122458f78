"""What the operator does about links and where they lead."""

from __future__ import annotations

from shortd.clicks.statistics import day_text
from shortd.clock import DAY
from shortd.control.noted import noted
from shortd.control.registry import Args, act, look
from shortd.control.wire import Rows
from shortd.hosts.blocked import all_blocked
from shortd.hosts.patterns import read_pattern
from shortd.models.audit import Action
from shortd.services import Services
from shortd.store import Store


class OnePattern(Args, frozen=True):
    pattern: str


class NewPattern(OnePattern, frozen=True):
    reason: str = ""
    disable_existing: bool = False


@look("link blocked")
def link_blocked(store: Store, args: Args) -> Rows:
    with store.read() as txn:
        rows = [
            [row.text, day_text(row.create_utime // DAY), row.reason or "-"]
            for row in all_blocked(txn)
        ]
    return [["PATTERN", "SINCE", "REASON"], *rows]


@act("link block")
async def link_block(services: Services, args: NewPattern) -> Rows:
    text = read_pattern(args.pattern).text
    detail = "with links that lead there" if args.disable_existing else ""
    async with noted(services, Action.BLOCK_DESTINATION, text, detail=detail, reason=args.reason):
        row = await services.blocked.add(text, args.reason, services.clock.now())
    said = f"No new link leads to {row.text}."
    if args.disable_existing:
        done = await services.links.blocking.switch_off(row.text)
        said += f" Links that did and were switched off: {done.off}."
    return [[said]]


@act("link unblock")
async def link_unblock(services: Services, args: OnePattern) -> Rows:
    text = read_pattern(args.pattern).text
    async with noted(services, Action.UNBLOCK_DESTINATION, text):
        row = await services.blocked.remove(text)
    return [[f"Links may lead to {row.text} again; those that are off stay off."]]
