"""Keys: what goes in comes out, and bytes compare as tuples do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shortd.store.keys import (
    I64,
    MAX_KEY_BYTES,
    TEXT,
    U32,
    U64,
    Fixed,
    Key,
    KeyTooLong,
    Part,
    Unsigned,
)

AnyKey = Key[tuple[Any, ...]]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def values_of(part: Part) -> st.SearchStrategy[Any]:
    if isinstance(part, Unsigned):
        assert part.size is not None
        return st.integers(0, 256**part.size - 1)
    if part is I64:
        return st.integers(-(2**63), 2**63 - 1)
    if isinstance(part, Fixed):
        assert part.size is not None
        return st.binary(min_size=part.size, max_size=part.size)
    assert part is TEXT
    return texts


parts = st.one_of(
    st.integers(1, 8).map(Unsigned),
    st.just(I64),
    st.integers(1, 4).map(Fixed),
    st.just(TEXT),
)


@st.composite
def keys_with_values(draw: st.DrawFn) -> tuple[AnyKey, tuple[Any, ...], tuple[Any, ...]]:
    """A codec and two tuples for it, which often share their first elements."""
    shape = draw(st.lists(parts, min_size=1, max_size=5))
    one = tuple(draw(values_of(part)) for part in shape)
    shared = draw(st.integers(0, len(shape)))
    other = one[:shared] + tuple(draw(values_of(part)) for part in shape[shared:])
    return Key(*shape), one, other


@given(keys_with_values())
def test_what_is_encoded_is_decoded(case: tuple[AnyKey, tuple[Any, ...], tuple[Any, ...]]) -> None:
    key, values, _ = case
    assert key.decode(key.encode(values)) == values


@given(keys_with_values(), st.integers(0, 3))
def test_many_are_encoded_as_each_is(
    case: tuple[AnyKey, tuple[Any, ...], tuple[Any, ...]], repeats: int
) -> None:
    key, one, other = case
    many = [one, other] * repeats + [one]
    assert key.encode_all(many) == [key.encode(values) for values in many]
    assert key.encode_all([]) == []


@given(keys_with_values())
def test_bytes_compare_as_the_tuples_do(
    case: tuple[AnyKey, tuple[Any, ...], tuple[Any, ...]],
) -> None:
    key, one, other = case
    assert (key.encode(one) < key.encode(other)) == (one < other)
    assert (key.encode(one) == key.encode(other)) == (one == other)


@given(keys_with_values(), st.data())
def test_a_prefix_finds_the_keys_that_begin_with_it_and_no_others(
    case: tuple[AnyKey, tuple[Any, ...], tuple[Any, ...]], data: st.DataObject
) -> None:
    key, one, other = case
    length = data.draw(st.integers(0, len(one) - 1))
    prefix = key.prefix(one[:length])
    assert key.encode(one).startswith(prefix)
    assert key.encode(other).startswith(prefix) == (other[:length] == one[:length])


@given(keys_with_values())
def test_a_whole_key_is_its_own_prefix(
    case: tuple[AnyKey, tuple[Any, ...], tuple[Any, ...]],
) -> None:
    key, one, _ = case
    assert key.prefix(one) == key.encode(one)


@given(texts, texts)
def test_a_text_never_runs_into_the_next_one(first: str, second: str) -> None:
    assume(second)
    key: AnyKey = Key(TEXT, TEXT)
    assert key.encode((first, second)) != key.encode((first + second, ""))


@pytest.mark.parametrize(
    ("key", "room"),
    [(Key(TEXT), MAX_KEY_BYTES), (Key(TEXT, TEXT), MAX_KEY_BYTES - 2), (Key(U32, TEXT), 507)],
    ids=["one text", "two texts", "number and text"],
)
def test_a_key_has_511_bytes_at_most(key: AnyKey, room: int) -> None:
    others: dict[int, tuple[Any, ...]] = {1: (), 2: (("x",) if key.parts[0] is TEXT else (7,))}
    first = others[len(key.parts)]
    assert len(key.encode((*first, "a" * room))) == MAX_KEY_BYTES
    with pytest.raises(KeyTooLong):
        key.encode((*first, "a" * (room + 1)))
    with pytest.raises(KeyTooLong):
        key.encode((*first, "é" * (room // 2 + 1)))
    with pytest.raises(KeyTooLong):
        key.encode_all([(*first, "a" * room), (*first, "a" * (room + 1))])


@pytest.mark.parametrize(
    ("key", "values"),
    [
        (Key(U32), (-1,)),
        (Key(U32), (2**32,)),
        (Key(U64), (2**64,)),
        (Key(I64), (2**63,)),
        (Key(I64), (-(2**63) - 1,)),
        (Key(Fixed(32)), (b"short",)),
        (Key(TEXT), ("nul\0inside",)),
        (Key(TEXT, U32), ("nul\0", 1)),
        (Key(TEXT), ("\ud800",)),
        (Key(U32, TEXT), (1,)),
        (Key(U32), (1, "more")),
    ],
)
def test_values_that_do_not_fit_are_refused(key: AnyKey, values: tuple[Any, ...]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        key.encode(values)
    with pytest.raises((ValueError, OverflowError)):
        key.encode_all([values, values])
