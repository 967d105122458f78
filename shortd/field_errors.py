"""What msgspec says of an input, as an error of the catalogue that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shortd import errors

_LOCATION = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
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
        return errors.MISSING_FIELD(f"{reason}.", field=field)
    if not path:
        return errors.BAD_JSON()
    wish = wishes.get(path.partition("[")[0])
    if wish and "matching regex" in reason:
        return errors.INVALID_FIELD(f"Expected: {wish}", field=path)
    return errors.INVALID_FIELD(f"{reason}.", field=path)
