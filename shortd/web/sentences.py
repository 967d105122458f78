"""Texts as templates say them: in one language, as markup, with what is filled in escaped.

A page says hundreds, most of them without anything to fill in: those are translated once. Jinja's
own extension asks its context three times for each, which was a fifth of a list of links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from markupsafe import Markup

from shortd.languages import Language
from shortd.web.escaping import escape

KEPT = 4096
"""Texts without anything to fill in, or before it is: more than all pages have."""


def sentences_of(language: Language) -> Mapping[str, Callable[..., Markup]]:
    """`_` and `ngettext` of templates. `%` begins a place in every text, also where none is filled
    in; ValueError, TypeError or KeyError for one that does not fit."""

    @lru_cache(KEPT)
    def translated(text: str) -> str:
        return language.gettext(text)

    @lru_cache(KEPT)
    def whole(text: str) -> Markup:
        return _filled(translated(text), {})

    def say(text: str, /, **places: object) -> Markup:
        return _filled(translated(text), places) if places else whole(text)

    def count(one: str, many: str, number: int, /, **places: object) -> Markup:
        return _filled(language.ngettext(one, many, number), {"num": number, **places})

    return {"_": say, "ngettext": count}


def _filled(text: str, places: Mapping[str, object]) -> Markup:
    return Markup(text % {name: escape(value) for name, value in places.items()})
