"""Cells of tables: strangers choose what stands in them, and spreadsheets run formulas."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""A formula, or one that is marked already: in full width, too, as some spreadsheets read them."""


def harmless(cell: str) -> str:
    """The cell, marked as a text where a spreadsheet would take it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unmarked(cell: str) -> str:
    """A cell as it was before `harmless`."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell
