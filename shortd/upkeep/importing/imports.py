"""Links and clicks from elsewhere, put under an account: the one way in for all that is imported.

What comes is a batch of offers. Each link is made whole, with its limit, its clicks and where it
came from in one transaction, or not at all, and a bad one leaves the others alone. Nothing that is
there already is ever replaced. An offer that comes again changes nothing, so that an import that
was killed begins anew, and a newer copy of a source brings what is new in it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import structs

from shortd import errors
from shortd.clicks import history
from shortd.hosts import Hosts
from shortd.link_codes import folded
from shortd.links.access import check_place
from shortd.links.finding import in_the_way
from shortd.links.links import Links, as_checked
from shortd.links.passwords import PASSWORD_CHARACTERS, LinkPasswords
from shortd.links.sheets import Result
from shortd.models.accounts import Account, PasswordHash
from shortd.models.importing import Imported
from shortd.models.links import Link
from shortd.moving import Note, Reason, SourceLink
from shortd.store import Store
from shortd.store.pace import GiveWay
from shortd.store.schema import ACCOUNTS, IMPORTED, IMPORTED_BY_ORIGIN, LINKS_BY_ID
from shortd.store.txn import Txn, WriteTxn
from shortd.upkeep.importing.clicks import PastClicks
from shortd.upkeep.importing.offers import ClickOffer, LinkOffer, Said, origin_of
from shortd.upkeep.importing.reading import LinkReader, Readable, heeded, refused, said

SLICE = 50
"""Rows that are read before the event loop goes on."""
AT_ONCE = 250
"""Rows in one transaction of a server, whose other writes wait for it."""
STRETCH_SECONDS = 0.002
"""How long the writer works before it lets redirects go first."""
HASHING_SECONDS = 60.0
"""How long a password waits for its turn to be hashed."""


class Imports:
    """Makes what is offered. Times are Unix µs."""

    def __init__(
        self,
        store: Store,
        hosts: Hosts,
        links: Links,
        passwords: LinkPasswords,
        reader: LinkReader,
        clicks: PastClicks,
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._links = links
        self._passwords = passwords
        self._reader = reader
        self._clicks = clicks
        self._give_way = GiveWay(STRETCH_SECONDS)
        self.results: Counter[str] = Counter()
        """What became of rows since the start, by result."""

    @property
    def default_host(self) -> str:
        """Name of the host for what has none."""
        return self._hosts.default.name

    async def links(
        self,
        account: Account,
        source: str,
        offers: Sequence[LinkOffer],
        domains: Mapping[str, str],
        now: int,
        *,
        apply: bool,
        wide: bool = True,
    ) -> list[Said]:
        """Makes the links of a format, or says what would become of each unless `apply`.

        `domains` are our hosts by those of the source, "" being the default one; `wide` is as in
        `Codes.check`. BAD_CREDENTIALS
        where the account is gone, STORAGE_FULL, QUOTA_EXCEEDED.
        """
        done: list[Said] = []
        for start in range(0, len(offers), AT_ONCE):
            tried: list[Readable | Said] = []
            for number, offer in enumerate(offers[start : start + AT_ONCE], 1):
                tried.append(
                    await self._tried(account, source, offer, domains, apply=apply, wide=wide)
                )
                if number % SLICE == 0:
                    await asyncio.sleep(0)
            tried = await self._asked(account, source, tried)
            if apply:
                first = self._links.next_utime(now, len(tried))
                made = await self._store.write(
                    partial(self._make, account=account, source=source, tried=tried, first=first)
                )
                self.results.update(one.result.value for one in made)
                done += made
            else:
                for begin in range(0, len(tried), SLICE):
                    with self._store.read() as txn:
                        some = tried[begin : begin + SLICE]
                        done += [self._would(txn, account, source, one) for one in some]
                    await asyncio.sleep(0)
        return done

    async def clicks(self, source: str, offers: Sequence[ClickOffer], now: int) -> int:
        """Adds clicks to links that came from a format: how many are new here."""
        came = 0
        for start in range(0, len(offers), AT_ONCE):
            came += await self._store.write(
                partial(
                    self._clicks.add,
                    source=source,
                    offers=offers[start : start + AT_ONCE],
                    now=now,
                    give_way=self._give_way,
                )
            )
        return came

    async def _tried(
        self,
        account: Account,
        source: str,
        offer: LinkOffer,
        domains: Mapping[str, str],
        *,
        apply: bool,
        wide: bool,
    ) -> Readable | Said:
        link = offer.link
        try:
            readable = self._reader.read(account, offer, domains, wide=wide)
            if isinstance(readable, Said) or link.password is None:
                return readable
            if len(link.password) > PASSWORD_CHARACTERS:
                note = Note(Reason.PASSWORD_UNUSABLE, "it is too long")
                new = structs.replace(
                    readable.new, terms=structs.replace(readable.new.terms, enabled=False)
                )
                return structs.replace(readable, new=new, notes=(*readable.notes, note))
            if apply and not self._is_known(account, source, readable):
                # Before the link is there, so that it is never open.
                new = structs.replace(readable.new, password=await self._hash(link.password))
                return structs.replace(readable, new=new)
        except errors.ShortdError as refusal:
            if refusal.kind is errors.BUSY:
                raise
            return refused(link, link.host or "", refusal)
        return readable

    async def _asked(
        self, account: Account, source: str, tried: list[Readable | Said]
    ) -> list[Readable | Said]:
        """The offers as plugins let them be made. Of what is here already nobody is asked."""
        if not self._links.checks.are_asked:
            return tried
        there = {place for place, one in enumerate(tried) if self._is_there(account, source, one)}
        new = [
            one.new
            for place, one in enumerate(tried)
            if isinstance(one, Readable) and place not in there
        ]
        said = await self._links.said_of(account, new)
        asked: list[Readable | Said] = []
        for place, one in enumerate(tried):
            if isinstance(one, Readable):
                if place in there:
                    one = structs.replace(one, refusal=errors.BUSY())
                else:
                    one = heeded(said, one)
            asked.append(one)
        return asked

    def _is_there(self, account: Account, source: str, one: Readable | Said) -> bool:
        """Whether an offer need not be made, or cannot be, as something is at its address."""
        if not isinstance(one, Readable):
            return True
        with self._store.read() as txn:
            try:
                known = _known(txn, account, source, one)
                return self._there(txn, account, one, known) is not None
            except errors.ShortdError:
                return True

    def _is_known(self, account: Account, source: str, one: Readable) -> bool:
        with self._store.read() as txn:
            return _known(txn, account, source, one) is not None

    async def _hash(self, password: str) -> PasswordHash | None:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

        patient = AsyncRetrying(
            retry=retry_if_exception(
                lambda fault: isinstance(fault, errors.ShortdError) and fault.kind is errors.BUSY
            ),
            stop=stop_after_delay(HASHING_SECONDS),
            wait=wait_fixed(0.5),
            reraise=True,
        )
        return await patient(self._passwords.hash, password)

    def _make(
        self,
        txn: WriteTxn,
        account: Account,
        source: str,
        tried: Sequence[Readable | Said],
        first: int,
    ) -> list[Said]:
        if ACCOUNTS.get(txn, (account.userid,)) is None:
            raise errors.BAD_CREDENTIALS(field="userid")
        done: list[Said] = []
        for utime, one in enumerate(tried, first):
            self._give_way()
            if isinstance(one, Readable):
                one = self._made(txn, account, source, one, utime)
            done.append(one)
        return done

    def _made(
        self, txn: WriteTxn, account: Account, source: str, one: Readable, utime: int
    ) -> Said:
        offer = one.offer
        known = _known(txn, account, source, one)
        try:
            there = self._there(txn, account, one, known)
            if there is not None:
                if known is not None and there.id:
                    _catch_up(txn, known, offer.link)
                return there
            if one.refusal is not None:
                raise one.refusal
            created = offer.link.created or utime
            link = self._links.insert(txn, account.userid, as_checked(one.new), created)
        except errors.ShortdError as refusal:
            return refused(offer.link, one.new.host.name, refusal)
        if offer.link.clicks:
            history.add_undated(txn, link.id, offer.link.clicks)
        if known is not None:
            # Another link that was there under the same name, and has another one here by now.
            IMPORTED.delete(txn, (known.link_id,))
        IMPORTED.put(txn, (link.id,), _row(link.id, account, source, one))
        place = self._place(link.host, link.code)
        return said(one, Result.MADE, link.code, self._hosts.short_url(link), link.id, place)

    def _would(self, txn: Txn, account: Account, source: str, one: Readable | Said) -> Said:
        if isinstance(one, Said):
            return one
        try:
            there = self._there(txn, account, one, _known(txn, account, source, one))
            if there is not None:
                return there
            if one.refusal is not None:
                raise one.refusal
            check_place(txn, account.userid, "", "", one.new.host)
        except errors.ShortdError as refusal:
            return refused(one.offer.link, one.new.host.name, refusal)
        host, code = one.new.host, one.new.code
        if code is None:
            return said(one, Result.MADE, "", "")
        place = self._place(host.number, code)
        return said(one, Result.MADE, code, host.short_url(code), place=place)

    def _place(self, host: int, code: str) -> str:
        """An address as no two links have it."""
        ignores_case = self._hosts.options_of(host).ignore_case
        return f"{host}\n{folded(code) if ignores_case else code}"

    def _there(
        self, txn: Txn, account: Account, one: Readable, known: Imported | None
    ) -> Said | None:
        """What is to be said of a link that is here already; None if it is not. CODE_TAKEN."""
        offered = one.offer.link
        link: Link | None = None
        if known is not None and _is_same(known, offered):
            link = LINKS_BY_ID.get(txn, (known.link_id,))
        is_known = link is not None
        if link is None and one.new.code is not None:
            link = in_the_way(txn, self._hosts, one.new.host.number, one.new.code)
            is_other = link is not None and (link.code, link.url) != (
                one.new.code,
                one.new.destination.url,
            )
            if is_other:
                raise errors.CODE_TAKEN(field="code")
        if link is None:
            return None
        if link.owner != account.userid:
            raise errors.CODE_TAKEN(field="code")
        host = self._hosts.numbered(link.host)
        there = Said(
            Result.UNCHANGED,
            link.code,
            host.name,
            host.short_url(link.code),
            place=self._place(host.number, link.code),
        )
        if is_known:
            return structs.replace(there, id=link.id)
        if offered.clicks:
            words = "its clicks stay behind: the link was here before"
            return structs.replace(there, reasons=("clicks_left_out",), note=words)
        return there


def _known(txn: Txn, account: Account, source: str, one: Readable) -> Imported | None:
    return IMPORTED_BY_ORIGIN.get(txn, (source, _origin(account, one)))


def _origin(account: Account, one: Readable) -> bytes:
    mark = one.offer.mark
    if one.offer.link.code is None:
        # Many have the same bookmark.
        mark = f"{mark}\n{account.userid}"
    return origin_of(one.new.host.name, mark)


def _is_same(known: Imported, link: SourceLink) -> bool:
    """Whether this is the link that came before, not another one's of another server that has the
    same code. Where it leads may have changed there."""
    return known.url == _digest(link.url) or (known.created != 0 and known.created == link.created)


def _catch_up(txn: WriteTxn, known: Imported, link: SourceLink) -> None:
    """Counts the clicks that the source has counted since."""
    more = link.clicks - known.clicks
    if more > 0:
        history.add_undated(txn, known.link_id, more)
        IMPORTED.put(txn, (known.link_id,), structs.replace(known, clicks=link.clicks))


def _row(link_id: int, account: Account, source: str, one: Readable) -> Imported:
    link = one.offer.link
    return Imported(
        link_id,
        source,
        _origin(account, one),
        link.created or 0,
        _digest(link.url),
        link.clicks,
    )


def _digest(url: str) -> bytes:
    return hashlib.blake2b(url.encode("utf-8", "surrogatepass"), digest_size=8).digest()
