"""Catalogues: one `.po` file a language, read when the server starts.

What is translated stands in the code as it is said in English, so that a text without a
translation is English. Places in sentences are named, `%(name)s`; those for scripts `{name}`.
"""

from __future__ import annotations

import gettext
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec
import polib
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

SOURCE = "en"
"""The language that the code speaks."""

_HERE = Path(__file__).parent
_CODE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_PLACE = re.compile(r"%\((\w+)\)|\{(\w+)\}")


Translations = gettext.NullTranslations
"""gettext's, of which the null one leaves every text as it is."""


class CatalogueError(ValueError):
    """A catalogue that cannot be used; the message names its file and what is wrong."""


class Language:
    """One language: its words, and how it writes numbers."""

    def __init__(
        self, code: str, translations: gettext.NullTranslations, scripts: str = ""
    ) -> None:
        self.code = code
        """As BCP 47 has it, and as its file is called."""
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        self.pgettext = translations.pgettext
        self.name = self.gettext("English")
        """What it calls itself."""
        self.scripts = scripts
        """A JavaScript module that teaches `words.js` the words of scripts; empty for English."""
        self._thousands = self.pgettext("between thousands", ",")
        self._point = self.pgettext("before decimals", ".")

    def number(self, value: float, decimals: int = 0) -> str:
        """As people read it: "1,204"."""
        signs = {",": self._thousands, ".": self._point}
        return "".join(signs.get(sign, sign) for sign in f"{value:,.{decimals}f}")


class Languages:
    """All languages of a server."""

    def __init__(self, languages: Iterable[Language], default: str = SOURCE) -> None:
        self._by_code = {language.code: language for language in languages}
        if default not in self._by_code:
            known = ", ".join(self._by_code)
            raise CatalogueError(f"there is no catalogue for {default!r}, only for {known}")
        self._by_tag = {code.lower(): language for code, language in self._by_code.items()}
        self.default = self._by_code[default]
        """For who asks for none of the others."""

    def __iter__(self) -> Iterator[Language]:
        return iter(self._by_code.values())

    def named(self, code: str) -> Language | None:
        return self._by_code.get(code)

    def accepted(self, header: str) -> Language:
        """The one that an Accept-Language header likes best: for each of its languages, from the
        best, that one or a less special one (lookup, RFC 4647 3.4).
        """
        for tag, quality in parse_accept_header(header, LanguageAccept):
            while tag and quality > 0:
                if tag.lower() in self._by_tag:
                    return self._by_tag[tag.lower()]
                tag = tag.rpartition("-")[0]
        return self.default


def open_languages(default: str = SOURCE, folder: str = "") -> Languages:
    """English, the catalogues that come with shortd, and those of `folder`, which come first; read
    once a process. CatalogueError.
    """
    return _opened(default, folder)


# Behind it, since a cache takes arguments that are left out for others than the same ones given.
@cache
def _opened(default: str, folder: str) -> Languages:
    files = {file.stem: file for file in sorted(_HERE.glob("*.po"))}
    if folder:
        files |= {file.stem: file for file in sorted(Path(folder).glob("*.po"))}
    source = Language(SOURCE, gettext.NullTranslations())
    return Languages([source, *map(_read, files.values())], default)


def _read(file: Path) -> Language:
    if not _CODE.fullmatch(file.stem):
        raise CatalogueError(f"{file}: a catalogue is named by its language, as in de.po")
    try:
        catalogue = polib.pofile(file)
        translations = gettext.GNUTranslations(io.BytesIO(catalogue.to_binary()))
    except (OSError, UnicodeError, ValueError) as fault:
        raise CatalogueError(f"{file}: {fault}") from None
    for entry in catalogue.translated_entries():
        _check_places(file, entry)
    return Language(file.stem, translations, _scripts(catalogue))


def _check_places(file: Path, entry: polib.POEntry) -> None:
    """CatalogueError for a translation that a page could not fill in."""
    said = [entry.msgid, entry.msgid_plural]
    places = {name for text in said for name in _places(text)}
    for text in [entry.msgstr, *entry.msgstr_plural.values()]:
        strange = set(_places(text)) - places
        if strange:
            names = ", ".join(sorted(strange))
            raise CatalogueError(f"{file}: {entry.msgid!r} has no place for {names}")
        if "%(" in entry.msgid or not _of_scripts(entry):
            try:
                text % defaultdict(str)
            except (ValueError, TypeError) as fault:
                raise CatalogueError(f"{file}: {text!r}: {fault}") from None


def _places(text: str) -> Iterator[str]:
    for one, other in _PLACE.findall(text):
        yield one or other


def _scripts(catalogue: polib.POFile) -> str:
    """The words of scripts, with the rule by which the language counts."""
    words: dict[str, str | list[str]] = {
        entry.msgid: [*entry.msgstr_plural.values()] if entry.msgid_plural else entry.msgstr
        for entry in catalogue.translated_entries()
        if _of_scripts(entry)
    }
    rule = _rule(catalogue.metadata)
    return (
        'import { learn } from "./words.js";\n'
        f"learn({msgspec.json.encode(words).decode()}, (n) => Number({rule}));\n"
    )


def _of_scripts(entry: polib.POEntry) -> bool:
    return any(file.endswith(".js") for file, _ in entry.occurrences)


def _rule(metadata: Mapping[str, str]) -> str:
    """The expression of Plural-Forms. gettext has read it, so it is one, and the same in C,
    Python and JavaScript."""
    found = re.search(r"plural=([^;]*)", metadata.get("Plural-Forms", ""))
    return found[1] if found else "n != 1"
