"""Numbers beyond 2^53, which JavaScript's clients can only send as text."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.api.v2.box_calls import ListBox
from shortd.api.v2.bundle_call import BundleInput
from shortd.api.v2.explain_call import Explain
from shortd.api.v2.numbers import reading_of, with_numbers
from shortd.models.common import NEVER
from shortd.testing import RunningApp
from tests.api.v2.people import Person, registered

ALL_BITS = 2**63 - 1


@pytest.fixture
def ann(app: RunningApp) -> Person:
    return registered(app)


@pytest.mark.parametrize("number", [0, 5, -1, 2**53 + 1, NEVER, ALL_BITS, -(2**63)])
def test_a_number_may_come_as_its_digits(ann: Person, number: int) -> None:
    entry = ann.shorten(tag=str(number), expiration_utime=str(NEVER))
    assert (entry["tag"], entry["expiration_utime"]) == (number, NEVER)
    [listed] = ann.entries(tag=str(number))
    assert listed["id"] == entry["id"]
    ann.call("set_tag", shorturl=entry["shorturl"], tag="7")
    assert ann.entry(entry["shorturl"])["tag"] == 7


def test_inside_multi_as_well(ann: Person) -> None:
    query = {"type": "url", "input": {**ann.credentials, "url": "https://a.example/", "tag": "9"}}
    [made] = ann.app.call("multi", call_queries=[query])["call_responses"]
    assert made["output"]["entry"]["tag"] == 9


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 5",
        "5 ",
        "+5",
        "5.0",
        "5e3",
        "0x5",
        "\u0665",
        "5_000",
        "--5",
        "-",
        str(2**63),
        "9" * 30,
    ],
)
def test_nothing_else_is_a_number(ann: Person, text: str) -> None:
    error = ann.refused("url", url="https://a.example/", tag=text)
    assert (error["code"], error["field"]) == ("invalid_field", "tag")


@pytest.mark.parametrize(("field", "value"), [("unique_minutes", "5"), ("title", 5)])
def test_small_numbers_and_texts_are_what_they_are(ann: Person, field: str, value: object) -> None:
    error = ann.refused("url", url="https://a.example/", tag="5", **{field: value})
    assert (error["code"], error["field"]) == ("invalid_field", field)


def test_texts_of_digits_stay_texts(ann: Person) -> None:
    entry = ann.shorten(tag="1", title="123", tags=["45"])
    terms = ann.call("set_terms", shorturl=entry["shorturl"])["terms"]
    assert (terms["title"], terms["tags"], terms["tag"]) == ("123", ["45"], 1)


@pytest.mark.parametrize(
    ("kind", "given_", "read"),
    [
        (BundleInput, {"entries": [{"filesize": "5"}]}, {"entries": [{"filesize": 5}]}),
        (Explain, {"visitor": {"utime": "5"}, "shorturl": "5"}, {"visitor": {"utime": 5}}),
        (ListBox, {"id": "5", "count": "5"}, {"id": 5, "count": "5"}),
    ],
)
def test_wherever_they_stand(kind: type[msgspec.Struct], given_: Any, read: Any) -> None:
    reading = reading_of(kind)
    assert reading is not None
    put = with_numbers(msgspec.json.encode(given_), reading)
    assert put is not None
    assert msgspec.json.decode(put) == {**given_, **read}


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda v: st.lists(v) | st.dictionaries(st.sampled_from(["entries", "filesize", "tag"]), v),
    )
)
def test_whatever_comes_is_left_alone(value: Any) -> None:
    reading = reading_of(BundleInput)
    assert reading is not None
    raw = msgspec.json.encode({"entries": value})
    put = with_numbers(raw, reading)
    assert put is None or isinstance(msgspec.json.decode(put), dict)
