"""A language nobody speaks: every text of ours in brackets, accented and 40 % longer. What has none
of it on a page was never translated, and what does not fit would not fit in Finnish."""

from __future__ import annotations

import re
from pathlib import Path

import polib

from tests.languages.catalogue import texts

CODE = "qps"
WORD = 12
"""Characters of the longest of the words that are added."""
_ACCENTS = str.maketrans("aceinostuyACEINOSTUY", "åçëíñøšţüýÅÇËÍÑØŠŢÜÝ")
# Places, markup and entities stay as they are.
_KEPT = re.compile(r"(%\(\w+\)s|%%|\{\w+\}|<[^>]+>|&\w+;)")


def write_pseudo(folder: Path) -> Path:
    """The language's catalogue, in a folder for `[web] languages`."""
    catalogue = polib.POFile()
    catalogue.metadata = {
        "Content-Type": "text/plain; charset=utf-8",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    for text, files in texts().items():
        entry = polib.POEntry(msgctxt=text.context, msgid=text.one, msgid_plural=text.many)
        entry.occurrences = [(file, "") for file in files]
        if text.many:
            entry.msgstr_plural = {0: strange(text.one), 1: strange(text.many)}
        elif text.context:
            entry.msgstr = text.one
        else:
            entry.msgstr = strange(text.one)
        catalogue.append(entry)
    folder.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(folder / f"{CODE}.po"))
    return folder


def strange(text: str) -> str:
    """A text as this language has it."""
    pieces = _KEPT.split(text)
    said = "".join(
        piece if at % 2 else piece.translate(_ACCENTS) for at, piece in enumerate(pieces)
    )
    words = sum(len(piece) for piece in pieces[::2])
    longer = round(words * 0.4)
    return f"⟦{said}{' '.join('·' * min(WORD, longer - at) for at in range(0, longer, WORD))}⟧"


def plain(text: str) -> str:
    """What of a page's text is in none of the brackets."""
    depth, left = 0, []
    for character in text:
        depth += (character == "⟦") - (character == "⟧")
        if depth == 0 and character != "⟧":
            left.append(character)
    return "".join(left)
