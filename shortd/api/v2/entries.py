"""Entries as ww7 v2 shows them: links with their live counts, and their QR codes if asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import msgspec

from shortd.api.v2.registry import Context, Output
from shortd.api.v2.terms import QrInput
from shortd.clicks import LiveCounts
from shortd.links.holding import reasons_of
from shortd.links.qr import QrOptions, qrcode_output
from shortd.models.files import Encryption, File
from shortd.models.links import Link

NO_CLICKS = LiveCounts()


class QrCode(msgspec.Struct, frozen=True):
    """`qrcode` of an entry."""

    format: str
    image: str
    encoding: str


class Entry(Output, frozen=True, kw_only=True, gc=False):
    """The items of an entry (v2 document, get_entry)."""

    count: int
    count_qr: int
    enabled: bool
    encryption: Encryption
    expiration_count: int
    expiration_utime: int
    filekey: str
    filesize: int
    filetype: str
    id: int
    order: int
    shorturl: str
    signature: str
    tag: int
    url: str
    userid: str
    utime: int
    qrcode: QrCode | msgspec.UnsetType = msgspec.UNSET
    files: int | msgspec.UnsetType = msgspec.UNSET
    """Ours: how many files stand under the link, where they are several."""
    held: str | msgspec.UnsetType = msgspec.UNSET
    """Ours: why visitors are kept from it until the operator has looked at it."""
    refused: str | msgspec.UnsetType = msgspec.UNSET
    """Ours: what the operator says, who has looked at it and turned it off."""
    reused: bool | msgspec.UnsetType = msgspec.UNSET
    """Ours: whether it was there already; told where `reuse` was asked for."""


class EntryOutput(Output, frozen=True, kw_only=True):
    """`entry`: one entry."""

    entry: Entry


class EntriesOutput(Output, frozen=True, kw_only=True):
    """`entries`: a list of entries."""

    entries: list[Entry]


class ListedOutput(EntriesOutput, frozen=True, kw_only=True):
    """`entries`: a page of a list; `total`: how many entries it has on all pages."""

    total: int


async def show(
    ctx: Context,
    links: Sequence[Link],
    qr: QrInput,
    *,
    first_order: int | None = None,
    new: bool = False,
    made: Collection[int] | None = None,
) -> list[Entry]:
    """The links as entries. `first_order` numbers those of a list; else `order` is 0.

    `new` links were made this moment and share no files: they have nothing to look up. `made` are
    the ids of those that were, where others may have been reused.
    """
    services = ctx.services
    counts = [NO_CLICKS] * len(links)
    files: list[File | None] = [None] * len(links)
    if not new:
        with services.store.read() as txn:
            counts = [services.clicks.clicks.live(txn, link.id) for link in links]
            files = [services.sharing.files.of_link(txn, link) for link in links]
    short_urls = [services.hosts.short_url(link) for link in links]
    codes: Sequence[QrCode | msgspec.UnsetType] = [msgspec.UNSET] * len(links)
    options = QrOptions() if qr is True else qr
    if isinstance(options, QrOptions):
        draw = partial(_draw, options=options)
        codes = await ctx.while_connected(services.links.drawing.each(draw, short_urls, options))
    return [
        Entry(
            count=live.count,
            count_qr=live.count_qr,
            enabled=link.enabled,
            encryption=file.encryption if file else Encryption.NONE,
            expiration_count=link.expiration_count,
            expiration_utime=link.expiration_utime,
            filekey=link.filekey,
            filesize=file.filesize if file else -1,
            filetype=file.filetype if file else "",
            id=link.id,
            order=0 if first_order is None else first_order + position,
            shorturl=short_url,
            signature=file.signature if file else "",
            tag=link.tag,
            url=link.url,
            userid=link.owner,
            utime=link.utime,
            qrcode=code,
            files=file.entries if file and file.entries else msgspec.UNSET,
            held=reasons_of(link.held) if link.held and link.waits else msgspec.UNSET,
            refused=link.held.word if link.held and link.held.refused else msgspec.UNSET,
            reused=msgspec.UNSET if made is None else link.id not in made,
        )
        for position, (link, live, file, short_url, code) in enumerate(
            zip(links, counts, files, short_urls, codes, strict=True)
        )
    ]


def _draw(short_url: str, options: QrOptions) -> QrCode:
    return msgspec.convert(qrcode_output(short_url, options), QrCode)
