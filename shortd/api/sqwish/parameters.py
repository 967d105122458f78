"""The parameters of a sqwish call, from the query and from a form's body."""

from __future__ import annotations

from collections.abc import Mapping

from shortd import errors
from shortd.api.pairs import pairs_of

NAMES = ("api_key", "url", "custom", "password", "code", "limit")
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 100
_DIGITS = 18
"""Of a number; more of them would not fit 64 bits."""


class Parameters:
    """What was given. One that is empty counts as absent; names that no call has are ignored."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def get(self, name: str) -> str:
        """Empty if it is absent."""
        return self._given.get(name, "")

    def need(self, name: str) -> str:
        """MISSING_FIELD."""
        if not self.get(name):
            raise errors.MISSING_FIELD("This parameter is missing.", field=name)
        return self.get(name)

    def and_one(self, name: str, value: str) -> Parameters:
        """The same with one more. INVALID_FIELD if it was given before."""
        if name not in NAMES or not value:
            return self
        if name in self._given:
            raise errors.INVALID_FIELD("This parameter comes twice.", field=name)
        return Parameters({**self._given, name: value})

    def without(self, name: str) -> list[tuple[str, str]]:
        """All others, in order."""
        return sorted((one, value) for one, value in self._given.items() if one != name)

    def positive(self, name: str) -> int | None:
        """A whole number above 0; None if it is absent. INVALID_FIELD."""
        text = self.get(name)
        if not text:
            return None
        is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
        if not is_number or not int(text):
            raise errors.INVALID_FIELD("Expected a whole number above 0.", field=name)
        return int(text)


def read(query: bytes, form: bytes, content_type: str) -> Parameters:
    """Reads both. BAD_REQUEST for what cannot be read, INVALID_FIELD for one that comes twice."""
    kind = content_type.partition(";")[0].strip().lower()
    if form and kind not in ("", FORM):
        raise errors.BAD_REQUEST(f"Send the parameters in the query, or as {FORM}.")
    given = Parameters({})
    for part in (query, form):
        for name, value in pairs_of(part, MOST_FIELDS):
            given = given.and_one(name, value)
    return given
