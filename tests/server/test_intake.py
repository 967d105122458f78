"""Pieces for the parser: none goes on behind an empty line, however the bytes came."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shortd.server.intake import CHUNKED_BYTES, END_OF_HEAD, Intake

texts = st.text("\r\nab", max_size=60).map(str.encode)


def taken(data: bytes, cuts: list[int], *, is_head: bool) -> list[bytes]:
    """The pieces of data that came in these pieces."""
    intake, pieces = Intake(), []
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in pairwise(places):
        intake.take(data[start:stop])
        while intake:
            pieces.append(intake.head_piece() if is_head else bytes(intake.body_piece(None)))
            assert pieces[-1]
    return pieces


@given(texts, st.lists(st.integers(0, 60), max_size=5), st.booleans())
def test_nothing_behind_an_empty_line_is_in_a_piece(
    data: bytes, cuts: list[int], is_head: bool
) -> None:
    pieces = taken(data, cuts, is_head=is_head)
    assert b"".join(pieces) == data
    # Wherever an empty line ends, a piece does.
    ends = {len(b"".join(pieces[:count])) for count in range(len(pieces) + 1)}
    end = data.find(END_OF_HEAD)
    while end >= 0:
        assert end + 4 in ends
        # The next one begins anew behind it.
        end = data.find(END_OF_HEAD, end + 4)


@given(st.binary(max_size=3 * CHUNKED_BYTES))
def test_pieces_of_a_body_are_short(data: bytes) -> None:
    pieces = taken(data, [], is_head=False)
    assert b"".join(pieces) == data
    assert all(len(piece) <= CHUNKED_BYTES for piece in pieces)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_a_body_of_known_length_is_one_piece(data: bytes, left: int) -> None:
    intake = Intake()
    intake.take(data)
    if data and left:
        assert bytes(intake.body_piece(left)) == data[:left]
        assert intake.held == (len(data) if left < len(data) else 0)


@given(st.binary(min_size=1, max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_what_is_put_back_comes_first(first: bytes, back: bytes, more: bytes) -> None:
    intake = Intake()
    intake.take(first)
    piece = bytes(intake.body_piece(1))
    intake.put_back(piece + back)
    intake.take(more)
    expected = first[:1] + back + first[1:] + more
    assert b"".join(iter(lambda: bytes(intake.body_piece(len(expected))), b"")) == expected
    assert not intake
