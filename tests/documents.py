"""What stands in the documents, for tests that hold it against the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
PROGRAMS = ("shortd", ".venv/bin/shortd", "shortd/shortd")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def block(name: str, language: str, mark: str) -> str:
    """The one fenced block of a language that holds `mark`."""
    (found,) = [text for text in fenced(name, language) if mark in text]
    return found


def fenced(name: str, *languages: str) -> list[str]:
    """What stands in all fenced blocks of these languages."""
    kinds = "|".join(map(re.escape, languages))
    return re.findall(rf"^```(?:{kinds})\n(.*?)^```", text_of(name), re.MULTILINE | re.DOTALL)


def prose(name: str) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(name), flags=re.MULTILINE | re.DOTALL)


def anchors(name: str) -> set[str]:
    """What `#…` can lead to: its headings, as those who show Markdown make addresses of them."""
    headings = re.findall(r"^#+ (.*)$", prose(name), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def typed(name: str) -> Iterator[list[str]]:
    """The words behind each `shortd` that is to be typed, in all blocks of a document."""
    lines = [
        line
        for text in fenced(name, "sh")
        for line in text.replace("\\\n", " ").splitlines()
        if "shortd" in line
    ]
    for text in fenced(name, "console"):
        lines += re.findall(r"^\$ (.*\bshortd .*)$", text.replace("\n> ", "\n"), re.MULTILINE)
    for line in lines:
        yield from commands(line)


def commands(line: str) -> list[list[str]]:
    """Of each `shortd` in a line of a shell, the words behind it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word and set(word) <= set(";|&()"):
            parts.append([])
        else:
            parts[-1].append(word)
    found = []
    for words in parts:
        named = [at + 1 for at, word in enumerate(words) if word in PROGRAMS and _runs(words, at)]
        rest = words[named[0] :] if named else []
        redirected = [at for at, word in enumerate(rest) if word and set(word) <= set("<>")]
        rest = rest[: redirected[0]] if redirected else rest
        if rest:
            # To xargs, more comes by standard input.
            found.append([*rest, "word"] if "xargs" in words else rest)
    return found


def _runs(words: list[str], at: int) -> bool:
    """Whether a word is what is run, not the unit, the user or the container of that name."""
    before, behind = words[:at], words[at + 1 : at + 2]
    if behind and behind[0] in ("--", *PROGRAMS):
        return False
    runners = {"sudo", "xargs", "exec", "--"}
    return all("=" in word for word in before) or not runners.isdisjoint(before)
