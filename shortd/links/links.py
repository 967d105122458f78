"""Links: making, replacing, moving, changing, listing, deleting them.

An address is (host number, code). To whoever may not see a link (see `access`) it does not
exist. Deleting a link takes its statistics with it: at once for whoever asks, and from the disk
within seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice, repeat
from random import Random
from typing import TYPE_CHECKING, Any, cast

import msgspec

from shortd import errors
from shortd.clicks import history
from shortd.clock import MINUTE
from shortd.files.boxes import drop_box
from shortd.files.manifests import drop_file
from shortd.hosts import Hosts, ShortHost
from shortd.hosts.destinations import Destination, refuse_blocked
from shortd.ids import base62_encode, drawn_ids, random_text
from shortd.links.access import check_barred, check_place, may_change, may_see, on_host
from shortd.links.addresses import codes_in, is_bare_code, read_code, split_short_url
from shortd.links.checking import NOBODY_ASKED, DestinationChecks, Said, places_of
from shortd.links.finding import find, in_the_way
from shortd.links.open_reports import drop_reports
from shortd.links.trackers import drop_link_trackers, sync_link_trackers
from shortd.models.accounts import DELETED, Account, PasswordHash
from shortd.models.links import NO_RARE_TERMS, Held, Link, RareTerms, Terms, rare_terms
from shortd.store import Store
from shortd.store.pace import matching_keys
from shortd.store.room import Reserve
from shortd.store.schema import (
    ACCOUNTS,
    BOXES,
    COUNTS,
    IMPORTED,
    LINKS,
    LINKS_BY_ID,
    LINKS_BY_OWNER,
    LINKS_PER_TEAM,
    MEMBERS_BY_ACCOUNT,
)
from shortd.store.txn import Txn, WriteTxn

SCAN_SLICE = 5000
"""Index entries a listing reads before it lets the event loop go on (about 4 ms)."""
FEW = 200
"""Links in front of a page that are looked at as those on it are."""

LARGEST_STEP = MINUTE
"""µs by which the clock may be set back with creation times still rising."""
DRAWS = 64
"""Codes of one length that are tried before it counts as used up. With nine in ten of them taken,
one link in a thousand gets a longer code than it could have had."""

ATTEMPTS = 5
"""How often plugins are asked anew about a change, as others have changed the link meanwhile."""

PLAIN_TERMS = Terms()
"""Of a link that was given none."""

Address = tuple[int, str]
Which = Address | int
"""A link by its address or by its id."""


class NewLink(msgspec.Struct, frozen=True, gc=False):
    """What a link is made of. `code` None: one is drawn."""

    destination: Destination
    host: ShortHost
    code: str | None = None
    terms: Terms = PLAIN_TERMS
    password: PasswordHash | None = None
    """What a visitor has to name first."""
    team: str = ""
    """Empty: the owner's own, or that of the team whose domain the host is."""
    campaign: str = ""
    filekey: str = ""
    """The file it shares; then the destination is the file's name."""
    box: str = ""
    """Key of the box that it stands for; then the destination is the box's name."""
    drawn_lengths: Sequence[int] = ()
    """Lengths of the code to draw, the shortest first; none: it spells the link's id."""
    replaces: bool = True
    """Whether an own link makes way at an own code; else that is taken as well."""
    plugins: dict[str, bytes] | None = None
    """Data of plugins, as the row keeps them."""
    field: str = "url"
    """What refusals call its destination."""
    held: Held | None = None
    """What its destinations have it held for."""


if TYPE_CHECKING:

    class CheckedLink(NewLink, frozen=True, gc=False):
        """One whose destinations plugins were asked about, by `Links.checked`; no other is ever
        written. To the type checker alone another type, so that making links pays nothing for it.
        """
else:
    CheckedLink = NewLink


def as_checked(new: NewLink) -> CheckedLink:
    """A link for which the caller has heeded what was said of it."""
    return cast("CheckedLink", new)


class TagFilter(msgspec.Struct, frozen=True):
    """Which tags a listing wants; the first one given decides, as in the v2 document."""

    equal: int | None = None
    all_bits: int | None = None
    any_bit: int | None = None

    def __call__(self, tag: int) -> bool:
        if self.equal is not None:
            return tag == self.equal
        if self.all_bits is not None:
            return tag & self.all_bits == self.all_bits
        if self.any_bit is not None:
            return tag & self.any_bit != 0
        return True


class Links:
    """The rules of links over the store."""

    def __init__(
        self, store: Store, hosts: Hosts, random: Random, checks: DestinationChecks
    ) -> None:
        self.checks = checks
        self._store = store
        self._hosts = hosts
        self._random = random
        self._ids = drawn_ids(random)
        self._last_utime = 0

    async def create(self, account: Account, new: Sequence[NewLink], now: int) -> list[Link]:
        """Makes all the links or none; on an own code it replaces what was there.

        Creation times are distinct and rise, so that lists have one order. Raises
        CODE_TAKEN for another account's code, and what `checked` does.
        """
        ready = await self.checked(account, new)
        first = self.next_utime(now, len(new))

        def insert(txn: WriteTxn) -> list[Link]:
            if ACCOUNTS.get(txn, (account.userid,)) is None:
                raise errors.BAD_CREDENTIALS(field="userid")
            return self.insert_all(txn, account.userid, ready, first)

        return await self._store.write(insert, is_repeatable=True)

    async def checked(self, account: Account, new: Sequence[NewLink]) -> list[CheckedLink]:
        """The links as plugins let them be made. DESTINATION_REFUSED, naming `NewLink.field`, or
        the term or the place in a plugin's data."""
        said = await self.said_of(account, new)
        return [heeding(said, one) for one in new]

    async def said_of(self, account: Account, new: Sequence[NewLink]) -> Said:
        """What plugins say of the destinations of links that are to be made, for who does without
        those that are refused."""
        if not self.checks.are_asked:
            return NOBODY_ASKED
        return await self.checks.of_new(account, [as_row(one) for one in new])

    def next_utime(self, now: int, count: int = 1) -> int:
        """The first of `count` creation times that no other link of this process has."""
        # A clock that was set back is followed, but for the steps by which it is kept right.
        is_behind = self._last_utime - now > LARGEST_STEP
        first = now if is_behind else max(now, self._last_utime + 1)
        self._last_utime = first + count - 1
        return first

    def get(self, account: Account, which: Which) -> Link:
        """The link at an address, or of an id, if the account may see it; else ENTRY_NOT_FOUND."""
        with self._store.read() as txn:
            return _visible(txn, account, which)

    def changeable(self, account: Account, which: Which) -> Link:
        """The link, if the account may change it; else ENTRY_NOT_FOUND or FORBIDDEN."""
        with self._store.read() as txn:
            return self._own(txn, account, which)

    async def page(
        self, account: Account, tags: TagFilter, *, start: int, count: int
    ) -> list[Link]:
        """Links with matching tags, newest first, from the `start`-th of them on."""
        ids: list[int] = []
        start, after = await self._passed(account, tags, start)
        # Mostly all tags match, and nothing behind them needs to be looked at.
        size = min(start + count, SCAN_SLICE)
        while True:
            with self._store.read() as txn:
                keys = list(
                    islice(
                        LINKS_BY_OWNER.keys(txn, (account.userid,), after=after, reverse=True),
                        size,
                    )
                )
            for _, _, link_id, tag in keys:
                if tags(tag):
                    if start:
                        start -= 1
                    else:
                        ids.append(link_id)
                        if len(ids) == count:
                            break
            if len(ids) == count or len(keys) < size:
                break
            after, size = keys[-1], SCAN_SLICE
            await self._store.turns.next()
        with self._store.read() as txn:
            found = (LINKS_BY_ID.get(txn, (link_id,)) for link_id in ids)
            return [link for link in found if link is not None]

    async def _passed(
        self, account: Account, tags: TagFilter, start: int
    ) -> tuple[int, tuple[str, int, int, int] | None]:
        """Passes over most of the `start` links that are in front of a page, by their tags alone:
        how many are left, and the place behind those that were passed."""
        place: bytes | None = None
        while start >= FEW:
            with self._store.read() as txn:
                most = min(start, SCAN_SLICE)
                bits, behind = LINKS_BY_OWNER.last_parts(
                    txn, (account.userid,), place, most, reverse=True
                )
            if behind is None:
                # These were all, and who goes on from before them finds no more.
                break
            place = behind
            start -= len(bits) if tags == TagFilter() else sum(map(tags, bits))
            await self._store.turns.next()
        return start, None if place is None else LINKS_BY_OWNER.key.decode(place)

    async def count(self, account: Account, tags: TagFilter) -> int:
        """How many links with matching tags there are for `page`."""
        if tags == TagFilter():
            with self._store.read() as txn:
                if not any(True for _ in MEMBERS_BY_ACCOUNT.keys(txn, (account.userid,))):
                    return LINKS_PER_TEAM.get(txn, (account.userid,))
        found, after = 0, None
        while True:
            with self._store.read() as txn:
                bits, after = LINKS_BY_OWNER.last_parts(txn, (account.userid,), after, SCAN_SLICE)
            found += sum(map(tags, bits))
            if after is None:
                return found
            await self._store.turns.next()

    async def change(self, account: Account, address: Address, **changes: Any) -> Link:
        """Sets fields of a link that neither move it nor change its id. DESTINATION_BLOCKED for
        one that cannot be on again."""

        def update(txn: WriteTxn) -> Link:
            before = self._own(txn, account, address)
            link = msgspec.structs.replace(before, **changes)
            self.check_on(before, link)
            LINKS.put(txn, address, link)
            return link

        # What stops abuse must not fail for want of room.
        reserve = Reserve.ALL if changes.keys() == {"enabled"} else Reserve.NONE
        return await self._store.write(update, reserve)

    async def edit(self, account: Account, which: Which, change: Callable[[Link], Link]) -> Link:
        """Puts what `change` makes of a link in its place, or at the address that it names then.

        CODE_TAKEN where another link is there, DESTINATION_BLOCKED for one that cannot be on again,
        DESTINATION_REFUSED; BUSY for one that others change again and again meanwhile.
        """
        for _ in range(ATTEMPTS):
            said = NOBODY_ASKED
            if self.checks.are_asked:
                there = self.changeable(account, which)
                said = await self.checks.of_change(account, there, change(there))
            changed = await self._edit(account, which, change, said)
            if changed is not None:
                return changed
        raise errors.BUSY()

    async def _edit(
        self, account: Account, which: Which, change: Callable[[Link], Link], said: Said
    ) -> Link | None:
        """None where the link leads elsewhere by now than where was asked about."""

        def update(txn: WriteTxn) -> Link | None:
            link = self._own(txn, account, which)
            changed = change(link)
            self.check_on(link, changed)
            if not said.covers(link, changed):
                return None
            changed = said.heeded(link, changed)
            new = (changed.host, changed.code)
            if new != (link.host, link.code):
                self._check_free(txn, new, link.id, "code")
                LINKS.delete(txn, (link.host, link.code))
            LINKS.put(txn, new, changed)
            if _window(link) and not _window(changed):
                history.end_sightings(txn, link.id)
            return changed

        return await self._store.write(update)

    async def set_plugin(
        self,
        account: Account,
        which: Which,
        name: str,
        data: bytes | None,
        now: int,
        *,
        over: bytes | None,
    ) -> bool:
        """Keeps a plugin's data in the link's row, if those there are still `over`; None is none.
        Whether they were. DESTINATION_REFUSED.
        """

        def with_data(link: Link) -> Link:
            plugins = {**(link.plugins or {}), name: data}
            kept = {one: raw for one, raw in plugins.items() if raw is not None}
            return msgspec.structs.replace(link, plugins=kept or None)

        said = NOBODY_ASKED
        if self.checks.are_asked:
            there = self.changeable(account, which)
            said = await self.checks.of_change(account, there, with_data(there))

        def update(txn: WriteTxn) -> bool:
            link = self._own(txn, account, which)
            changed = with_data(link)
            if (link.plugins or {}).get(name) != over or not said.covers(link, changed):
                return False
            changed = said.heeded(link, changed)
            LINKS.put(txn, (link.host, link.code), changed)
            sync_link_trackers(txn, changed, self._random, now)
            return True

        return await self._store.write(update)

    async def move(self, account: Account, old: Address, new: Address) -> Link:
        """Gives a link another address; id, counts and statistics stay.

        CODE_TAKEN; UNKNOWN_HOST for the domain of a team that the link cannot come to.
        """

        def update(txn: WriteTxn) -> Link:
            link = self._own(txn, account, old, "shorturl_old")
            self._check_free(txn, new, link.id, "shorturl_new")
            host, code = new
            rare = on_host(txn, account.userid, link, self._hosts.numbered(host))
            LINKS.delete(txn, old)
            changed = msgspec.structs.replace(link, host=host, code=code, rare=rare)
            LINKS.put(txn, new, changed)
            return changed

        return await self._store.write(update)

    async def redate(self, now: int) -> None:
        """Gives links from the future, made while the clock ran ahead, creation times of now, in
        the same order: else they would stand above all later ones for ever.
        """
        latest = now + LARGEST_STEP
        found: list[tuple[int, Address]] = []
        async for keys in matching_keys(
            self._store, LINKS, lambda txn, key, link: link.utime > latest
        ):
            links = [(address, self._store.get(LINKS, address)) for address in keys]
            found += [(link.utime, address) for address, link in links if link is not None]
        for old, address in sorted(found):
            utime = self.next_utime(now)
            await self._store.write(partial(_redate, address=address, old=old, utime=utime))

    async def delete(self, account: Account, which: Which) -> None:
        """Removes a link with its statistics; its address is free at once."""
        await self._store.write(
            lambda txn: delete_link(txn, self._own(txn, account, which)), Reserve.ALL
        )

    def address(self, shorturl: str) -> Address | None:
        """Reads a short URL as people write it (see `addresses`), with or without scheme: the
        address of the link that it means, if there is one; None if it cannot be one of ours.
        """
        name, rest = split_short_url(shorturl)
        host = self._hosts.named(name)
        within = None if host is None else host.within(rest)
        return None if host is None or within is None else self._behind(host, within)

    def named(self, text: str, host: ShortHost) -> Address | None:
        """The same for a short URL or for a code on a host, as it is or as addresses have it."""
        with self._store.read() as txn:
            link = find(txn, self._hosts, host.number, text)
        if link is not None and link.owner != DELETED:
            return link.host, link.code
        address = None if is_bare_code(text) else self.address(text)
        return self._behind(host, text) if address is None else address

    def _behind(self, host: ShortHost, rest: str) -> Address | None:
        """The address of the link that what stands behind a host means, or would mean."""
        plain = read_code(rest)
        codes = codes_in(rest) if plain is None else chain(codes_in(rest), [plain])
        with self._store.read() as txn:
            for code in codes:
                link = find(txn, self._hosts, host.number, code)
                if link is not None and link.owner != DELETED:
                    return link.host, link.code
        return None if plain is None else (host.number, plain)

    def _own(self, txn: Txn, account: Account, which: Which, field: str = "shorturl") -> Link:
        """A link that the account may change. ENTRY_NOT_FOUND; FORBIDDEN if it may only see it."""
        link = _visible(txn, account, which, field)
        if not may_change(txn, account.userid, link):
            raise errors.FORBIDDEN(field=field)
        return link

    def check_on(self, before: Link, after: Link) -> None:
        """Whether a link may be on again. FORBIDDEN if the operator has turned it off,
        DESTINATION_BLOCKED if it leads where no link may lead any more: it may be off for that."""
        check_barred(before, after)
        if after.enabled and not before.enabled:
            for place in places_of(after):
                refuse_blocked(place.url, self._hosts.names, field="enabled")

    def insert(self, txn: WriteTxn, owner: str, new: CheckedLink, utime: int) -> Link:
        """Puts a new link into an open transaction.

        CODE_TAKEN for another account's or team's code; UNKNOWN_HOST, TEAM_NOT_FOUND or
        CAMPAIGN_NOT_FOUND for what the account has no part in.
        """
        host = new.host.number
        team = check_place(txn, owner, new.team, new.campaign, new.host)
        if new.code is not None:
            if new.host.hides(new.code):
                raise errors.CODE_TAKEN(field="code")
            old = in_the_way(txn, self._hosts, host, new.code)
            if old is not None:
                is_own = old.owner == owner and (old.rare.team if old.rare else "") == team
                if not is_own or old.code != new.code or not new.replaces:
                    raise errors.CODE_TAKEN(field="code")
                delete_link(txn, old)
        is_drawn = new.code is None and self._hosts.options_of(host).ignore_case
        # A drawn id may be taken, or the code: then others are drawn.
        for link_id, code in zip(self._ids, self._codes(new), strict=False):
            link = _row(new, owner, team, link_id, code or base62_encode(link_id), utime)
            if is_drawn and in_the_way(txn, self._hosts, host, link.code) is not None:
                continue
            if not new.host.hides(link.code) and LINKS.insert(txn, (host, link.code), link):
                return link
        raise AssertionError("ids are endless")

    def insert_all(
        self, txn: WriteTxn, owner: str, new: Sequence[CheckedLink], first_utime: int
    ) -> list[Link]:
        """`insert` for many links, each made a microsecond after the one before it."""
        utimes = range(first_utime, first_utime + len(new))
        if all(self._spells_id(link) for link in new):
            rows = [
                _row(
                    link,
                    owner,
                    check_place(txn, owner, link.team, link.campaign, link.host),
                    link_id,
                    base62_encode(link_id),
                    utime,
                )
                for utime, link, link_id in zip(utimes, new, self._ids, strict=False)
            ]
            if LINKS.insert_all(txn, [((row.host, row.code), row) for row in rows]):
                return rows
        # Some have codes of their own, or a drawn id or its code is taken.
        return [
            self.insert(txn, owner, link, utime) for utime, link in zip(utimes, new, strict=True)
        ]

    def _spells_id(self, new: NewLink) -> bool:
        """Whether nothing is to be looked for before the code that a link's id spells is taken."""
        has_code = new.code is not None or new.drawn_lengths
        return not has_code and not self._hosts.options_of(new.host.number).ignore_case

    def _check_free(self, txn: Txn, address: Address, link_id: int, field: str) -> None:
        """CODE_TAKEN unless the link of this id can come to this address."""
        host, code = address
        is_hidden = self._hosts.numbered(host).hides(code)
        if is_hidden or in_the_way(txn, self._hosts, host, code, but=link_id) is not None:
            raise errors.CODE_TAKEN(field=field)

    def _codes(self, new: NewLink) -> Iterator[str]:
        """Codes to try, endless; empty where the id spells it."""
        if new.code is not None:
            yield from repeat(new.code)
        for length in new.drawn_lengths:
            for _ in range(DRAWS):
                yield random_text(self._random, length)
        yield from repeat("")


def as_row(new: NewLink) -> Link:
    """A new link as it may come to stand in the store, for who asks where it leads."""
    return _row(new, "", "", 0, new.code or "", 0)


def heeding(said: Said, new: NewLink) -> CheckedLink:
    """A new link as what was said of its destinations lets it be made. DESTINATION_REFUSED."""
    if not said.plugins:
        return as_checked(new)
    held = said.heeded(None, as_row(new), new.field).held
    return as_checked(msgspec.structs.replace(new, held=held))


def _row(new: NewLink, owner: str, team: str, link_id: int, code: str, utime: int) -> Link:
    terms, beside = new.terms, NO_RARE_TERMS
    if team or new.campaign or new.password is not None or new.box or new.held is not None:
        beside = RareTerms(
            team=team,
            campaign=new.campaign,
            password=new.password,
            box=new.box,
            held=new.held,
        )
    return Link(
        id=link_id,
        owner=owner,
        host=new.host.number,
        code=code,
        url=new.destination.url,
        utime=utime,
        tag=terms.tag,
        enabled=terms.enabled,
        expiration_utime=terms.expiration_utime,
        expiration_count=terms.expiration_count,
        ascii_url=new.destination.ascii_url,
        filekey=new.filekey,
        plugins=new.plugins,
        rare=rare_terms(terms, beside),
    )


def _visible(txn: Txn, account: Account, which: Which, field: str = "shorturl") -> Link:
    link = LINKS_BY_ID.get(txn, (which,)) if isinstance(which, int) else LINKS.get(txn, which)
    if link is None or not may_see(txn, account.userid, link):
        raise errors.ENTRY_NOT_FOUND(field=field)
    return link


def delete_links(txn: WriteTxn, ids: Sequence[int], rows: int) -> bool:
    """Removes the links of these ids until that took so many rows; whether all of them are gone and
    took fewer."""
    for link_id in ids:
        link = LINKS_BY_ID.get(txn, (link_id,))
        counts = COUNTS.get(txn, (link_id,))
        rows -= 1 + (min(counts.visits, history.ROWS_AT_ONCE) if counts else 0)
        if link is not None:
            box = BOXES.get(txn, (link.box,)) if link.box else None
            rows -= box.files if box else 0
            delete_link(txn, link)
        if rows <= 0:
            return False
    return True


def _redate(txn: WriteTxn, address: Address, old: int, utime: int) -> None:
    link = LINKS.get(txn, address)
    if link is not None and link.utime == old:
        LINKS.put(txn, address, msgspec.structs.replace(link, utime=utime))


def _window(link: Link) -> int:
    return 0 if link.rare is None else link.rare.unique_window


def delete_link(txn: WriteTxn, link: Link) -> None:
    """Removes a link with its file and everything kept under its id."""
    if link.filekey:
        drop_file(txn, link.filekey)
    if link.box:
        drop_box(txn, link.box)
    LINKS.delete(txn, (link.host, link.code))
    history.delete(txn, link.id)
    drop_reports(txn, link.id)
    IMPORTED.delete(txn, (link.id,))
    if link.plugins:
        drop_link_trackers(txn, link.id)
