"""Every term of a link is known wherever terms are read, set and shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.api.v2.terms import EntryTerms, FurtherTerms
from shortd.hosts.destinations import UTM_NAMES
from shortd.links.terms import TermChanges
from shortd.models.links import Forwarding, Link, RareTerms, Terms

TERMS = set(Terms.__struct_fields__)
FLAT = TERMS - {"utm"} | set(UTM_NAMES)
"""Names as the services and the APIs have them: of `utm`, the parts."""

SMALL = st.integers(-(2**63), 2**63 - 1)
ANY_TERMS = st.builds(
    Terms,
    **dict.fromkeys(("tag", "valid_since", "expiration_utime", "expiration_count"), SMALL),
    **dict.fromkeys(("enabled", "counts_unique", "hidden"), st.booleans()),
    **dict.fromkeys(("date_fallback", "count_fallback", "title", "note"), st.text()),
    tags=st.lists(st.text()).map(tuple),
    forwarding=st.sampled_from(Forwarding),
    robots=st.sampled_from([None, False, True]),
    unique_minutes=SMALL,
    utm=st.none() | st.tuples(*[st.text()] * 5),
)
# A row has none rather than empty ones.
RARE = st.none() | st.builds(
    RareTerms, team=st.text(min_size=1), campaign=st.text(), title=st.text()
)


def test_each_has_its_place_in_the_row() -> None:
    assert set(Link.__struct_fields__) | set(RareTerms.__struct_fields__) >= TERMS


def test_each_can_be_changed() -> None:
    assert set(TermChanges.__struct_fields__) - FLAT == {"code", "destination", "password"}
    assert set(TermChanges.__struct_fields__) >= FLAT


def test_each_is_shown_and_taken_by_v2() -> None:
    called = {"hidden": "archived", "forwarding": "forward_query"}
    named = {called.get(name, name) for name in FLAT}
    assert set(EntryTerms.__struct_fields__) == named | {"password"}
    in_the_document = {"tag", "enabled", "expiration_utime", "expiration_count"}
    assert set(FurtherTerms.__struct_fields__) >= named - in_the_document


@given(terms=ANY_TERMS, rare=RARE)
def test_a_row_keeps_them(terms: Terms, rare: RareTerms | None) -> None:
    link = Link(1, "owner", 0, "code", "https://example.com/", 0, rare=rare)
    changed = link.with_terms(terms)
    assert changed.terms == terms
    assert changed.with_terms(link.terms) == link


@pytest.mark.parametrize("name", sorted(TERMS))
def test_a_plain_row_has_no_more_than_before(name: str) -> None:
    """What no term is set of needs no bytes for it."""
    plain: Any = getattr(Terms(), name)
    link = Link(1, "owner", 0, "code", "https://example.com/", 0)
    assert link.with_terms(Terms(**{name: plain})).rare is None
