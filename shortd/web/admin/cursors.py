"""Where a list goes on, as its address says it."""

from __future__ import annotations

from urllib.parse import urlencode

from shortd.web.routing import AnyRequest

_INT64 = 2**63 - 1


def numbers(text: str, most: tuple[int, ...]) -> tuple[int, ...] | None:
    """Numbers of a cursor, none above its bound. One that is none of ours is the beginning."""
    parts = text.split("-")
    if len(parts) != len(most) or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    found = tuple(int(part[:20]) for part in parts)
    return found if all(one <= top for one, top in zip(found, most, strict=True)) else None


def address(path: str, **query: str) -> str:
    """Of a list with these questions; what is empty is left out."""
    asked = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{asked}" if asked else path


def asked(request: AnyRequest, name: str, most: int = 200) -> str:
    """What the address asks for under a name."""
    return (request.query_params.get(name) or "").strip()[:most]
