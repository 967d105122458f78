"""Texts of templates: translated, filled in, never more than text where it matters."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from shortd.languages import open_languages
from shortd.web.sentences import sentences_of

ENGLISH = sentences_of(open_languages().default)


def test_what_is_filled_in_is_escaped_and_the_text_is_not() -> None:
    said = ENGLISH["_"]("<b>%(name)s</b> & %(more)s", name="<i>", more=Markup("<i>"))
    assert said == Markup("<b>&lt;i&gt;</b> & <i>")


def test_a_language_says_it_its_own_way() -> None:
    german = open_languages().named("de")
    assert german is not None
    said = sentences_of(german)
    assert said["_"]("This link has ended") == "Dieser Link ist zu Ende"
    assert [said["ngettext"]("click", "clicks", count) for count in (1, 2)] == ["Klick", "Klicks"]


def test_numbers_choose_the_text_and_can_stand_in_it() -> None:
    count = ENGLISH["ngettext"]
    assert [count("%(num)s link", "%(num)s links", number) for number in (1, 2)] == [
        "1 link",
        "2 links",
    ]
    assert count("%(n)s link", "%(n)s links", 2, n="<2>") == "&lt;2&gt; links"


def test_a_percent_sign_is_written_twice_in_every_text() -> None:
    assert ENGLISH["_"]("100 %%") == "100 %"
    assert ENGLISH["_"]("100 %% of %(all)s", all=3) == "100 % of 3"
    with pytest.raises(KeyError):
        ENGLISH["_"]("%(name)s")
