"""The file calls of ww7 v2: whole files, files in parts, and getting at encrypted ones."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from msgspec import Meta

from shortd import errors
from shortd.api.caller import Keyed
from shortd.api.v2.entries import EntryOutput, show
from shortd.api.v2.link_calls import requested_place
from shortd.api.v2.registry import Context, Credentials, Input, Output, call
from shortd.api.v2.terms import NewTerms, terms_of_new
from shortd.fields import CodeV2, ShortUrl
from shortd.hosts.destinations import Destination
from shortd.links import Address, NewLink
from shortd.links.drawing import image_weight
from shortd.models.files import Encryption, Upload
from shortd.models.links import Link
from shortd.sharing.descriptions import NAME_CHARACTERS, Description, described
from shortd.sharing.files import Secrecy, allowance

PART_WEIGHT = 1250
MEGABYTE_WEIGHT = 100
MAX_PART_NUMBER = 2**31 - 1

FileKey = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9]{32}$(?!\n)", description="The key of a file being uploaded.")
]
FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NAME_CHARACTERS,
        description="What the file is called.",
        examples=["note.txt"],
    ),
]
FileSize = Annotated[int, Meta(ge=0, le=2**62, description="Plain size in bytes.", examples=[5])]
FileType = Annotated[str, Meta(max_length=255, description="A MIME type, such as image/png.")]
Challenge = Annotated[
    str, Meta(pattern=r"^[0-9A-Fa-f]{32}$(?!\n)", description="128 random bits, hex-coded.")
]
Signature = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f]{88}$(?!\n)",
        description="The encrypted challenge: IV, ciphertext and tag, 44 bytes, hex-coded.",
    ),
]
EncryptionInput = Annotated[
    int, Meta(ge=0, le=1, description="0: none. 1: AES-256-GCM, by the client.")
]


class Described(Credentials, frozen=True, kw_only=True):
    """A file that is to come."""

    filename: FileName
    filesize: FileSize
    filetype: FileType | None = None


class FileLink(NewTerms, frozen=True, kw_only=True):
    """The terms of a file's link, and where it is to be."""

    code: CodeV2 | None = None
    shorturl: ShortUrl | None = None


class FileTerms(FileLink, frozen=True, kw_only=True):
    """The same, and how the file is encrypted."""

    encryption: EncryptionInput = 0
    challenge: Challenge | None = None
    signature: Signature | None = None


class SendFile(FileTerms, frozen=True, kw_only=True):
    filename: FileName
    filesize: FileSize
    filetype: FileType | None = None


class UploadPart(Credentials, frozen=True, kw_only=True):
    filekey: FileKey
    partnumber: Annotated[
        int,
        Meta(ge=0, le=MAX_PART_NUMBER, description="From 0 or 1 on, without gaps.", examples=[0]),
    ]
    partsize: FileSize


class Finalize(FileTerms, frozen=True, kw_only=True):
    filekey: FileKey


class Public(Input, frozen=True, kw_only=True):
    shorturl: ShortUrl


class Unlock(Public, frozen=True, kw_only=True):
    challenge: Challenge


class UploadOutput(Output, frozen=True, kw_only=True):
    expiration_utime: int
    filekey: str


class PartOutput(Output, frozen=True, kw_only=True):
    """Ours: what was received, for clients that want to be sure."""

    filekey: str
    partnumber: int
    partsize: int
    sha256: str


class SignatureOutput(Output, frozen=True, kw_only=True):
    signature: str


class ProtectedFileOutput(Output, frozen=True, kw_only=True):
    """How to fetch an encrypted file; `url` begins to answer until `url_expire_utime` (µs)."""

    encryption: Encryption
    filename: str
    filesize: int
    filetype: str
    url: str
    url_expire_utime: int


@call("file", weight=1000, weight_note="+ 100 per MB", form=True, keyed=Keyed.ONCE)
async def file(ctx: Context, args: SendFile) -> EntryOutput:
    """Shares a file in one request, and makes a short URL for it."""
    files = ctx.services.sharing.files
    description = _description(args)
    secrecy, new = _secrecy(args), await new_file_link(ctx, args)
    largest = args.filesize if secrecy.encryption is Encryption.NONE else allowance(args.filesize)
    if ctx.attempt.is_repeated:
        # There may be no room for it a second time.
        link = ctx.attempt.made_before(Link, await ctx.form.digest(largest))
        [entry] = await show(ctx, [link], args.qr)
        return EntryOutput(entry=entry)
    # First whether the file can come at all: waiting for weight would not help it.
    with files.receiving_file(ctx.account, args.filesize, ctx.form.received):
        ctx.charge(MEGABYTE_WEIGHT * (args.filesize // 1_000_000) + image_weight(args.qr))
        blob = await ctx.form.save(largest)
        link = await ctx.once(
            partial(files.store, ctx.account, description, [blob], secrecy, new, ctx.now),
            Link,
            blob.sha256,
        )
    [entry] = await show(ctx, [link], args.qr)
    return EntryOutput(entry=entry)


@call("file_part_initialize", weight=1000, keyed=Keyed.ONCE)
async def file_part_initialize(ctx: Context, args: Described) -> UploadOutput:
    """Begins a file that comes in parts; `expiration_utime` is when it must be finished."""
    files, description = ctx.services.sharing.files, _description(args)
    upload = await ctx.once(lambda: files.initialize(ctx.account, description, ctx.now), Upload)
    return UploadOutput(expiration_utime=upload.expiration_utime, filekey=upload.filekey)


@call("file_part_upload", weight=PART_WEIGHT, form=True)
async def file_part_upload(ctx: Context, args: UploadPart) -> PartOutput:
    """Sends one part, numbered from 0 or 1. Sent again, it takes the place of the first."""
    files = ctx.services.sharing.files
    number, size = args.partnumber, args.partsize
    with files.receiving_part(
        ctx.account, args.filekey, number, size, ctx.now, received=ctx.form.received
    ):
        blob = await ctx.form.save(size)
        if blob.size != size:
            await files.blobs.delete(blob.name)
            raise errors.BAD_FILE("The part is not partsize bytes long.", field="partsize")
        await files.put_part(ctx.account, args.filekey, number, blob, ctx.now)
    return PartOutput(
        filekey=args.filekey,
        partnumber=args.partnumber,
        partsize=blob.size,
        sha256=blob.sha256.hex(),
    )


def _finalize_weight(args: Finalize) -> int:
    return image_weight(args.qr)


@call("file_part_finalize", weight=1000, extra_weight=_finalize_weight, keyed=Keyed.ONCE)
async def file_part_finalize(ctx: Context, args: Finalize) -> EntryOutput:
    """Makes the file of its parts, and a short URL for it. If anything is off, they stay."""
    secrecy, new = _secrecy(args), await new_file_link(ctx, args)
    files = ctx.services.sharing.files
    link = await ctx.once(
        lambda: files.finalize(ctx.account, args.filekey, secrecy, new, ctx.now), Link
    )
    [entry] = await show(ctx, [link], args.qr)
    return EntryOutput(entry=entry)


@call("get_signature", weight=0)
async def get_signature(ctx: Context, args: Public) -> SignatureOutput:
    """Gives the signature of an encrypted file, to be decrypted with its password."""
    address = _public_address(ctx, args.shorturl)
    with ctx.services.limits.lookups.of_call(ctx.address, ctx.now):
        signature = ctx.services.sharing.unlocking.signature(address, ctx.now)
    return SignatureOutput(signature=signature)


@call("get_protected_file_info", weight=0)
async def get_protected_file_info(ctx: Context, args: Unlock) -> ProtectedFileOutput:
    """Gives the address of an encrypted file to who has decrypted its signature."""
    address = _public_address(ctx, args.shorturl)
    with ctx.services.limits.lookups.of_call(ctx.address, ctx.now):
        unlocked = await ctx.services.sharing.unlocking.unlock(
            address, args.challenge, ctx.address, ctx.now
        )
    host, _ = address
    return ProtectedFileOutput(
        encryption=unlocked.file.encryption,
        filename=unlocked.file.filename,
        filesize=unlocked.file.filesize,
        filetype=unlocked.file.filetype,
        url=ctx.services.hosts.numbered(host).base_url + unlocked.path,
        url_expire_utime=unlocked.expires,
    )


def _public_address(ctx: Context, shorturl: str) -> Address:
    address = ctx.services.links.links.address(shorturl)
    if address is None:
        raise errors.LINK_NOT_FOUND(field="shorturl")
    return address


def _description(args: Described | SendFile) -> Description:
    return described(args.filename, args.filesize, args.filetype or "")


def _secrecy(args: FileTerms) -> Secrecy:
    encryption = Encryption(args.encryption)
    if encryption is Encryption.NONE:
        return Secrecy()
    if args.challenge is None:
        raise errors.MISSING_FIELD("An encrypted file needs its challenge.", field="challenge")
    if args.signature is None:
        raise errors.MISSING_FIELD("An encrypted file needs its signature.", field="signature")
    return Secrecy(encryption, args.challenge.lower(), args.signature.lower())


async def new_file_link(ctx: Context, args: FileLink) -> NewLink:
    """The link that a file gets, as its sender wishes for it."""
    host, code = requested_place(ctx, args.shorturl, args.host, args.code)
    terms, password = await terms_of_new(ctx, args)
    # The file's name becomes the destination when the link is made.
    return NewLink(Destination("", ""), host, code, terms, password)
