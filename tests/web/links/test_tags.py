"""The page of an account's tags."""

from __future__ import annotations

import re

import pytest

from tests.web.links.test_dashboard import listed, make
from tests.web.surfer import Surfer


def tags(surfer: Surfer) -> list[str]:
    page = surfer.get("/-/tags").text
    return re.findall(r'<a class="tag"[^>]*><i class="k\d"></i>([^<]+)</a>', page)


def test_tags_are_coloured_renamed_and_taken_off(ann: Surfer) -> None:
    make(ann, "autumn26", tags=["flyer"])
    make(ann, "winter26", tags=["print"], tag=1)
    assert tags(ann) == ["flyer", "print", "Tag 1"]
    ann.send("/-/tags", {"name": "flyer", "new": "flyer", "color": "4"})
    assert '<i class="k4"></i>flyer' in ann.get("/-/dashboard").text
    ann.send("/-/tags", {"bit": "0", "name": "Shop", "color": "2"})
    assert tags(ann) == ["flyer", "print", "Shop"]
    page = ann.follow(ann.send("/-/tags", {"name": "flyer", "new": "print", "color": "4"})).text
    assert "1 link changed" in page and "/-/undo/" in page
    assert sorted(listed(ann, "?tag=print")) == ["autumn26", "winter26"]
    ann.send("/-/tags", {"name": "print", "do": "remove", "color": "1"})
    assert listed(ann, "?tag=print") == []
    assert tags(ann) == ["Shop"]


@pytest.mark.parametrize(
    "form",
    [
        {"name": "flyer", "new": "a\x1bb", "color": "1"},
        {"name": "flyer", "new": "x" * 65, "color": "1"},
        {"name": "flyer", "color": "9"},
        {"bit": "64", "color": "1"},
        {"name": "", "color": "1"},
    ],
)
def test_what_cannot_be_is_said(ann: Surfer, form: dict[str, str]) -> None:
    make(ann, "autumn26", tags=["flyer"])
    answer = ann.send("/-/tags", form)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert tags(ann) == ["flyer"]


def test_without_any_it_says_where_they_come_from(ann: Surfer) -> None:
    assert "No tags yet" in ann.get("/-/tags").text
