"""`bundle`, a call of ours: several files under one link."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shortd.api.caller import Keyed
from shortd.api.v2.entries import EntryOutput, show
from shortd.api.v2.file_calls import FileKey, FileLink, FileSize, FileType, new_file_link
from shortd.api.v2.registry import Context, call
from shortd.links.drawing import image_weight
from shortd.models.links import Link
from shortd.sharing.bundles import PATH_CHARACTERS, NewEntry, bundled
from shortd.sharing.files import Secrecy
from shortd.zips import MOST_FILES


class BundledFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of several files, as its sender tells it."""

    path: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=PATH_CHARACTERS,
            description="Its name, behind its folders, with / in between.",
        ),
    ]
    filesize: FileSize
    filetype: FileType | None = None
    utime: Annotated[int, Meta(ge=0, le=2**62, description="When it was changed, in µs.")] = 0


class BundleInput(FileLink, frozen=True, kw_only=True):
    filekey: FileKey
    entries: Annotated[list[BundledFile], Meta(min_length=1, max_length=MOST_FILES)]


def _weight(args: BundleInput) -> int:
    return image_weight(args.qr)


@call("bundle", weight=1000, extra_weight=_weight, keyed=Keyed.ONCE)
async def bundle(ctx: Context, args: BundleInput) -> EntryOutput:
    """Makes several files of the parts of one upload, and one short URL for all of them."""
    entries = [
        NewEntry(
            path=entry.path,
            size=entry.filesize,
            filetype=entry.filetype or "",
            utime=entry.utime,
        )
        for entry in args.entries
    ]
    made = bundled(entries)
    new = await new_file_link(ctx, args)
    files = ctx.services.sharing.files
    link = await ctx.once(
        lambda: files.finalize(ctx.account, args.filekey, Secrecy(), new, ctx.now, bundle=made),
        Link,
    )
    [entry] = await show(ctx, [link], args.qr)
    return EntryOutput(entry=entry)
