"""Frames and signatures, whatever the sizes and however a stream is cut."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.client.crypto import (
    FRAME_OVERHEAD,
    Damaged,
    FrameOpener,
    double_sha256,
    new_signature,
    open_signature,
    pbkdf2,
    seal_frame,
)

KEY = double_sha256("password")


def opened(data: bytes, cuts: list[int]) -> tuple[list[bytes], int]:
    """Plain bytes of each proven frame of a stream that comes in pieces, and bytes proven."""
    opener, frames, frame = FrameOpener(KEY), [], b""
    for start, stop in pairwise(sorted({0, len(data), *cuts})):
        for plain in opener.feed(data[start:stop]):
            if plain is None:
                frames.append(frame)
                frame = b""
            else:
                frame += plain
    opener.finish()
    return frames, opener.proven


@st.composite
def cut_frames(draw: st.DrawFn) -> tuple[list[bytes], bytes, list[int]]:
    """Plain frames, the stream they make, and places to cut it."""
    frames = draw(st.lists(st.binary(max_size=60), max_size=5))
    data = b"".join(seal_frame(KEY, frame) for frame in frames)
    return frames, data, draw(st.lists(st.integers(0, len(data)), max_size=9))


@settings(deadline=None)
@given(cut_frames())
def test_frames_open_however_they_are_cut(case: tuple[list[bytes], bytes, list[int]]) -> None:
    frames, data, cuts = case
    assert opened(data, cuts) == (frames, len(data))
    assert len(data) == sum(len(frame) + FRAME_OVERHEAD for frame in frames)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3), st.data())
def test_no_bit_can_change_unnoticed(frames: list[bytes], data: st.DataObject) -> None:
    stream = bytearray(b"".join(seal_frame(KEY, frame) for frame in frames))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        opened(bytes(stream), [])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3), st.data())
def test_no_end_can_be_cut_off_within_a_frame(frames: list[bytes], data: st.DataObject) -> None:
    sealed = [seal_frame(KEY, frame) for frame in frames]
    cut = data.draw(st.integers(1, len(sealed[-1]) - 1))
    with pytest.raises(Damaged):
        opened(b"".join(sealed)[:-cut], [])


def test_keys_are_the_documents() -> None:
    assert double_sha256("Trial151!").hex() == (
        "ffbbafe935a9c961cc5ea6bbdb8d994e3eb2c84f8a48f998fcef14feb9cc1bde"
    )
    salt = bytes.fromhex("182c37f56e1967227ccae78af837b638")
    assert pbkdf2("Trial151!") == hashlib.pbkdf2_hmac("sha256", b"Trial151!", salt, 231_581)


def test_only_its_key_opens_a_signature() -> None:
    signature = new_signature(KEY)
    challenge = open_signature(KEY, signature)
    assert challenge is not None
    assert (len(signature), len(challenge)) == (88, 32)
    assert signature != new_signature(KEY)
    assert open_signature(double_sha256("Password"), signature) is None


@pytest.mark.parametrize("signature", ["", "00", "zz", "é", "00" * 11])
def test_what_is_no_signature_is_said_so(signature: str) -> None:
    with pytest.raises(Damaged):
        open_signature(KEY, signature)


def test_nothing_is_sealed_alike_twice() -> None:
    assert seal_frame(KEY, b"x") != seal_frame(KEY, b"x")
