"""QR images, checked by reading the drawn files back, pixel by pixel."""

from __future__ import annotations

import base64
import re
import struct
import zlib

import msgspec
import pytest
import segno
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shortd.links import qr
from shortd.links.qr import QrOptions, qrcode_output, render

SHORTURL = "https://ww7.io/OUITVB"
# The image that the v2 document shows for SHORTURL and the options of the next line.
DOCUMENT_OPTIONS = QrOptions(format="png", bg="#ffffff00", fg="#4444aa", level="M", border=1)
DOCUMENT_IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAAQ4AAAEOAQMAAABCf2vmAAAABlBMVEX///9ERKqARzaVAAAAAnRSTlMA/1uRIrUAAAFJSURBVHic"
    "7djJDYQwDAVQSxSQktI6JaUAJA/xlsBhJGK4fR8Qy9McHI8xIUJ8GZUtqDYi3mnrZ5vfbSAp0iTJ54NIthC7BEmSnuy417Gtgi8K"
    "yBuk8kFyBvIFOS/P00PvgbxDrKhlAewQ1Q6SJP6Ks7T7wQIkRUZYodOfAHlIrh2E93L2571I8o/5HwCyQrRviJMaHx2kvwd3AsmQ"
    "6n1jyn1/oA2FQFIkFmDMFhRz8W2NQJ4TWwW9x1rUfayQDtJAMkRy3yvbRjUp73L4AwLJENuF8BmYijXke/MAWSVSxXydI/yzGSRD"
    "dAPCk+3zmoX+BsgyGTF/zlEsBUiG1Ei2zhbMswNJEj3bory9g9TxDwBZJ9aGL19yEQ3kHdLnNRvayD84QF4jU40Ljq0IkHUSzaPE"
    "poTknplBssQu7MUXGz0UszLIOkF8Fz8/MxTsIxIO0QAAAABJRU5ErkJggg=="
)

Pixel = tuple[int, int, int, int]


def read_png(file: bytes) -> list[list[Pixel]]:
    """The pixels (RGBA) of a one-bit PNG, palette or grey, of filters None and Up."""
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(file):
        length, name = struct.unpack_from(">I4s", file, at)
        body = file[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", file, at + 8 + length)
        assert checksum == zlib.crc32(name + body)
        chunks[name] = chunks.get(name, b"") + body
        at += 12 + length
    width, height, depth, colour_type = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert depth == 1
    palette: list[Pixel] = [(0, 0, 0, 255), (255, 255, 255, 255)]
    if colour_type == 3:
        alphas = chunks.get(b"tRNS", b"")
        palette = [
            (red, green, blue, alphas[index] if index < len(alphas) else 255)
            for index, (red, green, blue) in enumerate(struct.iter_unpack("3B", chunks[b"PLTE"]))
        ]
    data = zlib.decompress(chunks[b"IDAT"])
    stride = (width + 7) // 8
    line = bytes(stride)
    rows = []
    for start in range(0, len(data), stride + 1):
        fresh = data[start + 1 : start + 1 + stride]
        if data[start] == 2:
            fresh = bytes((a + b) & 255 for a, b in zip(fresh, line, strict=True))
        else:
            assert data[start] == 0
        line = fresh
        rows.append([palette[line[x // 8] >> (7 - x % 8) & 1] for x in range(width)])
    assert len(rows) == height
    return rows


def modules_of_png(file: bytes) -> list[list[Pixel]]:
    """One colour per module; every module must be a plain square of 10 px."""
    rows = read_png(file)
    modules = [row[::10] for row in rows[::10]]
    assert rows == [[c for c in row for _ in range(10)] for row in modules for _ in range(10)]
    return modules


def modules_of_svg(text: str) -> list[list[bool]]:
    """Dark (true) and light modules, from the strokes of the path."""
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', text)
    assert size is not None
    assert f'width="{size[1]}px" height="{size[2]}px"' in text
    assert 'transform="scale(10)"' in text
    side = int(size[1]) // 10
    grid = [[False] * side for _ in range(side)]
    stroke = re.search(r'<path stroke="[^>]* d="([^"]*)"', text)
    assert stroke is not None
    x, y = 0, 0.0
    for step_x, step_y, length in re.findall(r"[Mm](-?\d+) (-?[\d.]+)h(\d+)", stroke[1]):
        x, y = x + int(step_x), y + float(step_y)
        for column in range(x, x + int(length)):
            grid[int(y)][column] = True
        x += int(length)
    return grid


def matrix(text: str, level: str, border: int) -> list[list[bool]]:
    """What segno says the modules are, quiet zone included."""
    code = segno.make(text, error=level, micro=False, boost_error=False)
    return [[bool(module) for module in row] for row in code.matrix_iter(border=border)]


def level_of(modules: list[list[bool]], border: int) -> str:
    """The error correction level, from the two format bits beside the top left finder."""
    row = modules[border + 8]
    bits = row[border] ^ True, row[border + 1] ^ False
    return {(False, True): "L", (False, False): "M", (True, True): "Q", (True, False): "H"}[bits]


def test_the_sample_of_the_document_and_ours_look_alike() -> None:
    theirs = modules_of_png(base64.b64decode(DOCUMENT_IMAGE))
    output = qrcode_output(SHORTURL, DOCUMENT_OPTIONS)
    ours = modules_of_png(base64.b64decode(output["image"]))
    assert (output["format"], output["encoding"]) == ("png", "base64")
    assert len(ours) == len(theirs) == 27
    blue, clear = (0x44, 0x44, 0xAA, 255), (255, 255, 255, 0)
    assert {colour for row in ours for colour in row} == {blue, clear}
    assert {colour for row in theirs for colour in row} == {blue, clear}
    # The data are laid out under another mask, but the fixed patterns must agree.
    finder = [row[:8] for row in theirs[:8]]
    assert [row[:8] for row in ours[:8]] == finder
    level = level_of([[colour == blue for colour in row] for row in ours], 1)
    assert level == level_of([[colour == blue for colour in row] for row in theirs], 1) == "M"


@pytest.mark.parametrize("level", ["L", "M", "Q", "H", "l", "m", "q", "h"])
@pytest.mark.parametrize("border", [0, 3, 64])
def test_both_formats_draw_the_very_modules_at_the_level_asked(level: str, border: int) -> None:
    want = matrix(SHORTURL, level, border)
    assert level_of(want, border) == level.upper()
    svg = render(SHORTURL, QrOptions(border=border, level=level))  # type: ignore[arg-type]
    assert modules_of_svg(svg.decode()) == want
    png = render(SHORTURL, QrOptions("png", border=border, level=level))  # type: ignore[arg-type]
    assert [[c == (0, 0, 0, 255) for c in row] for row in modules_of_png(png)] == want


colours = st.from_regex(r"#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})", fullmatch=True)


def rgba(colour: str) -> Pixel:
    red, green, blue, alpha = bytes.fromhex(colour[1:].ljust(8, "f"))
    # An alpha of 1 in 255 becomes 2, see qr.py.
    return red, green, blue, 2 if alpha == 1 else alpha


@settings(max_examples=40, deadline=None)
@given(colours, colours)
@example("#000000", "#00000001")
def test_png_colours_and_their_alpha_are_exact(fg: str, bg: str) -> None:
    file = render("HTTP://A/B", QrOptions("png", border=1, fg=fg, bg=bg))
    want = matrix("HTTP://A/B", "M", 1)
    modules = modules_of_png(file)
    assert modules == [[rgba(fg) if dark else rgba(bg) for dark in row] for row in want]


@pytest.mark.parametrize(
    ("fg", "bg"),
    [
        ("#12345680", "#123456"),
        ("#123456", "#12345600"),
        ("#00000000", "#ffffff00"),
        ("#000000", "#ffffff80"),
        ("#00000080", "#ffffff"),
        ("#123456", "#123456"),
    ],
)
def test_png_keeps_apart_colours_that_differ_in_alpha_only(fg: str, bg: str) -> None:
    modules = modules_of_png(render(SHORTURL, QrOptions("png", border=1, fg=fg, bg=bg)))
    assert (modules[1][1], modules[0][0]) == (rgba(fg), rgba(bg))


@pytest.mark.parametrize("alpha", range(256))
def test_svg_alpha_is_exact_to_the_step(alpha: int) -> None:
    text = render("A", QrOptions(border=0, fg=f"#4444AA{alpha:02x}", bg="#ffcc00")).decode()
    opacity = re.search(r'stroke="#44a" stroke-opacity="([\d.]+)"', text)
    shown = float(opacity[1]) if opacity else 1.0
    assert round(shown * 255) == alpha
    assert 'stroke="#44a"' in text
    assert 'fill="#fc0"' in text


def test_svg_background_has_its_own_alpha() -> None:
    text = qrcode_output(SHORTURL, QrOptions(bg="#FFFFFF10"))["image"]
    assert 'fill="#fff" fill-opacity="0.0627"' in text
    assert 'stroke="#000"' in text
    assert "stroke-opacity" not in text


def test_an_svg_is_text_without_scripts_or_styles() -> None:
    output = qrcode_output(SHORTURL, QrOptions())
    assert (output["format"], output["encoding"]) == ("svg", "utf-8")
    assert output["image"].startswith("<svg xmlns=")
    assert output["image"].endswith("</svg>")
    assert set(re.findall(r"<(\w+)", output["image"])) == {"svg", "g", "path"}


def test_track_encodes_the_query_and_nothing_else_does() -> None:
    tracked = qrcode_output(SHORTURL, QrOptions(track=True))["image"]
    assert modules_of_svg(tracked) == matrix(SHORTURL + "?qr", "M", 3)
    plain = qrcode_output(SHORTURL, QrOptions())["image"]
    assert modules_of_svg(plain) == matrix(SHORTURL, "M", 3)


def test_a_text_beyond_the_capacity_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="too large"):
        render("x" * 1274, QrOptions(level="H"))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"format": "gif"}', "$.format"),
        (b'{"border": -1}', "$.border"),
        (b'{"border": 65}', "$.border"),
        (b'{"border": "3"}', "$.border"),
        (b'{"border": true}', "$.border"),
        (b'{"border": 1.5}', "$.border"),
        (b'{"fg": "black"}', "$.fg"),
        (b'{"fg": "#12345"}', "$.fg"),
        (b'{"fg": "#1234567"}', "$.fg"),
        (b'{"fg": "#12345g"}', "$.fg"),
        (b'{"fg": "#000000\\n"}', "$.fg"),
        (b'{"bg": "x#000000"}', "$.bg"),
        (b'{"bg": null}', "$.bg"),
        (b'{"level": "X"}', "$.level"),
        (b'{"level": ""}', "$.level"),
        (b'{"track": 1}', "$.track"),
    ],
)
def test_a_strict_decoder_refuses_and_names_the_key(body: bytes, path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape(f"`{path}`")):
        msgspec.json.decode(body, type=QrOptions)


def test_omitted_and_unknown_keys() -> None:
    assert msgspec.json.decode(b'{"colour": 1}', type=QrOptions) == QrOptions(
        format="svg", border=3, fg="#000000", bg="#ffffff", level="M", track=False
    )


def test_the_cache_repeats_an_image_and_never_outgrows_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = len(render("https://s.example/0", QrOptions("png")))
    monkeypatch.setattr(qr, "_cache", qr._ImageCache(capacity=one * 3))
    drawn: list[str] = []
    draw = qr._draw

    def counting(text: str, looks: QrOptions) -> bytes:
        drawn.append(text)
        return draw(text, looks)

    monkeypatch.setattr(qr, "_draw", counting)
    first = render("https://s.example/0", QrOptions("png", fg="#0000aa", level="m"))
    assert render("https://s.example/0", QrOptions("png", fg="#0000AA", track=True)) is first
    assert len(drawn) == 1
    for number in range(1, 20):
        render(f"https://s.example/{number}", QrOptions("png"))
        assert render("https://s.example/0", QrOptions("png", fg="#0000aa")) is first
        assert qr._cache.size <= one * 3
    assert len(drawn) == 20
    assert render("https://s.example/1", QrOptions("png"))
    assert len(drawn) == 21
