"""Code blocks of the documents about plugins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Block(NamedTuple):
    """A fenced block."""

    section: str
    """The heading that it stands under, without marks."""
    language: str
    text: str
    before: str
    """The line of text right before it; empty if there is none."""


def blocks(name: str) -> list[Block]:
    """All fenced blocks of a document, in order."""
    found = []
    section, before, fence = "", "", None
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if fence is not None:
            if line == "```":
                found.append(Block(section, fence[0], "".join(fence[1:]), before))
                fence, before = None, ""
            else:
                fence.append(f"{line}\n")
        elif line.startswith("```"):
            fence = [line.removeprefix("```")]
        elif heading := re.fullmatch(r"#+ (.*)", line):
            section, before = heading[1].replace("`", ""), ""
        elif line:
            before = line
    return found
