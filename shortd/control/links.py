"""What the operator does about links and where they lead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice

import msgspec

from shortd import errors
from shortd.control.link_records import Links
from shortd.control.named import account_called, hosts_called, link_called
from shortd.control.noted import noted
from shortd.control.reading import portions
from shortd.control.registry import Args, DoneInPart, Portions, View, act, look
from shortd.control.wire import Rows
from shortd.hosts.destinations import parse_destination
from shortd.hosts.patterns import read_pattern
from shortd.links import NewLink
from shortd.links.terms import TermChanges
from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.models.links import Link
from shortd.services import Services
from shortd.store.schema import ACCOUNTS, BLOCKED_PATTERNS, LINKS_HELD
from shortd.upkeep.default_owner import default_owner

PORTION = 100
"""Links of one portion."""
NO_CHANGES = TermChanges()
CALLED = {
    "destination": "url",
    "valid_since": "starts",
    "expiration_utime": "expires",
    "expiration_count": "max-clicks",
    "counts_unique": "count-unique",
    "date_fallback": "expired-url",
    "count_fallback": "used-up-url",
    "forwarding": "forward-query",
    "hidden": "archived",
    "tag": "tag-bits",
}
"""Terms by what options call them, where that is another name."""


class OnePattern(Args, frozen=True):
    pattern: str


class NewPattern(OnePattern, frozen=True):
    reason: str = ""
    disable_existing: bool = False


class AddLink(Args, frozen=True):
    url: str
    code: str | None = None
    host: str | None = None
    owner: str | None = None
    terms: TermChanges = NO_CHANGES


class SomeLinks(Args, frozen=True):
    links: list[str]
    """Short URLs, or codes."""
    host: str | None = None
    reason: str = ""


class SetLinks(SomeLinks, frozen=True):
    terms: TermChanges = NO_CHANGES


class BlockedShown(msgspec.Struct, frozen=True):
    """A destination that is blocked."""

    pattern: str
    since_utime: int
    reason: str | None


@look("link blocked")
def link_blocked(view: View, args: Args) -> Portions:
    for rows in portions(view.store, BLOCKED_PATTERNS):
        yield [BlockedShown(row.text, row.create_utime, row.reason or None) for row in rows]


@look("link held")
def link_held(view: View, args: Args) -> Portions:
    """The links that wait for the operator, the longest first."""
    links = Links(view)
    after: tuple[int, int] | None = None
    while True:
        with view.store.read() as txn:
            found = list(islice(LINKS_HELD.rows(txn, after=after), PORTION))
            yield [shown for _, link in found for shown in links.held(txn, link)]
        if len(found) < PORTION:
            return
        last = found[-1][1]
        after = (last.held.since if last.held is not None else 0, last.id)


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


@act("link add")
async def link_add(services: Services, args: AddLink) -> Rows:
    """Says its short URL, and beside it what keeps visitors from it."""
    now = services.clock.now()
    host = services.hosts.default
    if args.host is not None:
        host = services.hosts.numbered(hosts_called(services.hosts, args.host)[0])
        if services.hosts.named(host.name) is None:
            raise errors.UNKNOWN_HOST(f"{host.name} answers no more.", field="host")
    code = None
    if args.code is not None:
        code = services.links.codes.check(args.code, host, wide=True)
    destination = parse_destination(args.url, services.hosts.names, field="url")
    given = await services.links.terms.of_new(args.terms)
    owner = await _owner(services, args.owner, now)
    new = NewLink(destination, host, code, given.terms, given.password, replaces=False)
    # What is drawn is not known before it is written.
    subject = destination.url if code is None else host.short_url(code)
    detail = "" if code is None else destination.url
    async with noted(services, Action.ADD_LINK, subject, about=owner, detail=detail):
        [link] = await services.links.links.create(owner, [new], now)
    return [[services.hosts.short_url(link), *_held(link)]]


def _held(link: Link) -> list[str]:
    """That a link is held, and why, if it is."""
    if not link.waits or link.held is None:
        return []
    why = "; ".join(one.reason for one in link.held.destinations if one.reason)
    return [f"It is held for a check, until shortd link approve{f': {why}' if why else ''}"]


async def _owner(services: Services, name: str | None, now: int) -> Account:
    """Whose a new link is: of who was named, else of who is found without a name."""
    if name is not None:
        return account_called(services.store, name)
    return await default_owner(services.store, services.accounts.accounts, now)


@act("link set")
async def link_set(services: Services, args: SetLinks) -> Rows:
    if args.terms.code is not None and len(args.links) > 1:
        raise errors.BAD_REQUEST("Several links cannot have one code.")
    given = [
        name for name in TermChanges.__struct_fields__ if getattr(args.terms, name) is not None
    ]
    detail = ", ".join(CALLED.get(name, name.replace("_", "-")) for name in given)

    async def change(link: Link, owner: Account) -> str:
        link = await services.links.terms.change(owner, link.id, args.terms, wide=True)
        return " ".join((f"{services.hosts.short_url(link)}: changed {detail}.", *_held(link)))

    return await _each(services, args, Action.CHANGE_LINK, change, detail)


@act("link enable")
async def link_enable(services: Services, args: SomeLinks) -> Rows:
    async def enable(link: Link, owner: Account) -> str:
        link = await services.upkeep.moderation.turn_on(link.id)
        held = ", and still held for a check: shortd link approve lets it go" if link.waits else ""
        return f"{services.hosts.short_url(link)} is on{held}."

    return await _each(services, args, Action.TURN_ON_LINK, enable)


@act("link disable")
async def link_disable(services: Services, args: SomeLinks) -> Rows:
    async def disable(link: Link, owner: Account) -> str:
        await services.upkeep.moderation.turn_off(link.id)
        return f"{services.hosts.short_url(link)} is off."

    return await _each(services, args, Action.TURN_OFF_LINK, disable)


@act("link approve")
async def link_approve(services: Services, args: SomeLinks) -> Rows:
    async def approve(link: Link, owner: Account) -> str:
        link = await services.links.holding.approve(link.id)
        return f"{services.hosts.short_url(link)} is let go: it leads to {link.url}."

    return await _each(services, args, Action.APPROVE_LINK, approve)


@act("link refuse")
async def link_refuse(services: Services, args: SomeLinks) -> Rows:
    async def refuse(link: Link, owner: Account) -> str:
        await services.links.holding.refuse(link.id, args.reason)
        return f"{services.hosts.short_url(link)} is refused, and off."

    return await _each(services, args, Action.REFUSE_LINK, refuse)


@act("link delete")
async def link_delete(services: Services, args: SomeLinks) -> Rows:
    async def delete(link: Link, owner: Account) -> str:
        await services.upkeep.moderation.delete(link.id)
        return f"Deleted {services.hosts.short_url(link)}."

    return await _each(services, args, Action.DELETE_LINK, delete)


async def _each(
    services: Services,
    args: SomeLinks,
    action: Action,
    do: Callable[[Link, Account], Awaitable[str]],
    detail: str | None = None,
) -> Rows:
    """Does it to each link that there is, and notes it; what is refused keeps no other from it."""
    said: Rows = []
    refused: list[str] = []
    for text in dict.fromkeys(args.links):
        try:
            link = link_called(services.store, services.hosts, text, args.host)
        except errors.ShortdError as refusal:
            refused.append(str(refusal))
            continue
        try:
            owner = services.store.get(ACCOUNTS, (link.owner,))
            if owner is None:
                raise errors.ENTRY_NOT_FOUND()
            async with noted(
                services,
                action,
                services.hosts.short_url(link),
                about=owner,
                detail=link.url if detail is None else detail,
                reason=args.reason,
            ):
                said.append([await do(link, owner)])
        except errors.ShortdError as refusal:
            refused.append(f"{text}: {refusal}")
    if refused:
        raise DoneInPart(said, refused)
    return said
