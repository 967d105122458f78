"""Finds the texts of pages, handlers, scripts and refusals, and writes them into the catalogues.

    python -m tests.languages.catalogue

A new text gets an empty entry, one that is no longer said goes, and a changed one is both: nothing
is guessed. `test_catalogues.py` asks that nothing would change.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polib
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

from shortd import errors
from tests.languages.refusals import refusals, wishes

ROOT = Path(__file__).parents[2] / "shortd"
PLUGINS = ROOT.parent / "plugins"
"""Those that come along."""
CATALOGUES = ROOT / "languages"
METHODS = [
    ("web/static/**.js", "javascript"),
    ("web/templates/**.html", "jinja2.ext:babel_extract"),
    ("web/**.py", "python"),
    ("mail/**.py", "python"),
    ("mail/templates/**.html", "jinja2.ext:babel_extract"),
    ("mail/templates/**.txt", "jinja2.ext:babel_extract"),
    ("languages/**.py", "python"),
]
METHODS_OF_PLUGINS = [
    ("**/templates/**.html", "jinja2.ext:babel_extract"),
    ("**.py", "python"),
]
_TEMPLATES = (
    *("web/templates/**.html", "mail/templates/**.html", "mail/templates/**.txt"),
    "**/templates/**.html",
)
OPTIONS = {pattern: {"trimmed": "true", "silent": "false"} for pattern in _TEMPLATES}
_FUNCTIONS = ("_", "gettext", "ngettext", "pgettext")
KEYWORDS: dict[str, Any] = {
    **{name: DEFAULT_KEYWORDS[name] for name in _FUNCTIONS},
    # A handler that says more than one thing calls its gettext `words`.
    "words": None,
    # What plugins have said in panels.
    "Words": None,
}
KEYWORDS_OF_SCRIPTS: dict[str, Any] = {"word": None, "words": (1, 2)}


class Text(NamedTuple):
    """What is said somewhere, in English."""

    context: str | None
    one: str
    many: str
    """The plural; empty where nothing is counted."""


@cache
def texts() -> Mapping[Text, list[str]]:
    """All texts, with the files that say them."""
    found: dict[Text, set[str]] = defaultdict(set)
    sources = [(ROOT, *one) for one in METHODS] + [(PLUGINS, *one) for one in METHODS_OF_PLUGINS]
    for root, pattern, method in sources:
        keywords = KEYWORDS_OF_SCRIPTS if method == "javascript" else KEYWORDS
        options = {pattern: OPTIONS.get(pattern, {})}
        for file, _, message, _, context in extract_from_dir(
            root, [(pattern, method)], options_map=options, keywords=keywords
        ):
            one, many = message if isinstance(message, tuple) else (message, "")
            found[Text(context, one, many or "")].add(Path(file).as_posix())
    for kind in errors.CATALOGUE.values():
        found[Text(None, kind.message, "")].add("errors.py")
    for refusal in (*refusals(ROOT), *refusals(PLUGINS)):
        if refusal.text:
            found[Text(None, refusal.text, "")].add(refusal.where.partition(":")[0])
    for file, wish in wishes(ROOT, "web/"):
        found[Text(None, wish, "")].add(file)
    return {text: sorted(files) for text, files in found.items()}


def updated(catalogue: polib.POFile) -> polib.POFile:
    """The catalogue with all texts and no others, in their order."""
    known = {Text(entry.msgctxt, entry.msgid, entry.msgid_plural): entry for entry in catalogue}
    counting = re.search(r"nplurals=(\d)", catalogue.metadata.get("Plural-Forms", ""))
    forms = int(counting[1]) if counting else 2
    fresh = polib.POFile(wrapwidth=96)
    fresh.header = catalogue.header
    fresh.metadata = catalogue.metadata
    for text, files in sorted(texts().items(), key=lambda item: (item[1][0], item[0].one)):
        entry = known.get(text)
        if entry is None:
            plural = {"msgstr_plural": dict.fromkeys(range(forms), "")} if text.many else {}
            entry = polib.POEntry(
                msgctxt=text.context, msgid=text.one, msgid_plural=text.many, **plural
            )
        entry.occurrences = [(file, "") for file in files]
        fresh.append(entry)
    return fresh


def catalogues() -> list[Path]:
    return sorted(CATALOGUES.glob("*.po"))


if __name__ == "__main__":
    for path in catalogues():
        made = updated(polib.pofile(path, wrapwidth=96))
        made.save(str(path))
        print(f"{path.name}: {len(made.untranslated_entries())} of {len(made)} not translated")
