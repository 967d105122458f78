"""What the page that shares files shows, and the form that it has without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shortd.web.forms import Form, filled
from shortd.web.home.contents import Made, Row
from shortd.web.teams.working import Working

FileKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{32}$(?!\n)")]


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """The fields beside the file."""

    way: Annotated[str, Meta(max_length=16)] = "open"
    """Who can open it."""
    ends: Annotated[str, Meta(max_length=10)] | None = None
    downloads: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    ending: Annotated[str, Meta(max_length=1200)] | None = None
    host: Annotated[str, Meta(max_length=255)] | None = None
    together: Annotated[str, Meta(max_length=10)] = "one"
    """Whether several files have "one" link or "several"."""
    team: Annotated[str, Meta(max_length=64)] = ""
    """Id of the team whose the link is; empty for the own one."""


class Finish(NewFile, frozen=True, kw_only=True):
    """What the script tells once all parts are there."""

    filekey: FileKey
    challenge: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")] = ""
    """Of an encrypted file."""
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{88}$(?!\n)")] = ""
    entries: str = ""
    """Which files it is, where it is several: a JSON array of `NewEntry`."""


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is given up."""

    filekey: FileKey


class Room(msgspec.Struct, frozen=True):
    """How much may be shared, in bytes."""

    file: int
    """One file at most."""
    free: int
    all: int


class Large(msgspec.Struct, frozen=True):
    """A link whose file takes much room."""

    row: Row
    size: int
    """Bytes on disk."""


class SharePage(msgspec.Struct, frozen=True, kw_only=True):
    """share/page.html."""

    room: Room
    form: Form[Any] = msgspec.field(default_factory=filled)
    made: Made | None = None
    start: str = "open"
    """Who can open a file unless its sender says otherwise: "open", "key", "password"."""
    largest: Sequence[Large] = ()
    """What takes the most, where there is no room."""
    hosts: Sequence[tuple[str, str]] = ()
    """Short hosts to choose from; none where there is no choice."""
    host: str = ""
    """Name of the short host that endings stand behind."""
    working: Working = Working()
