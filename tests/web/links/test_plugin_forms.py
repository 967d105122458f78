"""Forms from a JSON Schema, and data from forms: what one shows, the other gives back."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from shortd.web.links.plugin_forms import Node, data_of, form_of


class Place(msgspec.Struct, omit_defaults=True):
    url: Annotated[str, Meta(max_length=100, description="Where to")]
    weight: Annotated[int, Meta(ge=1, le=100)] = 1


class Everything(msgspec.Struct, omit_defaults=True):
    name: str = ""
    share: float = 0.5
    on: bool = False
    kind: msgspec.UnsetType | str = msgspec.UNSET
    best: Place | None = None
    places: list[Place] = []
    words: list[str] = []
    free: dict[str, int] = {}


SCHEMA = msgspec.json.schema(Everything)
TEXT = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=10)
PLACES = st.builds(Place, url=TEXT, weight=st.integers(1, 100))


def fields(node: Node) -> dict[str, list[str]]:
    """What a browser sends of an untouched form."""
    if node.kind in ("object", "list"):
        return {name: value for child in node.children for name, value in fields(child).items()}
    if node.kind == "box" and not node.value:
        return {}
    return {node.path: [node.value]}


@given(
    st.builds(
        Everything,
        name=TEXT,
        share=st.floats(0.1, 1),
        on=st.booleans(),
        best=st.none() | PLACES,
        places=st.lists(PLACES, max_size=5),
        words=st.lists(TEXT, max_size=5),
        free=st.dictionaries(TEXT, st.integers(0, 9), max_size=3),
    )
)
def test_an_untouched_form_gives_back_what_it_shows(data: Everything) -> None:
    root = form_of(SCHEMA, msgspec.to_builtins(data), "x")
    again = data_of(SCHEMA, fields(root), "x")
    assert msgspec.convert(again, Everything) == data


def test_an_empty_form_is_no_data() -> None:
    plain: dict[str, Any] = {"type": "object", "properties": {"url": {"type": "string"}}}
    assert data_of(plain, fields(form_of(plain, None, "x")), "x") is None
    assert data_of(plain, {}, "x") is None


def test_what_does_not_fit_is_left_for_the_plugin_to_refuse() -> None:
    assert data_of(SCHEMA, {"x.places.0.weight": ["many"]}, "x")["places"] == [{"weight": "many"}]
    with pytest.raises(ValueError, match=r"x\.free"):
        data_of(SCHEMA, {"x.free": ["{"]}, "x")
