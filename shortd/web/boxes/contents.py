"""What the pages of boxes show, and their forms."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shortd.models.files import Box, Encryption
from shortd.models.links import Link
from shortd.sharing.boxes import USUAL_BYTES, USUAL_FILES, BoxLimits, Received
from shortd.web.forms import Form, filled

SIZES = (10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000)
"""Bytes that are offered to choose from."""

Size = Annotated[int, Meta(ge=0, le=2**62)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a box takes, as the forms have it."""

    name: Annotated[str, Meta(min_length=1, max_length=400)]
    note: Annotated[str, Meta(max_length=4000)] = ""
    of_file: Size = 0
    """Bytes; 0: as many as of all."""
    of_all: Size = USUAL_BYTES
    files: Annotated[int, Meta(ge=1, le=2**31)] = USUAL_FILES
    types: Annotated[str, Meta(max_length=4000)] = ""
    """Divided by commas or spaces."""

    @property
    def limits(self) -> BoxLimits:
        return BoxLimits(
            note=self.note,
            file_bytes=self.of_file,
            most_files=self.files,
            most_bytes=self.of_all,
            types=[one for one in re.split(r"[\s,;]+", self.types) if one],
        )


class NewBox(Limits, frozen=True, kw_only=True):
    """A box that is to be made."""

    way: Annotated[str, Meta(max_length=16)] = "open"
    """"open" or "sealed"."""
    public_key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{87}$(?!\n)")] | None = None
    password: Annotated[str, Meta(max_length=256)] | None = None
    ends: Annotated[str, Meta(max_length=10)] | None = None
    ending: Annotated[str, Meta(max_length=1200)] | None = None
    host: Annotated[str, Meta(max_length=255)] | None = None


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """One of the files, by its serial; none: all."""

    item: Annotated[int, Meta(ge=0, le=2**62)] | None = None


class ShownBox(msgspec.Struct, frozen=True, kw_only=True):
    """A box of the list."""

    id: int
    name: str
    short_url: str
    files: int
    bytes: int
    closed: bool
    is_sealed: bool


class ShownItem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came."""

    serial: int
    name: str
    """Empty where it is encrypted."""
    size: int
    utime: int
    note: str
    sender_key: str
    label: str


class BoxesPage(msgspec.Struct, frozen=True, kw_only=True):
    """boxes/page.html."""

    boxes: Sequence[ShownBox]
    form: Form[Any] = msgspec.field(default_factory=filled)
    can_make: bool = True
    """Whether this server has boxes."""
    hosts: Sequence[tuple[str, str]] = ()
    host: str = ""
    free: int = 0
    """Bytes that the owner has left."""
    sizes: Sequence[int] = SIZES


class OneBoxPage(msgspec.Struct, frozen=True, kw_only=True):
    """boxes/box.html."""

    box: ShownBox
    items: Sequence[ShownItem]
    note: str
    public_key: str
    is_new: bool
    """It was made just now."""
    form: Form[Any]
    """Of its limits."""
    most_files: int
    most_bytes: int
    sizes: Sequence[int] = SIZES


def shown_box(link: Link, box: Box, short_url: str) -> ShownBox:
    return ShownBox(
        id=link.id,
        name=link.url,
        short_url=short_url,
        files=box.files,
        bytes=box.held,
        closed=box.closed,
        is_sealed=box.is_sealed,
    )


def shown_item(received: Received) -> ShownItem:
    serial, item, file = received
    return ShownItem(
        serial=serial,
        name="" if file.encryption is not Encryption.NONE else file.filename,
        size=file.filesize,
        utime=item.utime,
        note=item.note,
        sender_key=coded(item.sender_key),
        label=coded(item.label),
    )


def coded(raw: bytes) -> str:
    """base64url, as scripts have it."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def limits_of(link: Link, box: Box) -> Form[Limits]:
    """The form of a box's limits, filled in."""
    return filled(
        name=link.url,
        note=box.note,
        of_file=str(box.file_bytes),
        of_all=str(box.most_bytes),
        files=str(box.most_files),
        types=", ".join(box.types),
    )
