"""Texts that many rows repeat, kept once: agents, referrers, languages, names in statistics.

A row has a code in the place of a text: its number, or the text itself. A text gets a number when
it is seen a second time before 2048 others, so that one that strangers make up for each click costs
what it always did, and a number is short since few are given out. Texts of a few bytes have none.

Who puts a code into a row takes it from `taken`, and who removes the row gives it to `given_back`;
the uses are counted in the transaction that does so, and a text that nobody uses is gone with it.
It must never be told a code that is not in the row, or be spared one that is: the text would be
lost, or stay. `shortd doctor` counts them anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from shortd.models.clicks import Code
from shortd.store.schema import META, STRING_USES, STRINGS, STRINGS_BY_DIGEST, string_digest
from shortd.store.txn import Txn, WriteTxn

SHORT = 3
"""Characters of a text that stays where it is."""
USES_PER_ROW = 128
"""Numbers whose uses are in one row: a transaction touches those of hundreds of texts."""
NEXT_KEY = ("next_string",)
"""In META: the number that was given out last, and one. None is given out twice."""


class Texts(dict[Code, str]):
    """Texts by their codes, as a transaction sees them."""

    def __init__(self, txn: Txn) -> None:
        super().__init__()
        self._txn = txn

    def __missing__(self, code: Code) -> str:
        if isinstance(code, str):
            return code
        # What a damaged database lost is empty; the doctor tells.
        text = (STRINGS.get(self._txn, (code,)) or "") if code else ""
        self[code] = text
        return text


def taken(txn: WriteTxn, text: str, salt: int = 0) -> Code:
    """The code of a text for a row, which is a use more. What is seen under another `salt` does
    not count as seen."""
    code = txn.codes.get(text)
    if code is None:
        code = code_of(txn, text)
    if code.__class__ is str and len(text) > SHORT:
        code = _seen(txn, text, salt)
    if code.__class__ is int:
        txn.uses[code] += 1
    return code


def code_of(txn: WriteTxn, text: str) -> Code:
    """What stands for a text at the moment, for who looks whether a row has it: no use, nor has it
    been seen."""
    code = txn.codes.get(text)
    if code is None:
        code = (text if len(text) <= SHORT else _found(txn, text) or text) or 0
        txn.codes[text] = code
    return code


def given_back(txn: WriteTxn, codes: Iterable[Code]) -> None:
    """Notes that codes are in a row no longer, each as often as it is told."""
    uses = txn.uses
    for code in codes:
        if code.__class__ is int:
            uses[code] -= 1


def settle_uses(txn: WriteTxn) -> None:
    """Writes down what came and went, at the end of a function that writes: texts that nobody uses
    go."""
    parts: dict[int, list[int]] = {}
    for number, change in txn.uses.items():
        # That of the empty text is none.
        if not number or isinstance(number, str):
            continue
        part, place = divmod(number, USES_PER_ROW)
        uses = parts.get(part)
        if uses is None:
            uses = parts[part] = STRING_USES.get(txn, (part,)) or [0] * USES_PER_ROW
        uses[place] = max(0, uses[place] + change)
        if not uses[place]:
            text = STRINGS.delete(txn, (number,))
            if text is not None:
                txn.known.forget(text)
    for part, uses in parts.items():
        if any(uses):
            STRING_USES.put(txn, (part,), uses)
        else:
            STRING_USES.delete(txn, (part,))
    txn.uses.clear()
    txn.codes.clear()
    txn.values.clear()


def stored_uses(txn: Txn) -> dict[int, int]:
    """How often each text is used by what was written down, by its number."""
    return {
        part * USES_PER_ROW + place: uses
        for (part,), row in STRING_USES.scan(txn)
        for place, uses in enumerate(row)
        if uses
    }


def _found(txn: WriteTxn, text: str) -> int:
    """The number of a text; 0 if it has none."""
    number = txn.known.number(text)
    if number is not None:
        return number
    for raw_key in STRINGS_BY_DIGEST.found(txn, (string_digest(text),)):
        (number,) = STRINGS.key.decode(raw_key)
        if STRINGS.get(txn, (number,)) == text:
            txn.known.note(text, number)
            return number
    return 0


def _seen(txn: WriteTxn, text: str, salt: int) -> Code:
    """The code of a text that has no number: one if it was seen before, or else the text."""
    if not txn.known.see(text, salt):
        return text
    number = META.get(txn, NEXT_KEY) or 1
    META.put(txn, NEXT_KEY, number + 1)
    STRINGS.put(txn, (number,), text)
    txn.known.note(text, number)
    txn.codes[text] = number
    return number
