"""One name in all its spellings."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.accounts.accounts import NAME_BYTES
from shortd.names import folded

SAME = [
    ("Jos\u00e9", "Jose\u0301"),
    ("jos\u00e9", "JOSE\u0301"),
    ("\uff21\uff4e\uff4e", "ann"),
    ("ｶﾞｷﾞ", "ガギ"),
    ("ガ", "カ\u3099"),
    ("한글", unicodedata.normalize("NFD", "한글")),
    ("ﾡ", "ㄱ"),
    ("Stra\u00dfe", "STRASSE"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("\u1fb4", "\u03b1\u0345\u0301"),
    ("\u0301", "\u0341"),
    ("\u212bngstr\u00f6m", "A\u030angstro\u0308m"),
    ("Việt", "Vie\u0323\u0302t"),
    ("ann 1", "ANN 1"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann", "anne"),
        ("Jos\u00e9", "Jose"),
        ("\u0430", "a"),
        ("1", "①"),
        ("a b", "ab"),
        ("ガ", "カ"),
    ],
)
def test_names_that_are_not_one(one: str, other: str) -> None:
    """Look-alikes of other scripts are other names: nobody could tell which of them is meant."""
    assert folded(one) != folded(other)


@given(st.text(max_size=64))
def test_folding_is_done_once_and_for_every_form(name: str) -> None:
    once = folded(name)
    assert folded(once) == once
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, name)) == once
    assert folded(name.casefold()) == once
    assert folded(name.title()) == folded(name.title().casefold())


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S")), min_size=64, max_size=64))
def test_a_name_is_a_key_of_the_database(name: str) -> None:
    assert len(folded(name).encode()) <= NAME_BYTES
