"""Who reads a page, as far as its look goes: the language and the colours that were chosen, or that
the browser asks for.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from werkzeug.http import parse_cookie

from shortd.accounts.preferences import PLAIN
from shortd.hosts import NO_PATHS, BasePaths
from shortd.languages import Language, Languages
from shortd.models.accounts import Preferences
from shortd.visits.request_heads import RequestHead

LANGUAGE_COOKIE = "lang"
THEME_COOKIE = "theme"
THEMES = ("light", "dark")
KNOWN_READERS = 1024


class Reader(msgspec.Struct, frozen=True):
    """The look of a page."""

    language: Language
    theme: str = ""
    """One of `THEMES`, or empty for the browser's own."""
    keys: bool = True
    """Whether single keys do something."""
    base_path: str = ""
    """That of the host which is asked."""


class Readers:
    """Tells the look of pages from what a browser sends."""

    def __init__(self, languages: Languages, paths: BasePaths = NO_PATHS) -> None:
        self.languages = languages
        self._paths = paths
        self._of = lru_cache(maxsize=KNOWN_READERS)(self._read)

    def of(self, head: RequestHead, chosen: Preferences = PLAIN) -> Reader:
        """Who asks. What an account has `chosen` goes before what the browser says."""
        reader = self._of(head.language, head.cookie, self._paths.of(head.host))
        if chosen == PLAIN:
            return reader
        language = self.languages.named(chosen.language) if chosen.language else None
        theme = chosen.theme if chosen.theme in THEMES else reader.theme
        return Reader(language or reader.language, theme, chosen.keys, reader.base_path)

    def _read(self, accepted: str, cookie: str, base_path: str) -> Reader:
        cookies = parse_cookie(cookie)
        theme = cookies.get(THEME_COOKIE, "")
        language = self.languages.named(cookies.get(LANGUAGE_COOKIE, ""))
        if language is None:
            language = self.languages.accepted(accepted)
        return Reader(language, theme if theme in THEMES else "", base_path=base_path)
