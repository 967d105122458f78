"""Drawing QR images off the event loop: one thread, in turns, for so many at once and no more.

A list is drawn in slices, each of which goes behind what others have asked for meanwhile, so that
an image somebody waits for comes soon beside lists of thousands. Whoever comes beyond the bounds is
told to come again. What an image costs its account, `image_weight` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from shortd import errors
from shortd.links.qr import PIXELS_PER_MODULE, QrOptions, render

T = TypeVar("T")

SLICE_MEGAPIXELS = 6.0
"""What is drawn of a list in one turn: some 50 ms."""
IMAGES_WAITING = 64
"""Images for visitors that may wait."""
LISTS_AT_ONCE = 8
"""Lists that are drawn, in turns."""

MODULES = 37
"""Modules along the edge of a short URL's code, at level H."""
SVG_MEGAPIXELS = 0.4
"""What an SVG takes as long as."""
WEIGHT_PER_MEGAPIXEL = 90
"""Weight units: a second of drawing costs some 10,000."""
PAID_ALREADY = 100
"""Weight units that any call has taken for each entry it shows."""


def image_weight(options: QrOptions | bool | None) -> int:
    """Weight units for an image, beyond those for its entry: only large ones cost any."""
    if not isinstance(options, QrOptions):
        return 0
    return max(0, round(megapixels(options) * WEIGHT_PER_MEGAPIXEL) - PAID_ALREADY)


def megapixels(options: QrOptions) -> float:
    """How much there is to draw."""
    if options.format == "svg":
        return SVG_MEGAPIXELS
    edge = (MODULES + 2 * options.border) * PIXELS_PER_MODULE
    return edge * edge / 1_000_000


class Drawing:
    """Draws images for visitors and for lists."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shortd-qr")
        self._images = 0
        self._lists = 0
        self.refused = 0
        """How many were told to come again."""

    def close(self) -> None:
        """Ends the thread; what waits is not drawn."""
        self._thread.shutdown(cancel_futures=True)

    async def image(self, text: str, options: QrOptions) -> bytes:
        """An image for a visitor. BUSY while too many wait."""
        if self._images >= IMAGES_WAITING:
            self._refuse()
        self._images += 1
        try:
            return await self._run(partial(render, text, options))
        finally:
            self._images -= 1

    async def each(
        self, draw: Callable[[str], T], texts: Sequence[str], options: QrOptions
    ) -> list[T]:
        """What `draw` makes of each text. BUSY while too many lists are drawn.

        Cancelled, it ends with the slice that is being drawn.
        """
        with self._turn():
            drawn: list[T] = []
            size = max(1, int(SLICE_MEGAPIXELS / megapixels(options)))
            for start in range(0, len(texts), size):
                drawn += await self._run(partial(_all, draw, texts[start : start + size]))
            return drawn

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._lists >= LISTS_AT_ONCE:
            self._refuse()
        self._lists += 1
        try:
            yield
        finally:
            self._lists -= 1

    def _refuse(self) -> None:
        self.refused += 1
        raise errors.BUSY(retry_after=2)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _all(draw: Callable[[str], T], texts: Sequence[str]) -> list[T]:
    return [draw(text) for text in texts]
