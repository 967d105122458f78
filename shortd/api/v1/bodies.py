"""The bodies of Shorten World v1: JSON objects, and what its document passes for one."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from shortd import errors

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one. BAD_JSON.

    Two of the document's examples have a brace too many at their end, so those are passed over.
    """
    body = body.strip(b" \t\r\n") or b"{}"
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _decode(_without_stray_braces(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise errors.BAD_JSON() from None


def _without_stray_braces(body: bytes) -> bytes:
    """The object that a body begins with. ValueError if more follows than closing braces."""
    text = body.decode()
    _, end = json.JSONDecoder().raw_decode(text)
    if text[end:].strip(" \t\r\n}"):
        raise ValueError("something follows the object")
    return text[:end].encode()
