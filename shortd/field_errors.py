"""What msgspec says of an input, as an error of the catalogue that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shortd import errors

_LOCATION = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_LENGTH = re.compile(r"^Expected `str` of length (?P<sign><=|>=) (?P<size>\d+)")
_BOUND = re.compile(r"^Expected `(?:int|float)` (?P<sign><=|>=|<|>) (?P<size>-?[\d.]+)")
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]+)`")


def field_error(message: str, wishes: Mapping[str, str], *, below: str = "") -> errors.ShortdError:
    """msgspec's message as a catalogued error that names the field; `below` is the field that
    was read by itself.
    """
    match = _LOCATION.match(message)
    reason, path = (match["reason"], match["path"] or "") if match else (message, "")
    if below:
        path = f"{below}.{path}" if path and not path.startswith("[") else below + path
    missing = _MISSING.match(reason)
    if missing:
        field = f"{path}.{missing['name']}" if path else missing["name"]
        return errors.MISSING_FIELD(field=field, english=f"{reason}.")
    if not path:
        return errors.BAD_JSON()
    wish = wishes.get(path.partition("[")[0])
    if wish and "matching regex" in reason:
        return errors.INVALID_FIELD(field=path, english=f"Expected: {wish}")
    return errors.INVALID_FIELD(bound_of(reason), field=path, english=f"{reason}.")


def bound_of(fault: str) -> errors.Sentence | None:
    """What msgspec says of a text's length or a number's bounds, as it is said to people; None for
    all else.
    """
    if length := _LENGTH.search(fault):
        size = int(length["size"])
        if length["sign"] == "<=":
            return errors.Sentence("At most %(most)s characters.", {"most": size})
        if size == 1:
            return errors.Sentence("Fill this in.")
        return errors.Sentence("At least %(least)s characters.", {"least": size})
    if bound := _BOUND.search(fault):
        if bound["sign"].startswith("<"):
            return errors.Sentence("At most %(most)s.", {"most": bound["size"]})
        return errors.Sentence("At least %(least)s.", {"least": bound["size"]})
    return None
