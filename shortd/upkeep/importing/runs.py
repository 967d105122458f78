"""A source taken to its end: read, offered batch by batch, and told of row by row.

This is the side of whoever asked for it, be that the command or the pages; where the data are is
the target's affair. First all links, then their clicks. Memory stays the same for any source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from shortd.links.sheets import Result
from shortd.moving import (
    ClickSum,
    HostSetting,
    Problem,
    Reason,
    Remark,
    SourceClick,
    SourceLink,
)
from shortd.moving.source import Source
from shortd.upkeep.importing.ledger import Ledger
from shortd.upkeep.importing.offers import BATCH, BATCH_BYTES, ClickOffer, LinkOffer, Said
from shortd.upkeep.importing.words import in_words

ROW_BYTES = 1 << 20
"""Bytes of a link as JSON, at most."""
TEXT_CHARACTERS = 2048
"""Of a text of a click, at most; what is kept is shorter."""
REMARKS = 100
"""Remarks that are told, at most."""


class ReportRow(msgspec.Struct, frozen=True, gc=False):
    """A line of the report."""

    row: int | str
    """A line, or the id that the source gave it."""
    code: str
    host: str
    url: str
    shorturl: str
    result: Result
    reasons: tuple[str, ...]
    note: str


class Summary(msgspec.Struct):
    """What a run came to, or would."""

    applied: bool
    results: dict[str, int]
    """Links by what became of them."""
    reasons: dict[str, int]
    """Links by the reasons that the report gives."""
    clicks: int = 0
    """Of the links that are here now."""
    clicks_without_link: int = 0
    """Of codes that the source has no link of."""
    clicks_of_skipped: int = 0
    remarks: list[str] = msgspec.field(default_factory=list)
    """What else is to be known of the source."""
    what: str = "links"
    """What is counted in `results`."""

    @property
    def skipped(self) -> int:
        return self.results[Result.SKIPPED]


class Target(Protocol):
    """Where the data are."""

    default_host: str
    """Name of the host for what the source has on its default domain."""

    async def links(self, offers: Sequence[LinkOffer], domains: Mapping[str, str]) -> list[Said]:
        """What became of each, or would; `domains` as in `Imports.links`."""

    async def clicks(self, offers: Sequence[ClickOffer]) -> int:
        """How many of them are new."""


class Run:
    """One run. `domains` are our hosts by the source's, "" being its default one or ours."""

    def __init__(
        self,
        source: Source,
        target: Target,
        domains: Mapping[str, str],
        report: Callable[[ReportRow], None],
        told: Callable[[float | None], None],
        *,
        apply: bool,
    ) -> None:
        """`told` hears how far it is, from 0 to 1, or None where nobody knows."""
        self._source = source
        self._target = target
        self._domains = dict(domains)
        self._report = report
        self._told = told
        self._apply = apply
        self._waiting: list[tuple[LinkOffer | Problem, Said | None]] = []
        self._addresses: set[str] = set()
        self._bytes = 0
        self._reasons: Counter[str] = Counter()
        self._summary = Summary(apply, dict.fromkeys(Result, 0), {})

    async def to_end(self) -> Summary:
        """Takes the source to its end. SOURCE_UNREADABLE; what the target raises. What came until
        then stays, and comes but once when it is done again."""
        with Ledger() as self._ledger:
            for record in self._source.links():
                await self._take(record)
            await self._flush()
            await self._take_clicks()
        self._summary.reasons = dict(self._reasons.most_common())
        return self._summary

    async def _take(self, record: SourceLink | Problem | Remark | HostSetting) -> None:
        if isinstance(record, SourceLink):
            await self._offer(record)
        elif isinstance(record, Problem):
            self._waiting.append((record, None))
        elif isinstance(record, Remark):
            if record.name == "default_domain" and record.value in self._domains:
                self._domains.setdefault("", self._domains[str(record.value)])
            self._remark(record.text)
        else:
            self._remark(_setting_in_words(record))
        if len(self._waiting) >= BATCH or self._bytes >= BATCH_BYTES:
            await self._flush()

    async def _offer(self, link: SourceLink) -> None:
        mark = link.code
        if link.code is None:
            mark = self._ledger.mark_of(link.url, link.created)
        else:
            address = self._named(link)
            if address in self._addresses:
                # Only what became of the other one says whether it is taken.
                await self._flush()
            if self._ledger.is_taken(address):
                self._waiting.append((LinkOffer("", link), _taken(link)))
                return
            self._addresses.add(address)
        offer = LinkOffer(mark or "", link)
        try:
            size = len(msgspec.json.encode(offer))
        except UnicodeEncodeError:
            self._skip(link, Reason.UNREADABLE, "half a surrogate pair")
            return
        if size > ROW_BYTES:
            self._skip(link, Reason.UNREADABLE, f"{size} bytes are more than a link has")
            return
        self._bytes += size
        self._waiting.append((offer, None))

    def _skip(self, link: SourceLink, reason: Reason, words: str) -> None:
        said = _skipped(link, reason, words)
        self._waiting.append((LinkOffer("", link), said))

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._addresses.clear()
        self._bytes = 0
        offers = [one for one, said in waiting if isinstance(one, LinkOffer) and said is None]
        answers = iter(await self._target.links(offers, self._domains) if offers else ())
        for one, said in waiting:
            if isinstance(one, Problem):
                self._tell(_row_of_problem(one))
                continue
            link, said = one.link, said or next(answers)
            is_here = said.result is not Result.SKIPPED
            if is_here and said.place and self._ledger.is_taken(f"\n{said.place}"):
                said, is_here = _taken(link), False
            self._tell(_row(link, said))
            if is_here and link.code is not None:
                self._ledger.take(self._named(link))
                self._ledger.take(f"\n{said.place}")
            self._ledger.add(link.key, said.id if is_here else -1)
            if is_here:
                self._summary.clicks += link.clicks
            else:
                self._summary.clicks_of_skipped += link.clicks
        self._told(self._source.progress)

    async def _take_clicks(self) -> None:
        batch = _Clicks(self._ledger)
        for click in self._source.clicks():
            if not batch.add(click):
                self._summary.clicks_without_link += _number(click)
            if batch.is_full:
                await self._send(batch)
                batch = _Clicks(self._ledger)
        await self._send(batch)
        if self._summary.clicks_without_link:
            number = self._summary.clicks_without_link
            self._remark(f"{number} clicks were on codes that have no link; they are left out.")

    async def _send(self, batch: _Clicks) -> None:
        offers = batch.offers()
        if offers and self._apply:
            await self._target.clicks(offers)
        self._told(self._source.progress)

    def _named(self, link: SourceLink) -> str:
        """An address as the source has it, on the host that takes it here."""
        name = link.host or ""
        host = self._domains.get(name, name) or self._target.default_host
        return f"{host}\n{link.code}"

    def _tell(self, row: ReportRow) -> None:
        self._summary.results[row.result] += 1
        self._reasons.update(row.reasons)
        self._report(row)

    def _remark(self, text: str) -> None:
        if len(self._summary.remarks) < REMARKS:
            self._summary.remarks.append(text)


class _Clicks:
    """Clicks that wait to be sent, by link."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._links: dict[str, tuple[int, int, list[SourceClick], list[ClickSum]] | None] = {}
        self._rows = 0
        self._characters = 0

    @property
    def is_full(self) -> bool:
        return self._rows >= BATCH or self._characters >= BATCH_BYTES // 4

    def add(self, click: SourceClick | ClickSum) -> bool:
        """Takes one in; whether the source has its link."""
        key = click.link
        if key not in self._links:
            entry = self._ledger.find(key)
            self._links[key] = None if entry is None else (entry.id, entry.seen, [], [])
        known = self._links[key]
        # Those of no use take time as well.
        self._rows += 1
        if known is None:
            return False
        link_id, _, clicks, sums = known
        if link_id <= 0:
            return True
        if isinstance(click, SourceClick):
            click = _bounded(click)
            self._characters += len(click.user_agent) + len(click.referrer)
            clicks.append(click)
        else:
            self._characters += 16 * sum(
                map(len, (click.countries, click.referrers, click.browsers, click.systems))
            )
            sums.append(click)
        return True

    def offers(self) -> list[ClickOffer]:
        """All of them; they count as told from now on."""
        offers = []
        for key, known in self._links.items():
            if known is None or not (known[2] or known[3]):
                continue
            link_id, seen, clicks, sums = known
            offers.append(ClickOffer(link_id, seen, clicks, sums))
            self._ledger.see(key, len(clicks) + sum(one.total for one in sums))
        # Neighbours are found on the same pages.
        offers.sort(key=lambda offer: offer.id)
        return offers


def _number(click: SourceClick | ClickSum) -> int:
    return 1 if isinstance(click, SourceClick) else click.total


def _bounded(click: SourceClick) -> SourceClick:
    texts = (click.address, click.user_agent, click.referrer, click.country)
    if max(map(len, texts)) <= TEXT_CHARACTERS and all(map(_is_text, texts)):
        return click
    address, agent, referrer, country = (
        text[:TEXT_CHARACTERS].encode("utf-8", "replace").decode() for text in texts
    )
    return SourceClick(click.link, click.time, address, agent, referrer, country, click.is_bot)


def _is_text(text: str) -> bool:
    return text.isascii() or text.isprintable()


def _taken(link: SourceLink) -> Said:
    return _skipped(link, Reason.CODE_TAKEN, "it is of the same source")


def _skipped(link: SourceLink, reason: Reason, text: str) -> Said:
    code, host = link.code or "", link.host or ""
    words = in_words(reason, text)
    return Said(Result.SKIPPED, code, host, reasons=(reason.value,), note=words)


def _row(link: SourceLink, said: Said) -> ReportRow:
    return ReportRow(
        _row_number(link.row),
        said.code or link.code or "",
        said.host or link.host or "",
        link.url,
        said.short_url,
        said.result,
        said.reasons,
        said.note,
    )


def _row_of_problem(problem: Problem) -> ReportRow:
    return ReportRow(
        _row_number(problem.row),
        problem.code or "",
        problem.host or "",
        problem.url,
        "",
        Result.SKIPPED,
        (problem.reason.value,),
        in_words(problem.reason, problem.text),
    )


def _row_number(row: str) -> int | str:
    return int(row) if row.isascii() and row.isdigit() and len(row) < 19 else row


def _setting_in_words(setting: HostSetting) -> str:
    """What an operator can put into his settings."""
    told = ", ".join(
        f"{name} = {url}"
        for name, url in (
            ("root", setting.root),
            ("unknown", setting.unknown),
            ("ended", setting.ended),
        )
        if url
    )
    return f"{setting.host or 'The default domain'} sent visits elsewhere: {told}; see [host]."
