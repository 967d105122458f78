"""Boxes: links by which others send files to an account. These calls are ours."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec
from msgspec import Meta

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v2.entries import Entry, show
from shortd.api.v2.link_calls import address_of, requested_place
from shortd.api.v2.registry import Context, Credentials, Output, call
from shortd.fields import CodeV2, EntryCount, HostName, ShortUrl, StartIndex, Utime
from shortd.links.links import PLAIN_TERMS, Which
from shortd.links.passwords import PASSWORD_CHARACTERS
from shortd.links.terms import TermChanges
from shortd.models.common import NEVER
from shortd.models.files import Box, Encryption
from shortd.models.links import Link
from shortd.sharing.boxes import (
    MOST_FILES,
    MOST_TYPES,
    NAME_CHARACTERS,
    NOTE_CHARACTERS,
    USUAL_BYTES,
    USUAL_FILES,
    BoxLimits,
    Received,
)

ITEM_WEIGHT = 10

Bytes = Annotated[int, Meta(ge=1, le=2**62)]
PublicKey = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]{87}$(?!\n)",
        description="An uncompressed point of P-256, base64url-coded: 65 bytes.",
    ),
]


class CreateBox(Credentials, frozen=True, kw_only=True):
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=NAME_CHARACTERS,
            description="What the box is called.",
            examples=["Pictures of the trip"],
        ),
    ]
    note: Annotated[str, Meta(max_length=NOTE_CHARACTERS, description="For whoever sends.")] = ""
    most_file_bytes: (
        Annotated[Bytes, Meta(description="Of one file; null: as many as of all.")] | None
    ) = None
    most_files: Annotated[int, Meta(ge=1, le=MOST_FILES)] = USUAL_FILES
    most_bytes: Annotated[Bytes, Meta(description="Of all files together.")] = USUAL_BYTES
    types: Annotated[
        list[Annotated[str, Meta(max_length=100, description="Such as .pdf or image/*.")]],
        Meta(max_length=MOST_TYPES, description="None: all."),
    ] = msgspec.field(default_factory=list)
    public_key: PublicKey | None = None
    password: Annotated[
        str, Meta(max_length=PASSWORD_CHARACTERS, description="For whoever sends; empty for none.")
    ] = ""
    expiration_utime: Utime = NEVER
    code: CodeV2 | None = None
    shorturl: ShortUrl | None = None
    host: HostName | None = None


class OneBox(Credentials, frozen=True, kw_only=True):
    shorturl: Annotated[ShortUrl, Meta(description="The box's link; null: by its `id`.")] | None = (
        None
    )
    id: Annotated[int, Meta(ge=0, le=2**62, description="Of the box's entry.")] | None = None

    def which(self, ctx: Context) -> Which:
        """The link of the box that is meant. MISSING_FIELD, ENTRY_NOT_FOUND."""
        if self.shorturl is not None:
            return address_of(ctx, self.shorturl)
        if self.id is None:
            raise errors.MISSING_FIELD("Say which box: its shorturl, or its id.", field="shorturl")
        return self.id


class ListBox(OneBox, frozen=True, kw_only=True):
    start: StartIndex = 0
    count: EntryCount = 100


class CloseBox(OneBox, frozen=True, kw_only=True):
    closed: Annotated[bool, Meta(description="false: it takes files again.")] = True


class BoxShown(Output, frozen=True, kw_only=True):
    """A box, its limits, and how much is in it."""

    name: str
    note: str
    most_file_bytes: int
    most_files: int
    most_bytes: int
    types: list[str]
    public_key: str
    closed: bool
    files: int
    bytes: int


class BoxFile(Output, frozen=True, kw_only=True):
    """A file that came; `url` begins to answer until `url_expire_utime` (µs). Of an encrypted one,
    `label` and `sender_key` (base64url) have name, type and note for the box's private key."""

    id: int
    utime: int
    filename: str
    filesize: int
    filetype: str
    note: str
    encryption: Encryption
    sender_key: str
    label: str
    url: str
    url_expire_utime: int


class BoxOutput(Output, frozen=True, kw_only=True):
    """`entry`: the box's link. `box`: the box."""

    entry: Entry
    box: BoxShown


class BoxFilesOutput(Output, frozen=True, kw_only=True):
    """`box`: the box. `files`: what came, the newest first."""

    box: BoxShown
    files: list[BoxFile]


@call("create_box", keyed=Keyed.ONCE, weight=2000)
async def create_box(ctx: Context, args: CreateBox) -> BoxOutput:
    """Makes a box: a short URL by which others send files to you."""
    boxes, links = ctx.services.sharing.boxes, ctx.services.links
    place = requested_place(ctx, args.shorturl, args.host, args.code)
    terms, password = PLAIN_TERMS, None
    if args.password or args.expiration_utime != NEVER:
        changes = TermChanges(
            expiration_utime=args.expiration_utime, password=args.password or None
        )
        terms, password = await links.terms.of_new(changes)
    limits = BoxLimits(
        note=args.note,
        file_bytes=args.most_file_bytes or 0,
        most_files=args.most_files,
        most_bytes=args.most_bytes,
        types=args.types,
    )
    key = urlsafe_b64decode(args.public_key + "=") if args.public_key else b""
    link = await ctx.once(
        lambda: boxes.create(ctx.account, args.name, limits, key, place, ctx.now, terms, password),
        Link,
    )
    return await _shown(ctx, link)


def _list_weight(args: ListBox) -> int:
    return ITEM_WEIGHT * args.count


@call("list_box", weight=1000, extra_weight=_list_weight, weight_note="+ 10 per file asked for")
async def list_box(ctx: Context, args: ListBox) -> BoxFilesOutput:
    """Shows what came into a box, with addresses to fetch it from, the newest first."""
    boxes = ctx.services.sharing.boxes
    link, box = boxes.own(ctx.account, args.which(ctx))
    found = boxes.items(link)[args.start : args.start + args.count]
    return BoxFilesOutput(
        box=_box(link, box), files=[_file(ctx, link, received) for received in found]
    )


@call("close_box", weight=1000)
async def close_box(ctx: Context, args: CloseBox) -> BoxOutput:
    """Has a box take nothing more, or go on. What came into it stays."""
    boxes = ctx.services.sharing.boxes
    which = args.which(ctx)
    await boxes.close(ctx.account, which, closed=args.closed)
    link, _ = boxes.own(ctx.account, which)
    return await _shown(ctx, link)


async def _shown(ctx: Context, link: Link) -> BoxOutput:
    box = ctx.services.sharing.boxes.of_link(link)
    if box is None:
        raise errors.BOX_NOT_FOUND(field="shorturl")
    [entry] = await show(ctx, [link], None)
    return BoxOutput(entry=entry, box=_box(link, box))


def _box(link: Link, box: Box) -> BoxShown:
    return BoxShown(
        name=link.url,
        note=box.note,
        most_file_bytes=box.file_bytes,
        most_files=box.most_files,
        most_bytes=box.most_bytes,
        types=list(box.types),
        public_key=_coded(box.public_key),
        closed=box.closed,
        files=box.files,
        bytes=box.held,
    )


def _file(ctx: Context, link: Link, received: Received) -> BoxFile:
    serial, item, file = received
    address = ctx.services.sharing.addresses.of_received(link, item.filekey, file, ctx.now)
    return BoxFile(
        id=serial,
        utime=item.utime,
        filename=file.filename,
        filesize=file.filesize,
        filetype=file.filetype,
        note=item.note,
        encryption=file.encryption,
        sender_key=_coded(item.sender_key),
        label=_coded(item.label),
        url=ctx.services.hosts.numbered(link.host).base_url + address.path,
        url_expire_utime=address.expires,
    )


def _coded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
