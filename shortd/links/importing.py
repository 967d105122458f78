"""Links that come from elsewhere, by the thousand.

They go in by batches, each of them whole or not at all. Nothing that is there already is
replaced, and what an entry brings along (disabled, limits, expiry, its age) is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

from msgspec import ValidationError, convert, to_builtins

from shortd import errors
from shortd.hosts import Hosts
from shortd.hosts.destinations import parse_destination
from shortd.links.codes import Codes
from shortd.links.finding import in_the_way
from shortd.links.links import Links, NewLink
from shortd.links.terms import LinkTerms
from shortd.models.accounts import Account
from shortd.plugin.types import ImportedLink
from shortd.store import Store
from shortd.store.txn import WriteTxn

BATCH = 1000
"""Links in one transaction."""

_INT64 = 2**63 - 1


class Importing:
    """Puts imported links under an account, on the default host."""

    def __init__(
        self, store: Store, hosts: Hosts, links: Links, codes: Codes, terms: LinkTerms
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._links = links
        self._codes = codes
        self._terms = terms

    async def run(self, account: Account, imported: Iterable[object], now: int) -> int:
        """Imports all; the number of links. `imported` should be ImportedLinks.

        Raises what the importer raises; INVALID_FIELD, INVALID_URL, URL_LOOPS or CODE_TAKEN
        with a message that names line and reason. Then batches before that one are in, and the
        message says how many links that is.
        """
        rest = iter(imported)
        done = 0
        try:
            while batch := list(islice(self._read(rest), BATCH)):
                first = self._links.next_utime(now, len(batch))
                await self._store.write(
                    partial(self._insert, account=account, batch=batch, first=first)
                )
                done += len(batch)
        except errors.ShortdError as refusal:
            message = f"{refusal.message} {done} links before it were imported."
            raise refusal.kind(message) from None
        return done

    def _read(self, imported: Iterator[object]) -> Iterator[tuple[ImportedLink, NewLink]]:
        for given in imported:
            if not isinstance(given, ImportedLink):
                raise TypeError(f"an importer yields ImportedLinks, not {type(given).__name__}")
            yield given, self._new(given)

    def _new(self, given: ImportedLink) -> NewLink:
        try:
            # Its fields can hold anything.
            convert(to_builtins(given), ImportedLink, strict=True)
        except ValidationError as fault:
            raise errors.INVALID_FIELD(_at(given, str(fault))) from None
        if not 0 <= given.utime <= _INT64:
            raise errors.INVALID_FIELD(_at(given, "A number is out of bounds."))
        host, code = self._hosts.default, None
        if given.code:
            try:
                code = self._codes.check(given.code, host, wide=True)
            except errors.ShortdError as refusal:
                told = f"{given.code!r} cannot be a code. {refusal.message}"
                raise refusal.kind(_at(given, told)) from None
        try:
            destination = parse_destination(given.url, self._hosts.names)
            terms = self._terms.check(given.terms)
        except errors.ShortdError as refusal:
            told = refusal.message
            if refusal.kind is errors.INVALID_FIELD:
                told = f"{refusal.field}: {told}"
            raise refusal.kind(_at(given, told)) from None
        return NewLink(
            destination=destination,
            host=host,
            code=code,
            terms=terms,
        )

    def _insert(
        self,
        txn: WriteTxn,
        account: Account,
        batch: list[tuple[ImportedLink, NewLink]],
        first: int,
    ) -> None:
        for position, (given, new) in enumerate(batch):
            if new.code is not None and in_the_way(txn, self._hosts, new.host.number, new.code):
                raise errors.CODE_TAKEN(_at(given, f"The code {new.code} is in use."))
            self._links.insert(txn, account.userid, new, given.utime or first + position)


def _at(given: ImportedLink, message: str) -> str:
    return f"line {given.line}: {message}" if given.line else message
