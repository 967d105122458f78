"""The framing of encrypted bodies: what adds up, what does not, and how it may be cut up."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shortd.errors import ShortdError
from shortd.files import frames as subject
from shortd.files.frames import check_frames
from tests.sharing.sharing import cut, frames

Check = Callable[[Sequence[bytes], int], str | None]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """What is wrong with a body in parts, or None."""

    def run(parts: Sequence[bytes], filesize: int) -> str | None:
        paths = []
        for number, data in enumerate(parts):
            path = tmp_path / str(number)
            path.write_bytes(data)
            paths.append(path)
        try:
            check_frames(paths, filesize)
        except ShortdError as error:
            assert error.code == "bad_file"
            return error.message
        return None

    return run


CUT_OFF = "The last frame is cut off."
WRONG_SUM = "The frames do not add up to filesize."


@pytest.mark.parametrize(
    "sizes", [(), (0,), (1,), (4,), (0, 0, 0), (5, 0, 1), (70_000,), (1 << 20, 1), (1,) * 1000]
)
def test_whole_frames(check: Check, sizes: tuple[int, ...]) -> None:
    body, filesize = frames(*sizes), sum(sizes)
    assert check([body], filesize) is None
    assert check([body], filesize + 1) == WRONG_SUM
    if filesize:
        assert check([body], filesize - 1) == WRONG_SUM


@pytest.mark.parametrize("missing", [1, 5, 28, 29, 31, 32])
def test_truncated(check: Check, missing: int) -> None:
    assert check([frames(10, 5)[:-missing]], 15) == CUT_OFF
    # As part of a file whose size would fit.
    assert check([frames(10, 5)[:-missing]], 10) is not None


@pytest.mark.parametrize("more", [b"\0", b"\x1c\0\0\0", b"\x1d\0\0\0", bytes(32), b"\xff" * 100])
def test_trailing(check: Check, more: bytes) -> None:
    assert check([frames(10) + more], 10) is not None


def test_duplicated(check: Check) -> None:
    body = frames(10)
    assert check([body, body], 10) == WRONG_SUM
    assert check([body, body], 20) is None


@pytest.mark.parametrize("length", [0, 1, 27])
def test_shorter_than_iv_and_tag(check: Check, length: int) -> None:
    body = struct.pack("<I", length) + bytes(length)
    assert check([frames(10) + body], 10) == WRONG_SUM
    # Negative plain sizes must not make up for others.
    assert check([body + frames(10 + 28 - length)], 10) == WRONG_SUM


@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_longer_than_anything(check: Check, length: int) -> None:
    assert check([struct.pack("<I", length) + bytes(100)], 10) == WRONG_SUM
    assert check([struct.pack("<I", length) + bytes(100)], length - 28) == CUT_OFF


def test_big_endian(check: Check) -> None:
    assert check([struct.pack(">I", 38) + bytes(38)], 10) is not None


@given(
    sizes=st.lists(st.integers(0, 40), max_size=8),
    cuts=st.lists(st.integers(0, 60), max_size=12),
    damage=st.one_of(st.none(), st.tuples(st.integers(0, 400), st.sampled_from([-1, 1]))),
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_parts_end_anywhere(
    check: Check, sizes: list[int], cuts: list[int], damage: tuple[int, int] | None
) -> None:
    """In the middle of a length, behind it, on a frame's end, or on nothing at all."""
    body = frames(*sizes)
    if damage is not None:
        at, by = damage
        body = body[:at] + b"x" + body[at:] if by > 0 else body[:at] + body[at + 1 :]
    whole = check([body], sum(sizes))
    if body == frames(*sizes) or damage is None:
        assert whole is None
    elif len(body) != len(frames(*sizes)):
        assert whole is not None
    assert check(cut(body, cuts), sum(sizes)) == whole


def test_tiny_frames_have_a_limit(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would keep a disk thread busy for minutes; a million large ones are no trouble."""
    monkeypatch.setattr(subject, "FREE_FRAMES", 10)
    monkeypatch.setattr(subject, "FRAME_BYTES", 100)
    assert check([frames(*[1] * 10)], 10) is None
    assert check([frames(*[1] * 11)], 11) == "The file has too many tiny frames."
    assert check([frames(*[0] * 11)], 0) == "The file has too many tiny frames."
    assert check([frames(*[100] * 200)], 20_000) is None
