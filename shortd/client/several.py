"""Fetching several files that belong together, each into its place below a new folder.

Each is fetched as a single one is: under a temporary name until it is whole, and gone on with in a
later run. The ledger has where the files were told of, the folder, and which of them are there.
Whatever a server calls them, nothing is ever written outside of the folder, or through a link.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from shortd.client.connection import Connection
from shortd.client.crypto import Damaged, FileKey
from shortd.client.failures import ClientFailure
from shortd.client.fetch import Target, Transfer
from shortd.client.names import UNFIT, other_names, plainest, safe_name
from shortd.client.offer import Offer
from shortd.client.progress import Progress
from shortd.client.sinks import PartialFile
from shortd.client.state import Ledger, State
from shortd.zips import zip_paths


class Began(msgspec.Struct, frozen=True, tag="began"):
    """Where the files are fetched from, and where to."""

    address: str
    folder: str = ""
    """Its whole path; empty before there is one."""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A file that is there, by its number."""

    number: int


def has_begun(ledger: Ledger) -> bool:
    """Whether an earlier run has begun to fetch files, and did not end."""
    return any(isinstance(row, Began) for row in ledger.rows(_rows))


_rows: msgspec.json.Decoder[Began | Done] = msgspec.json.Decoder(Began | Done)


class Piece(NamedTuple):
    """One of the files."""

    number: int
    """Stands for it as long as it is there."""
    path: str
    """As it is told, whatever that says."""
    utime: int
    """When it was changed (Unix µs); 0 if nobody says."""
    offer: Offer
    key: FileKey | None = None
    note: str = ""
    """What its sender says."""


class Told(NamedTuple):
    """All of the files."""

    name: str
    pieces: Sequence[Piece]


class Shelf(Protocol):
    """Where several files are told of."""

    @property
    def address(self) -> str:
        """Where they were told of last, for a later run."""
        ...

    async def told(self) -> Told:
        """The files. `ClientFailure`."""
        ...

    async def renewed(self) -> Told:
        """The files, to be fetched from new addresses. `ClientFailure`."""
        ...


class SeveralFetch:
    """Several files on their way into a folder.

    The target may name the folder, else the server does. One that is there already is used if that
    is forced, and files in it are replaced.
    """

    def __init__(
        self,
        connection: Connection,
        state: State,
        ledger: Ledger,
        progress: Progress,
        target: Target,
    ) -> None:
        self._connection = connection
        self._state = state
        self._ledger = ledger
        self._progress = progress
        self._parent = target.folder
        self._wanted = target.name
        self._force = target.force
        self._folder: Path | None = None
        self.damaged: list[str] = []
        """What is wrong with each file that could not be had."""

    @property
    def address(self) -> str:
        """Where they were told of in an earlier run."""
        return self._begun()[-1].address

    async def run(self, shelf: Shelf, *, again: bool = False) -> Path:
        """The folder with all files but the `damaged` ones; `again`, as an earlier run has begun to
        fetch them. `ClientFailure`.
        """
        if not again:
            # What was paid for is not to be forgotten, whatever comes.
            self._ledger.append(Began(shelf.address))
        self._shelf = shelf
        told, began = await shelf.told(), self._begun()[-1]
        if began.folder and Path(began.folder).is_dir():
            here, folder = Path.cwd(), Path(began.folder)
            # As it would be called in a first run.
            folder = folder.relative_to(here) if folder.is_relative_to(here) else folder
            self._folder = folder
            rows = self._ledger.rows(_rows)
            done = {row.number for row in rows if isinstance(row, Done)}
        else:
            self._folder = folder = self._new_folder(told.name)
            done = set()
            self._ledger.clear()
        self._note_place()
        for piece, path in zip(told.pieces, _places(told.pieces), strict=True):
            if piece.number in done and _is_there(folder / path, piece):
                continue
            try:
                await self._fetch(piece, folder, path)
            except Damaged as fault:
                self.damaged.append(f"{path}: {fault}")
            else:
                if piece.note:
                    self._progress.note(f"{path}: {piece.note}")
        self._ledger.forget()
        return folder

    def whole(self, folder: Path) -> Path:
        """The folder, if nothing in it was damaged. `ClientFailure`."""
        if self.damaged:
            more = f" So are {len(self.damaged) - 1} more." if len(self.damaged) > 1 else ""
            raise ClientFailure(f"{self.damaged[0]}{more} The others are in {folder}.")
        return folder

    def _begun(self) -> list[Began]:
        return [row for row in self._ledger.rows(_rows) if isinstance(row, Began)]

    def _note_place(self) -> None:
        folder = str(self._folder.resolve()) if self._folder is not None else ""
        self._ledger.append(Began(self._shelf.address, folder))

    def _new_folder(self, name: str) -> Path:
        wanted = self._wanted or safe_name(name)
        try:
            return self._made(wanted)
        except OSError as fault:
            if fault.errno not in UNFIT:
                raise ClientFailure(f"{self._parent / wanted}: {fault.strerror}") from None
            return self._made(plainest(wanted))

    def _made(self, wanted: str) -> Path:
        for name in chain([wanted], other_names(wanted)):
            folder = self._parent / name
            try:
                folder.mkdir()
            except FileExistsError:
                if self._force and folder.is_dir():
                    return folder
                continue
            if name != wanted:
                self._progress.note(f"{self._parent / wanted} is there already: this is {folder}.")
            return folder
        raise AssertionError("names are endless")

    async def _fetch(self, piece: Piece, folder: Path, path: str) -> None:
        place = folder / path
        _make_folders(folder, place.parent)
        if not self._force and os.path.lexists(place):
            raise ClientFailure(f"{place} exists already; --force replaces it.")
        file = _FileOfSeveral(self, piece)
        with self._state.ledger("fetch-of-several", folder.resolve(), path) as ledger:
            try:
                sink = PartialFile(place.parent, ledger)
            except OSError as fault:
                raise ClientFailure(f"{place.parent}: {fault.strerror}") from None
            with sink:
                await Transfer(self._connection, file, sink, self._progress).run()
                # Before it is: one that is noted and not there is fetched again.
                self._ledger.append(Done(piece.number))
                _publish(sink, place, force=self._force)
        if piece.utime > 0:
            changed = piece.utime * 1000
            with suppress(OSError, OverflowError):
                os.utime(place, ns=(changed, changed), follow_symlinks=False)

    async def renewed(self, piece: Piece) -> Offer:
        """One of the files at a new address. `ClientFailure`."""
        told = await self._shelf.renewed()
        self._note_place()
        for found in told.pieces:
            if found.number == piece.number and found.path == piece.path:
                return found.offer
        raise ClientFailure("Other files have taken the place of these.")


class _FileOfSeveral:
    """One of the files, as `Transfer` asks for it."""

    def __init__(self, fetch: SeveralFetch, piece: Piece) -> None:
        self.key = piece.key
        self._fetch = fetch
        self._piece = piece

    async def offer(self) -> Offer:
        return self._piece.offer

    async def renewed(self, received: int) -> Offer:
        """The same at a new address. `ClientFailure`."""
        return await self._fetch.renewed(self._piece)


def _places(pieces: Sequence[Piece]) -> list[str]:
    """Where each file goes below the folder."""
    paths = (re.split(r"[/\\]", piece.path) for piece in pieces)
    return zip_paths(
        "/".join(safe_name(name) for name in names if name not in ("", ".", ".."))
        for names in paths
    )


def _is_there(place: Path, piece: Piece) -> bool:
    """Whether a file that was fetched is where it was put."""
    with suppress(OSError):
        return not place.is_symlink() and place.lstat().st_size == piece.offer.size
    return False


def _make_folders(top: Path, folder: Path) -> None:
    """Makes a folder below another one, through folders alone. ClientFailure."""
    at = top
    for name in folder.relative_to(top).parts:
        at /= name
        try:
            at.mkdir(exist_ok=True)
        except OSError as fault:
            raise ClientFailure(f"{at}: {fault.strerror}") from None
        if at.is_symlink():
            raise ClientFailure(f"{at} is a link, and may lead out of {top}.")


def _publish(sink: PartialFile, place: Path, *, force: bool) -> None:
    try:
        sink.publish(place, force=force)
    except OSError as fault:
        raise ClientFailure(f"{place}: {fault.strerror}") from None
