"""Fetching several files that stand under one link, each into its place below a new folder.

Each is fetched as a single one is: under a temporary name until it is whole, and gone on with in a
later run. The ledger has where the files were told of, the folder, and which of them are there.
Whatever a server calls them, nothing is ever written outside of the folder, or through a link.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import chain
from pathlib import Path

import httpx
import msgspec

from shortd.client.connection import Connection
from shortd.client.failures import ClientFailure, Refused
from shortd.client.fetch import RENEWED_BY, Target, Transfer
from shortd.client.names import UNFIT, other_names, plainest, safe_name
from shortd.client.offer import Offer, Visitor
from shortd.client.progress import Progress
from shortd.client.sinks import PartialFile
from shortd.client.state import Ledger, State
from shortd.zips import zip_paths

MOST_PAGES = 400
"""Answers in which a server may tell of the files: ours needs a tenth."""


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


class Entry(msgspec.Struct):
    """One of the files, as a server tells it."""

    path: str
    filesize: int
    url: str
    etag: str = ""
    utime: int = 0


class Listing(msgspec.Struct):
    """Some of the files."""

    filename: str
    entries: list[Entry]
    next: str | None = None


class Told(msgspec.Struct):
    """All of the files."""

    name: str
    entries: list[Entry]


class SeveralFetch:
    """The files under one link, on their way into a folder.

    The target may name the folder, else the server does. One that is there already is used if that
    is forced, and files in it are replaced.
    """

    def __init__(
        self,
        connection: Connection,
        visitor: Visitor,
        state: State,
        ledger: Ledger,
        progress: Progress,
        target: Target,
    ) -> None:
        self._connection = connection
        self._visitor = visitor
        self._state = state
        self._ledger = ledger
        self._progress = progress
        self._parent = target.folder
        self._wanted = target.name
        self._force = target.force
        self._folder: Path | None = None

    async def run(self, address: httpx.URL | None) -> Path:
        """The folder with all files, which are told of at `address`, or else where they were in
        an earlier run. `ClientFailure`.
        """
        if address is not None:
            # What was paid for is not to be forgotten, whatever comes.
            self._ledger.append(Began(str(address)))
        rows = self._ledger.rows(_rows)
        began = [row for row in rows if isinstance(row, Began)][-1]
        told = await self._told(httpx.URL(began.address))
        if began.folder and Path(began.folder).is_dir():
            here, folder = Path.cwd(), Path(began.folder)
            # As it would be called in a first run.
            folder = folder.relative_to(here) if folder.is_relative_to(here) else folder
            self._folder = folder
            done = {row.number for row in rows if isinstance(row, Done)}
        else:
            self._folder = folder = self._new_folder(told.name)
            done = set()
            self._ledger.clear()
        self._note_place()
        for number, path in enumerate(_places(told.entries)):
            if number not in done or not _is_there(folder / path, told.entries[number]):
                await self._fetch(told, number, folder, path)
        self._ledger.forget()
        return folder

    def _note_place(self) -> None:
        folder = str(self._folder.resolve()) if self._folder is not None else ""
        self._ledger.append(Began(str(self._found), folder))

    async def _told(self, address: httpx.URL) -> Told:
        """What the server says of the files; another visit if it says nothing any more."""
        try:
            return await self._all(address)
        except Refused as refused:
            if refused.status not in RENEWED_BY:
                raise
            return await self._all(await self._visitor.again())

    async def _all(self, address: httpx.URL) -> Told:
        self._found = address
        entries: list[Entry] = []
        name, after = "", str(address)
        for _ in range(MOST_PAGES):
            listing = await self._some(after)
            name = name or listing.filename
            entries += listing.entries
            if not listing.next:
                return Told(name, entries)
            after = listing.next
        raise ClientFailure("The server does not come to an end with the list of files.")

    async def _some(self, address: str) -> Listing:
        there = self._visitor.own(address)
        if there is None:
            raise ClientFailure("The server names an address that is not its own.")
        send = self._connection.send
        answer = await self._connection.patiently(lambda: send("GET", there))
        if answer.location is not None:
            raise Refused("These files are no longer told of.", status=answer.status)
        try:
            return msgspec.json.decode(answer.body, type=Listing)
        except (msgspec.DecodeError, RecursionError):
            raise ClientFailure("The server does not say which files these are.") from None

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

    async def _fetch(self, told: Told, number: int, folder: Path, path: str) -> None:
        place = folder / path
        _make_folders(folder, place.parent)
        if not self._force and os.path.lexists(place):
            raise ClientFailure(f"{place} exists already; --force replaces it.")
        file = _FileOfSeveral(self, told, number)
        with self._state.ledger("fetch-of-several", folder.resolve(), path) as ledger:
            try:
                sink = PartialFile(place.parent, ledger)
            except OSError as fault:
                raise ClientFailure(f"{place.parent}: {fault.strerror}") from None
            with sink:
                await Transfer(self._connection, file, sink, self._progress).run()
                # Before it is: one that is noted and not there is fetched again.
                self._ledger.append(Done(number))
                _publish(sink, place, force=self._force)
        changed = told.entries[number].utime
        if changed > 0:
            with suppress(OSError, OverflowError):
                os.utime(place, ns=(changed * 1000, changed * 1000), follow_symlinks=False)

    async def renewed(self) -> Told:
        """The files as they are told of after another visit."""
        told = await self._all(await self._visitor.again())
        self._note_place()
        return told

    def offer_of(self, entry: Entry) -> Offer:
        """One of the files. `ClientFailure` if it is not the server's own."""
        address = self._visitor.own(entry.url)
        if address is None or entry.filesize < 0:
            raise ClientFailure("The server names an address that is not its own.")
        etag = entry.etag if re.fullmatch(r'"[!#-~]{1,200}"', entry.etag) else ""
        return Offer(safe_name(entry.path), entry.filesize, str(address), etag)


class _FileOfSeveral:
    """One of the files, as `Transfer` asks for it."""

    key = None

    def __init__(self, fetch: SeveralFetch, told: Told, number: int) -> None:
        self._fetch = fetch
        self._told = told
        self._number = number

    async def offer(self) -> Offer:
        return self._fetch.offer_of(self._told.entries[self._number])

    async def renewed(self, received: int) -> Offer:
        """The same at a new address, after another visit. `ClientFailure`."""
        told = await self._fetch.renewed()
        if [entry.path for entry in told.entries] != [entry.path for entry in self._told.entries]:
            raise ClientFailure("Other files have taken the place of these.")
        self._told.entries = told.entries
        return await self.offer()


def _places(entries: list[Entry]) -> list[str]:
    """Where each file goes below the folder."""
    paths = (re.split(r"[/\\]", entry.path) for entry in entries)
    return zip_paths(
        "/".join(safe_name(name) for name in names if name not in ("", ".", ".."))
        for names in paths
    )


def _is_there(place: Path, entry: Entry) -> bool:
    """Whether a file that was fetched is where it was put."""
    with suppress(OSError):
        return not place.is_symlink() and place.lstat().st_size == entry.filesize
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
