"""Fetching a shared file: bytes in, opened if need be, checked, and put where they belong.

An interrupted transfer goes on where the last proven byte was: in this run, and for files also
in a later one. What is not whole never gets the file's name.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import httpx
from werkzeug.http import parse_content_range_header

from shortd.client.connection import Connection
from shortd.client.crypto import Damaged, FrameOpener
from shortd.client.failures import ClientFailure, Refused
from shortd.client.offer import AS_STORED, Offer, Visitor
from shortd.client.progress import Progress
from shortd.client.sinks import Kept, PartialFile, Sink, StreamSink, taken
from shortd.client.state import Ledger, State, digest

RENEWAL_SECONDS = 30
"""An address lives for twice as long: one that is refused sooner would be again."""


class Target:
    """What `--output` and `--force` ask for: a file, or a folder for one of the server's name."""

    def __init__(self, output: Path | None, *, force: bool) -> None:
        self.force = force
        is_folder = output is None or output.is_dir()
        self.folder = (output or Path()) if is_folder else (output or Path()).parent
        self._name = None if is_folder or output is None else output.name
        if self._name is not None:
            self.path(self._name)
        if not self.folder.is_dir():
            raise ClientFailure(f"{self.folder} is no folder.")

    def path(self, name: str) -> Path:
        """Where a file of this name goes. ClientFailure if something is in its way."""
        path = self.folder / (self._name or name)
        if path.exists() and not path.is_file():
            raise ClientFailure(f"{path} is there already, and no file.")
        if path.exists() and not self.force:
            raise taken(path)
        return path


class Fetcher:
    """Fetches what a visitor was offered."""

    def __init__(self, connection: Connection, visitor: Visitor, progress: Progress) -> None:
        self._connection = connection
        self.visitor = visitor
        self._progress = progress

    async def to_stream(self, stream: BinaryIO) -> None:
        """Writes the file to a stream. `ClientFailure`; what was written is right, if not all."""
        offer = await self.visitor.offer()
        await self._transfer(offer, StreamSink(stream))

    async def to_file(self, target: Target, state: State) -> Path:
        """Makes the file and says where. `ClientFailure`; a later call may go on."""
        offer = await self.visitor.offer()
        path = target.path(offer.name)
        identity = offer.identity, target.folder.resolve()
        # Without a lasting identity nothing can be gone on with.
        ledger = state.ledger("fetch", *identity) if offer.identity else Ledger()
        name = digest(*identity) if offer.identity else secrets.token_hex(16)
        with ledger, PartialFile(target.folder / f".shortd-{name}.part", ledger) as file:
            try:
                await self._transfer(offer, file)
            except Damaged:
                file.discard()
                raise
            file.publish(path, force=target.force)
        return path

    async def _transfer(self, offer: Offer, sink: Sink) -> None:
        await Transfer(self._connection, self.visitor, offer, sink, self._progress).run()


class Transfer:
    """The bytes of one offer on their way into one sink."""

    def __init__(
        self, connection: Connection, visitor: Visitor, offer: Offer, sink: Sink, progress: Progress
    ) -> None:
        self._connection = connection
        self._visitor = visitor
        self._offer = offer
        self._sink = sink
        self._progress = progress
        self._renewed_at = float("-inf")

    async def run(self) -> None:
        """Returns when the sink has the whole file. `ClientFailure`."""
        size, sink = self._offer.size, self._sink
        self._progress.start(self._offer.name, size, sink.kept.written)
        if not (sink.kept.received and sink.kept.written == size):
            # An attempt that got further earns a new round of patience.
            while not await self._connection.patiently(self._attempt):
                pass
        if size is not None and sink.kept.written != size:
            raise Damaged(f"The file is {sink.kept.written} bytes long, and should be {size}.")

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
            if refused.status != 403 or time.monotonic() < self._renewed_at + RENEWAL_SECONDS:
                raise
            self._offer.address = await self._visitor.renewed()
            self._renewed_at = time.monotonic()
            return False
        return True

    async def _receive(self) -> None:
        kept, headers = self._sink.kept, dict(AS_STORED)
        if kept.received and kept.etag:
            headers |= {"range": f"bytes={kept.received}-", "if-range": kept.etag}
        async with self._connection.stream(self._offer.address, headers) as answer:
            start = kept.received if answer.status_code == 206 else 0
            if answer.status_code == 206 and not _goes_on(answer, kept):
                raise Damaged("The server sent another part of the file than the one asked for.")
            if not start:
                self._sink.restart()
            etag, chunks = answer.headers.get("etag", ""), answer.aiter_raw()
            if self._offer.key is None:
                await self._copy(chunks, etag, start)
            else:
                await self._open(chunks, etag, start, FrameOpener(self._offer.key))

    async def _copy(self, chunks: AsyncIterator[bytes], etag: str, received: int) -> None:
        async for chunk in chunks:
            received += len(chunk)
            self._sink.write(chunk)
            self._sink.keep(etag, received)
            self._progress.reach(self._sink.kept.written)

    async def _open(
        self, chunks: AsyncIterator[bytes], etag: str, received: int, opener: FrameOpener
    ) -> None:
        written = self._sink.kept.written
        async for chunk in chunks:
            for plain in opener.feed(chunk):
                if plain is None:
                    self._sink.keep(etag, received + opener.proven)
                    continue
                self._sink.write(plain)
                written += len(plain)
            self._progress.reach(written)
        opener.finish()


def _goes_on(answer: httpx.Response, kept: Kept) -> bool:
    """Whether the body of a partial answer is what comes behind the bytes that are kept."""
    content = parse_content_range_header(answer.headers.get("content-range", ""))
    if content is None or answer.headers.get("etag", "") != kept.etag:
        return False
    return content.units == "bytes" and content.start == kept.received
