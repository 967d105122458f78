"""The call of ours that takes a file: for uploaders and scripts that send one as browsers do.

The key comes before the file, so that nobody's bytes are taken; what else there is may stand
behind it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import msgspec
from litestar.types import HTTPScope

from shortd import errors
from shortd.api.sqwish.calls import custom_code, facts
from shortd.api.sqwish.documents import Document, flag
from shortd.api.sqwish.registry import WEIGHT, Context
from shortd.files.blobs import Blob, BlobWriter, Discarded
from shortd.files.multiparts import Multiparts
from shortd.files.sizes import too_large
from shortd.files.transfers import keep
from shortd.hosts.destinations import Destination
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT
from shortd.links import NewLink
from shortd.links.terms import TermChanges
from shortd.models.accounts import Scope
from shortd.models.links import Link
from shortd.sharing.files import Secrecy
from shortd.web.share.making import of_upload
from shortd.web.share.receiving import FILE, filename_of

NAME = "upload"
FIELD_BYTES = 4096
_ROUND = 64 << 10
"""Bytes that a form may be larger than its file."""
_MEGABYTE = 1_000_000


async def upload(
    ctx: Context, scope: HTTPScope, content_type: str, length: int, body: AsyncIterator[bytes]
) -> Document:
    """Shares the file of a form, whose body has `length` bytes; 0 where nobody said.

    BAD_CREDENTIALS where the key is not there before the file, and what `shorten` and a file may be
    refused for.
    """
    parts = Multiparts(content_type, body, partial(keep, scope))
    try:
        while (part := await parts.next()) is not None and part.name != FILE:
            await _take(ctx, parts, part.name or "")
        ctx.authenticate(Scope.WRITE, keyless=False)
        ctx.charge(WEIGHT + FILE_MEGABYTE_WEIGHT * (length // _MEGABYTE))
        if part is None or not part.filename:
            raise errors.MISSING_FIELD("This parameter is missing.", field=FILE)
        link = await _shared(ctx, parts, filename_of(part), part.content_type or "", length)
    finally:
        await parts.aclose()
    return {
        **facts(ctx, link),
        "custom": flag(bool(ctx.parameters.get("custom"))),
        "password": flag(bool(ctx.parameters.get("password"))),
    }


async def _shared(
    ctx: Context, parts: Multiparts, filename: str, filetype: str, length: int
) -> Link:
    files = ctx.services.sharing.files
    if ctx.attempt.has_key:
        # What stands behind the file is told to `once`.
        ctx.begin(b"sqwish upload.%b" % ctx.written.encode(), has_file=True)
    if ctx.attempt.is_repeated:
        # There may be no room for it a second time.
        return await _made_before(ctx, parts, filename, filetype)
    room = files.room(ctx.account)
    largest = min(room, length or room)
    writer: BlobWriter | None = None
    try:
        with files.receiving_file(ctx.account, max(0, length - _ROUND) if length else room):
            writer = files.blobs.create()
            async for piece in parts.payload():
                if writer.size + len(piece) > largest:
                    raise too_large(largest, FILE)
                await writer.write(piece)
            while (part := await parts.next()) is not None:
                await _take(ctx, parts, part.name or "")
            if not length:
                ctx.charge(FILE_MEGABYTE_WEIGHT * (writer.size // _MEGABYTE))
            new = await _new_link(ctx)
            blob, writer = await writer.finish(), None
            description = of_upload(filename, blob.size, filetype)
            return await ctx.once(
                partial(files.store, ctx.account, description, [blob], Secrecy(), new, ctx.now),
                Link,
                _content(ctx, blob, filename, filetype),
            )
    finally:
        if writer is not None:
            await writer.discard()


async def _made_before(ctx: Context, parts: Multiparts, filename: str, filetype: str) -> Link:
    read, most = Discarded(), ctx.services.settings.limits.of(ctx.account.type).max_file_bytes
    async for piece in parts.payload():
        if read.size + len(piece) > most:
            raise errors.FILE_TOO_LARGE(field=FILE)
        await read.write(piece)
    while (part := await parts.next()) is not None:
        await _take(ctx, parts, part.name or "")
    link: Link = ctx.attempt.made_before(
        Link, _content(ctx, await read.finish(), filename, filetype)
    )
    return link


def _content(ctx: Context, blob: Blob, filename: str, filetype: str) -> bytes:
    """What an answer depends on, the parameters of which may stand behind the file."""
    return blob.sha256 + ctx.request(NAME) + msgspec.json.encode([filename, filetype])


async def _take(ctx: Context, parts: Multiparts, name: str) -> None:
    """Reads a parameter. INVALID_FIELD for one that comes twice, and for a second file."""
    if name == FILE:
        raise errors.INVALID_FIELD("This parameter comes twice.", field=FILE)
    value = (await parts.text(FIELD_BYTES, name)).decode("utf-8", "replace")
    ctx.parameters = ctx.parameters.and_one(name, value)


async def _new_link(ctx: Context) -> NewLink:
    code, password = custom_code(ctx), ctx.parameters.get("password")
    terms, hashed = await ctx.services.links.terms.of_new(TermChanges(password=password))
    return NewLink(
        # The file's name becomes the destination when the link is made.
        Destination("", ""),
        ctx.services.hosts.default,
        code,
        terms,
        hashed,
        replaces=False,
    )
