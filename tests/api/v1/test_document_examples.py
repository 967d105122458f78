"""The examples of the document, replayed with curl against a real server."""

from __future__ import annotations

import pytest

from shortd.api.v1.answers import SUCCESS
from shortd.api.v1.registry import CALLS
from tests.api.v1.document import EXAMPLES, SAMPLES, Example, check_shape
from tests.api.v1.replaying import Scene


def test_the_document_has_this_many() -> None:
    assert (len(SAMPLES), len(EXAMPLES)) == (21, 23)


def test_all_calls_of_the_document_are_there() -> None:
    assert SAMPLES.keys() <= CALLS.keys()


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=[f"{number}-{example.call}" for number, example in enumerate(EXAMPLES)]
)
def test_an_example_is_answered_as_the_document_says(scene: Scene, example: Example) -> None:
    answer = scene.replay(example)
    assert answer["status"]["message"] == SUCCESS
    assert answer["status"]["code"] == 0
    check_shape(answer, example.answer)


ROWS = {"rows": [{"id": "a", "parent": None}, {"id": "b", "parent": "a"}], "total": 2}


class TestShapes:
    def test_the_same_is_the_same(self) -> None:
        check_shape(ROWS, ROWS)
        check_shape({"rows": [{"id": "c", "parent": None}], "total": 1}, ROWS)

    @pytest.mark.parametrize(
        "answer",
        [
            {"rows": [{"id": "a", "parent": None}]},
            {"rows": [{"id": "a", "parent": None}], "total": 1, "more": 1},
            {"rows": [{"id": "a", "parent": None}], "total": "1"},
            {"rows": [{"id": "a", "parent": None}], "total": None},
            {"rows": [{"id": "a"}], "total": 1},
            {"rows": [{"id": "a", "parent": 5}], "total": 1},
            {"rows": [{"id": "a", "parent": None}, {"id": 1, "parent": None}], "total": 1},
            {"rows": [], "total": 0},
            {"rows": {}, "total": 0},
        ],
    )
    def test_a_difference_is_found(self, answer: object) -> None:
        with pytest.raises(AssertionError):
            check_shape(answer, ROWS)
