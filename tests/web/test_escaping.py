"""What templates put out is escaped as markupsafe does it."""

from __future__ import annotations

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from shortd.web.escaping import escape


class Text(str):
    """A kind of text of somebody's own."""


class Drawn:
    def __html__(self) -> str:
        return "<b>&</b>"


@given(st.text() | st.text("&<>'\"a"))
def test_texts(text: str) -> None:
    assert escape(text) == markupsafe.escape(text)
    assert escape(Text(text)) == markupsafe.escape(text)


@pytest.mark.parametrize(
    "value",
    [Markup("<b>&amp;</b>"), Drawn(), Text("<b>"), 7, -7, 1.5, True, None, ["<"], {"'": '"'}],
    ids=lambda value: type(value).__name__,
)
def test_anything_else(value: object) -> None:
    assert escape(value) == markupsafe.escape(value)
