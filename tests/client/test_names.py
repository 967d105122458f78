"""Names that servers and file systems give: harmless here, and otherwise as they were."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.client.names import (
    LONGEST,
    harmless,
    name_from_header,
    other_names,
    plainest,
    safe_name,
    sendable_name,
)
from shortd.file_names import shortened
from tests.client.shell import Shell

WRITTEN = [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",  # Persian: words with a non-joiner
    "\u06f1\u06f4\u06f0\u06f2 \u0647\u200d.\u0634.pdf",  # and an abbreviation with a joiner
    "\u0915\u094d\u200d\u0937.txt",  # Devanagari: a half form
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3.txt",  # Sinhala
    "\u0d28\u0d4d\u200d.txt",  # Malayalam, as it was written before it had letters for these
    "\U0001f469\u200d\U0001f469\u200d\U0001f467.png",  # a family
    "\U0001f469\U0001f3fd\u200d\U0001f4bb.png",  # with a skin tone
    "\u2764\ufe0f\u200d\U0001f525.gif",  # a heart on fire
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.svg",  # a flag
    "\U0001fae8.png",  # newer than the Unicode of some Pythons
    "\u0661\u0600\u06dd.txt",  # Arabic signs that are format characters, and seen
    "Cafe\u0301.txt",
    "a\u00a0b.txt",
]
"""Names that are what they are by characters that nobody sees, or that look alike."""


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("naïve ☃.txt", "naïve ☃.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..\\..\\x", "_.._x"),
        (".bashrc", "bashrc"),
        (" ..x ", "x"),
        ("..", "download"),
        ("", "download"),
        ("\x00\r\n\x1b[2J", "[2J"),
        ("exe.\u202etxt", "exe.txt"),
        ("a\u2028b\u200bc\ud800", "abc"),
        ("\u200dx\u200d\u200cy.z", "xy.z"),
        ("\u061c\u200e\u200f\u2066x\u2069", "x"),
        ("\ue000\ufffe\U000e0001\U000e0067x\ufeff\u00ad\u2060", "x"),
        ("x" * 300 + ".tar", "x" * (LONGEST - 4) + ".tar"),
        ("é" * 300, "é" * (LONGEST // 2)),
        ("x" + "é" * 126 + ".a", "x" + "é" * 126 + ".a"),
        ("." + "y" * 300, "y" * LONGEST),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe.encode()) <= LONGEST


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=\"a_b\"; filename*=UTF-8''a%C3%A9b", "aéb"),
        ("attachment; filename=plain.txt", "plain.txt"),
        ("inline; filename*=UTF-8''..%2F..%2Fx", "_.._x"),
        ('attachment; filename="a;b\\"c"', 'a;b"c'),
        ("attachment", "download"),
        ("", "download"),
    ],
)
def test_names_are_read_from_headers(header: str, name: str) -> None:
    assert name_from_header(header) == name


@pytest.mark.parametrize("name", WRITTEN, ids=ascii)
def test_what_is_written_so_stays_so(name: str) -> None:
    assert safe_name(name) == sendable_name(name) == name


@given(st.text(max_size=300))
def test_any_name_is_safe(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(os.fsencode(safe)) <= LONGEST
    assert not set(safe) & set("/\\\0\n\u202e\u200f")
    assert not safe.startswith((".", " ")) and not safe.endswith(" ")
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "shared"),
    [
        ("a\\b.txt", "a_b.txt"),
        ("line\nbreak", "linebreak"),
        (".env", ".env"),
        ("caf\udce9.txt", "caf\ufffd.txt"),
        ("exe.\u202etxt", "exe.txt"),
        ("..\u200b", "download"),
        (" ", "download"),
        ("\x7f", "download"),
    ],
)
def test_names_of_file_systems_are_shared(name: str, shared: str) -> None:
    assert sendable_name(name) == shared


@given(st.binary(min_size=1, max_size=255))
def test_any_name_of_a_file_system_can_be_shared(name: bytes) -> None:
    shared = sendable_name(os.fsdecode(name))
    assert shared == harmless(shared)
    assert shared not in ("", ".", "..")
    shared.encode()


def test_names_that_are_taken_have_numbers() -> None:
    assert list(islice(other_names("report.txt"), 2)) == ["report (1).txt", "report (2).txt"]
    assert next(other_names("a.tar.gz")) == "a (1).tar.gz"
    assert next(other_names("no suffix")) == "no suffix (1)"
    for longest in ("x" * 251 + ".txt", "é" * 127, "x" * 255):
        assert len(next(other_names(longest)).encode()) in (254, 255)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("é:?.txt", "download.txt"), ("x", "download"), ("a.é", "download"), ("a.b c", "download")],
)
def test_a_name_of_last_resort(name: str, plain: str) -> None:
    assert plainest(name) == plain


@given(st.text(max_size=40), st.integers(1, 40))
def test_a_name_is_cut_before_its_suffix(name: str, longest: int) -> None:
    short = shortened(name, longest, len)
    assert len(short) == min(len(name), longest)
    suffix = PurePath(name).suffix
    if len(suffix) <= longest // 2:
        assert short.endswith(suffix)


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("Cafe\u0301.txt", "Caf\u00e9.txt"),
        ("\u2603 snow.txt", "_ snow.txt"),
        ("Caf\u00e9.txt", "Caf\u00e9.txt"),
    ],
)
def test_a_name_is_spelled_as_the_locale_can(
    name: str, spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("latin-1"))
    assert safe_name(name) == spelled


@pytest.mark.parametrize("name", [*WRITTEN, "\u4e2d" * 83 + ".txt", "back\\slash", "x" * 252])
def test_names_survive_send_and_fetch(shell: Shell, name: str) -> None:
    Path(name).write_text("x")
    Path("there").mkdir()
    path = shell.fetch(shell.send(name), "-o", "there")
    assert path.name == name.replace("\\", "_")
