"""The bodies of Shorten World v1: JSON objects, and what its document passes for one."""

from __future__ import annotations

from typing import Any

import msgspec

from shortd import errors

MOST_NAMES = 1000
"""In one object: no input has more than a dozen."""

STRAY_BRACES = 4
"""Passed over at the end of a body. Each is another reading of it."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_SPACE = b" \t\r\n"


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object of `MOST_NAMES` at most; an empty body is an empty one. BAD_JSON.

    Two of the document's examples have a brace too many at their end, so those are passed over.
    """
    body = body.strip(_SPACE) or b"{}"
    for _ in range(1 + STRAY_BRACES):
        try:
            given = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if not body.endswith(b"}"):
                break
            body = body[:-1].rstrip(_SPACE)
            continue
        if len(given) > MOST_NAMES:
            raise errors.BAD_JSON(f"An object has at most {MOST_NAMES} names.")
        return given
    raise errors.BAD_JSON()
