"""Fetching a shared file: bytes in, opened if need be, checked, and put where they belong.

An interrupted transfer goes on where the last proven byte was: in this run, and for files also
in a later one. What is not whole never gets the file's name, and what is whole gets one, whatever
is in its way.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from itertools import chain
from pathlib import Path
from typing import Protocol

import httpx
from werkzeug.http import parse_content_range_header

from shortd.client.connection import Connection
from shortd.client.crypto import Damaged, FileKey, FrameOpener
from shortd.client.failures import ClientFailure, Refused
from shortd.client.names import UNFIT, other_names, plainest
from shortd.client.offer import GONE, Offer
from shortd.client.progress import Progress
from shortd.client.sinks import Kept, PartialFile, Sink
from shortd.client.state import Ledger

RENEWED_BY = GONE | {301, 302, 303, 307, 308}
"""Answers of an address whose time is up."""


class Target:
    """What `--output` and `--force` ask for: a file, or a folder for one of the server's name."""

    def __init__(self, output: Path | None, *, force: bool) -> None:
        self.force = force
        is_folder = output is None or output.is_dir()
        self.folder = (output or Path()) if is_folder else (output or Path()).parent
        self.name = None if is_folder or output is None else output.name
        """What it is to be called; None: as the server says."""
        if not self.folder.is_dir():
            raise ClientFailure(f"{self.folder} is no folder.")
        if self.name is not None:
            self._check(self.folder / self.name)

    def _check(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise ClientFailure(f"{path} is there already, and no file.")
        if not self.force and os.path.lexists(path):
            raise ClientFailure(f"{path} exists already; --force replaces it.")

    def open(self, ledger: Ledger) -> PartialFile:
        """The file to be, with what an earlier run has left of it. ClientFailure if there can be
        none.
        """
        try:
            return PartialFile(self.folder, ledger)
        except OSError as fault:
            raise ClientFailure(f"{self.folder}: {fault.strerror}") from None

    def take(self, file: PartialFile, name: str, note: Callable[[str], None]) -> Path:
        """Gives a whole file its name, and says where it is.

        It was paid for, maybe with the last visit that its link allowed: so a name that is in use
        by now, or that this file system cannot have, is no reason to give it up.
        """
        wanted = self.name or name
        try:
            return self._published(file, wanted, note, force=self.force)
        except OSError as fault:
            if fault.errno not in UNFIT:
                raise
            note(f"{wanted} cannot be a name here.")
            return self._published(file, plainest(wanted), note, force=False)

    def _published(
        self, file: PartialFile, wanted: str, note: Callable[[str], None], *, force: bool
    ) -> Path:
        for name in chain([wanted], other_names(wanted)):
            path = self.folder / name
            try:
                file.publish(path, force=force and name == wanted)
            except FileExistsError:
                continue
            if name != wanted:
                note(f"{self.folder / wanted} is there already: this is {path}.")
            return path
        raise AssertionError("names are endless")


class Source(Protocol):
    """Who offers a file, as a `Visitor` does."""

    @property
    def key(self) -> FileKey | None:
        """What the file is encrypted with; None for a plain one."""
        ...

    async def offer(self) -> Offer:
        """The file. `ClientFailure`."""
        ...

    async def renewed(self, received: int) -> Offer:
        """The file at a new address, of which so many bytes are there. `ClientFailure`."""
        ...


class Transfer:
    """The bytes of what is offered, on their way into a sink."""

    def __init__(
        self, connection: Connection, visitor: Source, sink: Sink, progress: Progress
    ) -> None:
        self._connection = connection
        self._visitor = visitor
        self._sink = sink
        self._progress = progress
        self._renewed_at = -1
        """Bytes that were there when the address was renewed last."""

    async def run(self) -> str:
        """The file's name, once the sink has all of it. `ClientFailure`."""
        self._sink.expect(await self._visitor.offer())
        self._progress.start(self._offer.name, self._offer.size, self._sink.kept.written)
        # An attempt that got further earns a new round of patience.
        while not self._is_whole() and not await self._connection.patiently(self._attempt):
            pass
        written, size = self._sink.kept.written, self._offer.size
        if written != size:
            raise Damaged(f"The file is {written} bytes long, and should be {size}.")
        return self._offer.name

    @property
    def _offer(self) -> Offer:
        assert self._sink.offer is not None, "it was told first"
        return self._sink.offer

    def _is_whole(self) -> bool:
        """Whether an earlier run got everything."""
        kept, key = self._sink.kept, self._visitor.key
        has_ended = kept.has_ended or key is None or not key.is_bound
        return has_ended and kept.received > 0 and kept.written == self._offer.size

    async def _attempt(self) -> bool:
        """Whether the file is whole. httpx's errors, unless there was progress."""
        before = self._sink.kept.received
        try:
            await self._receive()
        except httpx.TransportError:
            self._sink.rewind()
            if self._sink.kept.received <= before:
                raise
            return False
        except Refused as refused:
            received = self._sink.kept.received
            if refused.status == 416 and received:
                self._sink.restart()
            elif refused.status in RENEWED_BY and received != self._renewed_at:
                self._renewed_at = received
                self._sink.expect(await self._visitor.renewed(received))
            else:
                raise
            return False
        return True

    async def _receive(self) -> None:
        kept, headers = self._sink.kept, {}
        if kept.received and kept.etag:
            headers = {"range": f"bytes={kept.received}-", "if-range": kept.etag}
        async with self._connection.download(self._offer.address, headers) as answer:
            if answer.status_code != 206:
                self._sink.restart()
            elif not _goes_on(answer, kept):
                raise Damaged("The server sent another part of the file than the one asked for.")
            etag, chunks = answer.headers.get("etag", ""), answer.aiter_raw()
            if self._visitor.key is None:
                await self._copy(chunks, etag)
            else:
                await self._open(chunks, etag, self._visitor.key)

    async def _copy(self, chunks: AsyncIterator[bytes], etag: str) -> None:
        received = self._sink.kept.received
        async for chunk in chunks:
            received += len(chunk)
            self._check_size(received)
            self._sink.write(chunk)
            self._sink.keep(etag, received)
            self._progress.reach(received)

    async def _open(self, chunks: AsyncIterator[bytes], etag: str, key: FileKey) -> None:
        kept = self._sink.kept
        opener, written = FrameOpener(key, kept.frames), kept.written
        async for chunk in chunks:
            for plain in opener.feed(chunk):
                if plain is None:
                    received = kept.received + opener.proven
                    self._sink.keep(etag, received, opener.number, has_ended=opener.has_ended)
                    continue
                written += len(plain)
                self._check_size(written)
                self._sink.write(plain)
            self._progress.reach(written)
        opener.finish()

    def _check_size(self, size: int) -> None:
        """What goes on must not fill the disk."""
        if size > self._offer.size:
            raise Damaged(f"The file is longer than it should be, {self._offer.size} bytes.")


def _goes_on(answer: httpx.Response, kept: Kept) -> bool:
    """Whether the body of a partial answer is what comes behind the bytes that are kept."""
    content = parse_content_range_header(answer.headers.get("content-range", ""))
    if content is None or answer.headers.get("etag", "") != kept.etag:
        return False
    return content.units == "bytes" and content.start == kept.received
