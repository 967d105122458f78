"""Secrets, frames and signatures, whatever the sizes and however a stream is cut."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.client import crypto
from shortd.client.crypto import (
    FRAME_OVERHEAD,
    IV_BYTES,
    LENGTH_BYTES,
    MARK,
    Damaged,
    FileKey,
    FrameOpener,
    Secret,
    double_sha256,
    new_link_key,
    password_secret,
    pbkdf2,
    possible_secrets,
    ww7_secret,
)
from tests.client import vectors

SECRET = ww7_secret("password")
FORMS = [FileKey(bytes(range(32)), is_bound=False), FileKey(bytes(range(32)), is_bound=True)]
forms = st.sampled_from(FORMS)
plains = st.lists(st.binary(max_size=40), min_size=1, max_size=4)


def sealed(key: FileKey, frames: list[bytes]) -> list[bytes]:
    """The frames of a whole file."""
    last = len(frames) - 1
    return [
        key.seal_frame(frame, number, is_last=number == last) for number, frame in enumerate(frames)
    ]


def opened(key: FileKey, data: bytes, cuts: list[int]) -> tuple[list[bytes], int]:
    """Plain bytes of each proven frame of a stream that comes in pieces, and bytes proven."""
    opener, frames, frame = FrameOpener(key), [], b""
    for start, stop in pairwise(sorted({0, len(data), *cuts})):
        for plain in opener.feed(data[start:stop]):
            if plain is None:
                frames.append(frame)
                frame = b""
            else:
                frame += plain
    opener.finish()
    return frames, opener.proven


@given(forms, plains, st.data())
def test_frames_open_however_they_are_cut(
    key: FileKey, frames: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(sealed(key, frames))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=9))
    assert opened(key, stream, cuts) == (frames, len(stream))
    assert len(stream) == sum(len(frame) + FRAME_OVERHEAD for frame in frames)


def test_a_file_without_a_frame_is_only_known_to_the_documents_form() -> None:
    assert opened(FORMS[0], b"", []) == ([], 0)
    with pytest.raises(Damaged, match="too early"):
        opened(FORMS[1], b"", [])


@given(forms, plains, st.data())
def test_no_bit_can_change_unnoticed(
    key: FileKey, frames: list[bytes], data: st.DataObject
) -> None:
    stream = bytearray(b"".join(sealed(key, frames)))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        opened(key, bytes(stream), [])


@given(forms, plains, st.data())
def test_no_end_can_be_cut_off_within_a_frame(
    key: FileKey, frames: list[bytes], data: st.DataObject
) -> None:
    pieces = sealed(key, frames)
    cut = data.draw(st.integers(1, len(pieces[-1]) - 1))
    with pytest.raises(Damaged):
        opened(key, b"".join(pieces)[:-cut], [])


@given(
    st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=5),
    st.lists(st.integers(0, 9), max_size=8),
)
def test_frames_open_in_their_own_order_alone(frames: list[bytes], order: list[int]) -> None:
    """Whatever is made of a file's frames and of those of another file under the same key."""
    key = FORMS[1]
    mine, others = sealed(key, frames), sealed(key, [b"x"] * len(frames))
    pool = mine + others
    chosen = [number % len(pool) for number in order]
    stream = b"".join(pool[number] for number in chosen)
    # Two files never have one key. Even so, only what was sealed for a place is taken there.
    if [number % len(mine) for number in chosen] == list(range(len(mine))):
        assert len(opened(key, stream, [])[0]) == len(mine)
    else:
        with pytest.raises(Damaged):
            opened(key, stream, [])


def test_the_documents_form_does_not_know_any_order() -> None:
    pieces = sealed(FORMS[0], [b"a", b"b", b"c"])
    for order in permutations(range(3)):
        frames, _ = opened(FORMS[0], b"".join(pieces[number] for number in order), [])
        assert frames == [b"abc"[number : number + 1] for number in order]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_stream_may_begin_at_any_frame(first: int) -> None:
    pieces = sealed(FORMS[1], [b"a", b"b", b"c"])
    stream = b"".join(pieces[first:])
    opener = FrameOpener(FORMS[1], first)
    assert b"".join(filter(None, opener.feed(stream))) == b"abc"[first:]
    opener.finish()
    assert (opener.number, opener.has_ended) == (3, True)
    with pytest.raises(Damaged, match="order"):
        list(FrameOpener(FORMS[1], first + 1).feed(stream))


def test_the_place_of_a_frame_is_in_its_iv() -> None:
    """In the bytes that docs/sharing.md names."""
    for number, is_last in ((0, False), (258, True), (2**32 - 1, False)):
        iv = FORMS[1].seal_frame(b"x", number, is_last=is_last)[LENGTH_BYTES:][:IV_BYTES]
        assert iv[7:] == number.to_bytes(4, "little") + bytes([is_last])


@pytest.mark.parametrize("key", FORMS)
def test_nothing_is_sealed_alike_twice(key: FileKey) -> None:
    """A part that is sent again may hold other bytes: no IV must come back."""
    ivs = {key.seal_frame(b"x", 1, is_last=False)[LENGTH_BYTES:][:IV_BYTES] for _ in range(1000)}
    assert len(ivs) == 1000


class TestSecrets:
    @pytest.fixture
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crypto, "PBKDF2_ITERATIONS", 1)

    def test_derivations_are_the_documents(self) -> None:
        assert double_sha256("Trial151!").hex() == (
            "ffbbafe935a9c961cc5ea6bbdb8d994e3eb2c84f8a48f998fcef14feb9cc1bde"
        )
        salt = bytes.fromhex("182c37f56e1967227ccae78af837b638")
        assert pbkdf2("Trial151!") == hashlib.pbkdf2_hmac("sha256", b"Trial151!", salt, 231_581)

    @pytest.mark.usefixtures("quick")
    @pytest.mark.parametrize("password", ["Caf\u00e9", "\uac00", "\u1e9b\u0323", "q\u0307\u0323"])
    def test_a_password_is_the_same_however_it_is_spelled(self, password: str) -> None:
        spellings = [unicodedata.normalize(form, password) for form in ("NFC", "NFD")]
        for derive in (password_secret, ww7_secret):
            one, other = map(derive, spellings)
            assert one == other

    @pytest.mark.usefixtures("quick")
    @pytest.mark.parametrize("form", ["NFC", "NFD", None])
    @pytest.mark.parametrize("derive", [double_sha256, pbkdf2])
    def test_all_that_others_made_of_it_is_tried(self, form: str | None, derive: object) -> None:
        typed = "e\u0301\u00e9"
        assert callable(derive)
        key = derive(unicodedata.normalize(form, typed) if form else typed)  # type: ignore[arg-type]
        assert [secret.is_slow for secret in possible_secrets(typed) if secret.key == key] == [
            derive is pbkdf2
        ]

    def test_plain_passwords_are_tried_twice_and_no_more(self) -> None:
        assert len(list(possible_secrets("password"))) == 2

    def test_keys_of_links_fit_behind_a_hash(self) -> None:
        keys = {new_link_key() for _ in range(100)}
        assert len(keys) == 100
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", key) for key in keys)

    @pytest.mark.parametrize("is_bound", [False, True])
    def test_only_its_secret_opens_a_signature(self, is_bound: bool) -> None:
        signature = SECRET.new_signature(is_bound=is_bound)
        challenge = SECRET.open_signature(signature)
        assert challenge is not None
        assert (len(signature), len(challenge)) == (88, 16)
        assert challenge.startswith(MARK) == is_bound
        assert signature != SECRET.new_signature(is_bound=is_bound)
        assert ww7_secret("Password").open_signature(signature) is None

    @pytest.mark.parametrize("signature", ["", "00", "zz", "é", "00" * 11])
    def test_what_is_no_signature_is_said_so(self, signature: str) -> None:
        with pytest.raises(Damaged):
            SECRET.open_signature(signature)

    def test_a_password_has_a_key_of_its_own_for_each_file(self) -> None:
        secret = Secret(bytes(32), is_slow=True)
        one, other = MARK + bytes(12), MARK + bytes(11) + b"\1"
        assert secret.file_key(one) == secret.file_key(one)
        assert len({secret.key, secret.file_key(one).key, secret.file_key(other).key}) == 3

    def test_a_key_of_a_link_is_used_as_it_is(self) -> None:
        """So that the document's own clients open it."""
        assert SECRET.file_key(MARK + bytes(12)) == FileKey(SECRET.key, is_bound=True)

    @pytest.mark.parametrize("is_slow", [False, True])
    def test_without_the_mark_it_is_the_documents_form(self, is_slow: bool) -> None:
        secret = Secret(bytes(32), is_slow)
        assert secret.file_key(bytes(16)) == FileKey(secret.key, is_bound=False)


class TestVectors:
    """What browsers are held against, too: tests/browser/test_sealed.py."""

    def test_they_are_what_another_library_makes(self) -> None:
        assert vectors.read() == list(vectors.vectors())

    @pytest.mark.parametrize("vector", vectors.read(), ids=lambda vector: vector.name)
    def test_files_are_opened_or_refused(self, vector: vectors.Vector) -> None:
        for secret in possible_secrets(vector.typed):
            challenge = secret.open_signature(vector.signature)
            if challenge is not None:
                break
        assert challenge is not None
        key = secret.file_key(challenge)
        assert (challenge.hex(), key.key.hex()) == (vector.challenge, vector.key)
        assert key.is_bound == vector.is_bound
        try:
            plain = b"".join(opened(key, bytes.fromhex(vector.body), [])[0])
        except Damaged:
            assert vector.plain is None
        else:
            # The size is for who fetches to look at.
            assert (vector.plain is None) == (len(plain) != vector.filesize)
            assert vector.plain in (None, plain.hex())
