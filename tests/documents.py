"""What stands in the documents, for tests that hold it against the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
