"""Fetching a shared file: bytes in, opened if need be, checked, and put where they belong.

An interrupted transfer goes on where the last proven byte was: in this run, and for files also
in a later one. What is not whole never gets the file's name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from werkzeug.http import parse_content_range_header

from shortd.client.connection import Connection
from shortd.client.crypto import FrameOpener
from shortd.client.failures import ClientFailure, Refused
from shortd.client.offer import IDENTITY, Offer, Visitor
from shortd.client.progress import Progress
from shortd.client.sinks import PartialFile, Sink
from shortd.client.state import Ledger, State, digest


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
        self._is_renewed = False

    async def run(self) -> None:
        """Returns when the sink has the whole file. `ClientFailure`."""
        offer, sink = self._offer, self._sink
        self._progress.start(offer.name, offer.size, sink.kept.written)
        if not sink.kept.received or sink.kept.written != offer.size:
            # An attempt that got further earns a new round of patience.
            while not await self._connection.patiently(self._attempt):
                self._progress.note("The connection broke; going on.")
        if offer.size is not None and sink.kept.written != offer.size:
            sink.restart()
            raise ClientFailure("The file is not as large as the server says.")

    async def _attempt(self) -> bool:
        """Whether the file is whole. httpx's errors, unless there was progress."""
        before = self._sink.kept
        try:
            await self._receive(before.received, before.etag)
        except httpx.TransportError:
            self._take_back()
            if self._sink.kept.received <= before.received:
                raise
            self._is_renewed = False
            return False
        except Refused as refused:
            if refused.status != 403 or self._is_renewed:
                raise
            # Its address was for a minute only.
            self._offer.address = await self._visitor.renewed()
            self._is_renewed = True
            return False
        return True

    async def _receive(self, start: int, etag: str) -> None:
        headers = dict(IDENTITY)
        if start and etag:
            headers |= {"range": f"bytes={start}-", "if-range": etag}
        async with self._connection.stream(self._offer.address, headers) as answer:
            answered = answer.headers.get("etag", "")
            if not (start and _goes_on(answer, start, etag)):
                self._progress.advance(-self._sink.kept.written)
                self._sink.restart()
                start = 0
            self._sink.identify(answered)
            chunks = answer.aiter_raw()
            if self._offer.key is None:
                await self._copy(chunks, start)
            else:
                await self._open(chunks, start, self._offer.key)

    async def _copy(self, chunks: AsyncIterator[bytes], received: int) -> None:
        async for chunk in chunks:
            received += len(chunk)
            self._write(chunk)
            self._sink.keep(received)

    async def _open(self, chunks: AsyncIterator[bytes], received: int, key: bytes) -> None:
        opener = FrameOpener(key)
        async for chunk in chunks:
            for plain in opener.feed(chunk):
                if plain is None:
                    self._sink.keep(received + opener.proven)
                else:
                    self._write(plain)
        opener.finish()

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self._progress.advance(len(data))

    def _take_back(self) -> None:
        self._sink.rewind()


def _goes_on(answer: httpx.Response, start: int, etag: str) -> bool:
    """Whether an answer's body is what comes behind the first `start` bytes."""
    if answer.status_code != 206 or answer.headers.get("etag", "") != etag:
        return False
    content = parse_content_range_header(answer.headers.get("content-range", ""))
    return content is not None and content.units == "bytes" and content.start == start
