"""The words of pages and mails in the languages of people: English as it stands in the code, and a
catalogue (gettext's `.po`) for every other language.

A further language is one file. This room must never know what a page or a mail is, and never
translate what people have named: endings, titles, destinations.
"""

from __future__ import annotations

from shortd.languages.catalogues import CatalogueError, Language, Languages, open_languages

__all__ = ["CatalogueError", "Language", "Languages", "open_languages"]
