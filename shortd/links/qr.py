"""QR images of short links, as ww7 v2 describes them: SVG, or PNG at 10 px per module.

Drawing one takes about 3 ms, so finished images are kept, least recently used ones going
first, within `CACHE_BYTES` of memory. This module must never make more of a request than
its options say: the text is encoded as it stands, at exactly the level asked for. What draws is
imported with the first image.
"""

from __future__ import annotations

import base64
import io
import threading
from collections import OrderedDict
from typing import Annotated, Literal, TypedDict

import msgspec

PIXELS_PER_MODULE = 10
CACHE_BYTES = 8 * 1024 * 1024
TRACK_SUFFIX = "?qr"
"""What a tracked image adds to the short URL, so that its visits count in `count_qr`."""

# `$` also matches before a final newline in Python, hence the look-ahead.
Colour = Annotated[str, msgspec.Meta(pattern=r"^#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$(?!\n)")]
"""#rrggbb or #rrggbbaa, either case."""


class QrOptions(msgspec.Struct, frozen=True):
    """How a QR code is to look: the `qr` dictionary of ww7 v2.

    `border` is in modules. A translucent `fg` lies over `bg` in an SVG, and stands in
    place of it in a PNG.
    """

    format: Literal["svg", "png"] = "svg"
    border: Annotated[int, msgspec.Meta(ge=0, le=64)] = 3
    fg: Colour = "#000000"
    bg: Colour = "#ffffff"
    level: Literal["L", "M", "Q", "H", "l", "m", "q", "h"] = "M"
    track: bool = False
    """Ours: encode the short URL with `TRACK_SUFFIX`."""


class QrOutput(TypedDict):
    """The `qrcode` dictionary of an entry."""

    format: Literal["svg", "png"]
    image: str
    encoding: Literal["utf-8", "base64"]


class _ImageCache:
    """Images by what they show, the least recently used dropped beyond `capacity` bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._images: OrderedDict[tuple[str, QrOptions], bytes] = OrderedDict()
        # Images may be drawn on worker threads, off the event loop.
        self._lock = threading.Lock()

    def get(self, key: tuple[str, QrOptions]) -> bytes | None:
        with self._lock:
            image = self._images.get(key)
            if image is not None:
                self._images.move_to_end(key)
            return image

    def put(self, key: tuple[str, QrOptions], image: bytes) -> None:
        with self._lock:
            if key in self._images:
                return
            self._images[key] = image
            self.size += len(image)
            while self.size > self.capacity:
                _, dropped = self._images.popitem(last=False)
                self.size -= len(dropped)


_cache = _ImageCache(CACHE_BYTES)


def modules_of(text: str, options: QrOptions) -> int:
    """How many modules wide the image of `text` is, its border included. Raises as `render`."""
    import segno

    code = segno.make(text, error=options.level.upper(), micro=False, boost_error=False)
    width, _ = code.symbol_size(border=options.border)
    return int(width)


def render(text: str, options: QrOptions) -> bytes:
    """The image file for `text`: SVG in UTF-8, or PNG. `options.track` plays no part here.

    Raises ValueError when `text` is longer than a QR code holds (1273 bytes at level H).
    """
    looks = msgspec.structs.replace(
        options,
        fg=options.fg.lower(),
        bg=options.bg.lower(),
        level=options.level.upper(),
        track=False,
    )
    image = _cache.get((text, looks))
    if image is None:
        image = _draw(text, looks)
        _cache.put((text, looks), image)
    return image


def qrcode_output(shorturl: str, options: QrOptions) -> QrOutput:
    """An entry's `qrcode`: PNG in base64, SVG as text. Raises as `render` does."""
    image = render(shorturl + TRACK_SUFFIX if options.track else shorturl, options)
    if options.format == "png":
        text = base64.b64encode(image).decode("ascii")
        return {"format": "png", "image": text, "encoding": "base64"}
    return {"format": "svg", "image": image.decode("utf-8"), "encoding": "utf-8"}


def _draw(text: str, looks: QrOptions) -> bytes:
    import segno

    code = segno.make(text, error=looks.level, micro=False, boost_error=False)
    file = io.BytesIO()
    if looks.format == "png":
        code.save(
            file,
            kind="png",
            scale=PIXELS_PER_MODULE,
            border=looks.border,
            dark=_png_colour(looks.fg),
            light=_png_colour(looks.bg),
        )
    else:
        # With a unit segno also writes the viewBox, without which no page can scale it.
        code.save(
            file,
            kind="svg",
            scale=PIXELS_PER_MODULE,
            border=looks.border,
            dark=_svg_colour(looks.fg),
            light=_svg_colour(looks.bg),
            unit="px",
            xmldecl=False,
            svgclass=None,
            lineclass=None,
            nl=False,
        )
    return file.getvalue()


def _png_colour(colour: str) -> str:
    # segno 1.6 takes an alpha of 1 in 255 for 1.0, which is opaque.
    return colour[:7] + "02" if colour[7:] == "01" else colour


def _svg_colour(colour: str) -> tuple[int, int, int, float]:
    # segno 1.6 turns the alpha "10" of a string into 0.625, and rounds others coarsely;
    # a number it leaves alone.
    red, green, blue, alpha = bytes.fromhex(colour[1:].ljust(8, "f"))
    return red, green, blue, round(alpha / 255, 4)
