"""Identifiers: the document's base 62, and random texts."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.ids import (
    ALPHABET,
    DRAWN_CODE_LENGTH,
    DRAWN_IDS,
    base62_decode,
    base62_encode,
    drawn_ids,
    random_text,
    token_digest,
)


def test_the_documents_sample() -> None:
    assert base62_decode("D4AyPm") == 3576066480
    assert base62_encode(3576066480) == "D4AyPm"


def test_the_ends_of_the_range() -> None:
    assert base62_encode(0) == "AAAAAA"
    assert base62_encode(DRAWN_IDS - 1) == "999999"
    assert base62_encode(61) == "AAAAA9"


@given(st.integers(0, DRAWN_IDS - 1))
def test_a_number_is_spelled_and_read_back(number: int) -> None:
    code = base62_encode(number)
    assert len(code) == DRAWN_CODE_LENGTH
    assert base62_decode(code) == number


@given(st.text(ALPHABET, min_size=DRAWN_CODE_LENGTH, max_size=DRAWN_CODE_LENGTH))
def test_a_code_is_read_and_spelled_back(code: str) -> None:
    assert base62_encode(base62_decode(code)) == code


@pytest.mark.parametrize("number", [DRAWN_IDS, DRAWN_IDS * 62, -1])
def test_what_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        base62_encode(number)


@pytest.mark.parametrize("code", ["AAAA_A", "AAA-AA", "ÄAAAAA", "AAAAA "])
def test_other_characters_are_refused(code: str) -> None:
    with pytest.raises(KeyError):
        base62_decode(code)


def test_drawn_ids_spell_codes_of_six_and_spread_over_all_of_them() -> None:
    drawn = list(islice(drawn_ids(Random(4)), 20_000))
    assert len(set(drawn)) > 19_990
    assert all(0 <= number < DRAWN_IDS for number in drawn)
    firsts = Counter(base62_encode(number)[0] for number in drawn)
    assert set(firsts) == set(ALPHABET)
    # About 323 each; six standard deviations to either side.
    assert all(215 < count < 431 for count in firsts.values())


def test_drawn_ids_follow_their_source() -> None:
    one, same, other = (list(islice(drawn_ids(Random(seed)), 2000)) for seed in (1, 1, 2))
    assert one == same != other


def test_random_texts_use_the_whole_alphabet_and_follow_their_source() -> None:
    text = random_text(Random(1), 4000)
    assert set(text) == set(ALPHABET)
    assert len(text) == 4000
    assert text == random_text(Random(1), 4000) != random_text(Random(2), 4000)
    assert re.fullmatch("[A-Za-z0-9]{32}", random_text(Random(3), 32))


def test_a_token_is_stored_as_its_sha256() -> None:
    assert token_digest("secret") == hashlib.sha256(b"secret").digest()
