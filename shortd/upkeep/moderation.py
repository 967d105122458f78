"""What the operator does to links, whosever they are: finding, turning off and on, deleting.

A link that the operator has turned off stays off whatever its owner does to it; visitors are told
no more than of any link that is off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import ada_url
import msgspec

from shortd import errors
from shortd.hosts import Hosts
from shortd.links.holding import without_refusal
from shortd.links.links import Links, delete_links
from shortd.models.accounts import DELETED, Account
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.store import Store
from shortd.store.portions import in_portions
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    DOMAINS_BY_NAME,
    HOSTS,
    LINKS,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
)
from shortd.store.txn import Txn, WriteTxn
from shortd.upkeep.reading import PAGE, Looked, look_through

HOSTS_TRIED = 1000
"""Hosts on which an ending is looked up."""
_CODE_BYTES = 400
_INT64 = 2**63 - 1

Cursor = tuple[int, int | str]
"""Behind which link a page begins: (host, code), of one owner's links (time in µs, id)."""


class LinkSearch(msgspec.Struct, frozen=True):
    """What an operator looks for; all of it has to fit."""

    text: str = ""
    """In the ending, the destination or the title."""
    owner: Account | None = None
    destination_host: str = ""
    """With all below it."""
    off: bool = False

    @property
    def is_narrow(self) -> bool:
        return bool(self.text or self.destination_host or self.off)


class Moderation:
    """The operator's rules for links, over the store."""

    def __init__(self, store: Store, hosts: Hosts, links: Links) -> None:
        self._store = store
        self._hosts = hosts
        self._links = links

    def link(self, link_id: int) -> tuple[Link, Account | None]:
        """A link and whose it is. ENTRY_NOT_FOUND."""
        with self._store.read() as txn:
            link = _stored(txn, link_id)
            return link, ACCOUNTS.get(txn, (link.owner,))

    def at(self, text: str) -> list[Link]:
        """The links at an address; at an ending alone, those of all hosts."""
        text = text.strip()
        with self._store.read() as txn:
            hosts = [self._hosts.numbered(number) for number in _numbers(txn)]
        named = (self._links.named(text, host) for host in hosts)
        addresses = dict.fromkeys(address for address in named if address is not None)
        with self._store.read() as txn:
            found = [LINKS.get(txn, address) for address in addresses]
        return [link for link in found if link is not None and link.owner != DELETED]

    async def page(
        self, search: LinkSearch, after: Cursor | None, *, most: int = PAGE
    ) -> Looked[Cursor, Link]:
        """Links that fit, behind a cursor: of an owner the newest first, else in the order of their
        addresses. What is at the address that was asked for stands first.
        """
        text = search.text.strip().casefold()
        leads_there = leads_to(search.destination_host) if search.destination_host else None

        def may_be(link: Link) -> bool:
            if search.off and link.enabled:
                return False
            return leads_there is None or leads_there(link)

        at = self.at(search.text) if search.owner is None else []
        exact = [link for link in at if may_be(link)]
        known = {link.id for link in exact}

        def fits(txn: Txn, link: Link) -> bool:
            if link.owner == DELETED or link.id in known or not may_be(link):
                return False
            said = (link.code, link.url, link.rare.title if link.rare else "")
            return not text or any(text in one.casefold() for one in said)

        walk = _by_address if search.owner is None else partial(_of_owner, search.owner.userid)
        found = await look_through(self._store, walk, fits, after, most=most)
        first = exact if after is None else []
        return Looked([*first, *found.rows], found.older, found.is_cut)

    async def turn_off(self, link_id: int) -> Link:
        """Turns a link off for good, until `turn_on`. ENTRY_NOT_FOUND."""
        return await self._change(link_id, barred=True)

    async def turn_on(self, link_id: int) -> Link:
        """Turns a link on, whoever has turned it off, or refused it. ENTRY_NOT_FOUND."""
        return await self._change(link_id, barred=False)

    async def delete(self, link_id: int) -> None:
        """Removes a link with its file and its statistics, at once. ENTRY_NOT_FOUND."""
        with self._store.read() as txn:
            _stored(txn, link_id)

        def remove(txn: WriteTxn, rows: int) -> bool:
            return delete_links(txn, [link_id], rows)

        await in_portions(self._store, remove)

    async def _change(self, link_id: int, *, barred: bool) -> Link:
        def change(txn: WriteTxn) -> Link:
            link = _stored(txn, link_id)
            rare = msgspec.structs.replace(link.rare or NO_RARE_TERMS, barred=barred)
            kept = None if rare == NO_RARE_TERMS else rare
            changed = msgspec.structs.replace(link, enabled=not barred, rare=kept)
            if not barred:
                changed = without_refusal(changed)
            LINKS.put(txn, (link.host, link.code), changed)
            return changed

        return await self._store.write(change, Reserve.ALL)


def _stored(txn: Txn, link_id: int) -> Link:
    link = LINKS_BY_ID.get(txn, (link_id,))
    if link is None or link.owner == DELETED:
        raise errors.ENTRY_NOT_FOUND()
    return link


def _numbers(txn: Txn) -> list[int]:
    """Numbers of the hosts that answer, or once did."""
    configured = [host.number for _, host in HOSTS.scan(txn)]
    domains = [row.number for _, row in islice(DOMAINS_BY_NAME.rows(txn), HOSTS_TRIED)]
    return [*configured, *domains]


def leads_to(host: str) -> Callable[[Link], bool]:
    """Whether a link leads to a host, which people may write in any way, or to one below it."""
    host = host.strip()
    try:
        host = ada_url.URL(host if "://" in host else f"https://{host}").hostname
    except ValueError:
        return lambda link: False
    host = host.removesuffix(".")

    def does(link: Link) -> bool:
        if link.filekey or link.box:
            return False
        try:
            found = ada_url.URL(link.location).hostname.removesuffix(".")
        except ValueError:
            return False
        return found == host or found.endswith(f".{host}")

    return does


def _by_address(txn: Txn, after: Cursor | None) -> Iterator[tuple[Cursor, Link]]:
    place = None if after is None else (after[0], str(after[1]))
    for _, link in LINKS.scan(txn, after=place):
        yield (link.host, link.code), link


def _of_owner(userid: str, txn: Txn, after: Cursor | None) -> Iterator[tuple[Cursor, Link]]:
    # Tags stand behind the id: the least of them stands before all.
    place = None if after is None else (userid, after[0], int(after[1]), -(_INT64 + 1))
    for _, link in LINKS_BY_OWNER.rows(txn, (userid,), after=place, reverse=True):
        yield (link.utime, link.id), link


def cursor_of(text: str, *, of_owner: bool) -> Cursor | None:
    """A cursor as an address has it; one that is none of ours is the beginning."""
    first, _, second = text.partition("-")
    numbers = [part.isascii() and part.isdigit() and len(part) < 20 for part in (first, second)]
    if of_owner:
        found = (int(first), int(second)) if all(numbers) else None
        return found if found is not None and max(found) <= _INT64 else None
    fits = second and "\0" not in second and len(second.encode()) <= _CODE_BYTES
    return (int(first), second) if numbers[0] and fits and int(first) < 2**32 else None
