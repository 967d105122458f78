"""Pages and answers of a host that is ours below a path alone: the one place that takes the path
off what comes and puts it before what leaves.

Everything else, handlers, templates and their forms, knows addresses as they are without a path:
`/-/home`. Nobody who writes one can forget it, so nothing may write one with the path either. What
leads to another host of ours begins with that one's base URL, and scripts read theirs off their own
addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from litestar.types import HTTPScope, Message, Send

from shortd.hosts import behind
from shortd.services import Services

ATTRIBUTES = ("action", "data-picture", "data-plot", "data-words", "formaction", "href", "src")
"""What has addresses in our markup. In a value or a text there is no quote that is not escaped, so
that what looks like one of these is one."""
_FROM_THE_ROOT = re.compile(rf'(\s(?:{"|".join(ATTRIBUTES)})=")(?=/(?!/))')
_COOKIE_FOR_ALL = re.compile(rb"(;\s*path=/)(?=;|\Z)", re.IGNORECASE)


def placed(markup: str, path: str) -> str:
    """Our own markup with the path before all addresses from the root."""
    return _FROM_THE_ROOT.sub(rf"\g<1>{path}", markup) if path else markup


def placed_pieces(pieces: Iterator[str], path: str) -> Iterator[str]:
    """The same bit by bit: what may be amid a tag waits for the rest."""
    if not path:
        return pieces
    return _placed_pieces(pieces, path)


def _placed_pieces(pieces: Iterator[str], path: str) -> Iterator[str]:
    held = ""
    for piece in pieces:
        # Added, a Markup would escape what it is added to.
        held = "".join((held, piece))
        if ">" in piece:
            whole, end, held = held.rpartition(">")
            yield placed(whole + end, path)
    yield placed(held, path)


class BelowPaths:
    """What stands around the application where a host has a path."""

    def __init__(self, services: Services) -> None:
        self._paths = services.hosts.paths
        self._heads = services.visits.heads

    def enter(self, scope: HTTPScope, send: Send) -> Send:
        """Cuts the path of its host off a request; what sends the answer, with the path in its
        headers."""
        path = self._paths.of(self._heads.of(scope["headers"]).host)
        if not path:
            return send
        raw = scope.get("raw_path") or scope["path"].encode(errors="replace")
        rest = behind(path, raw)
        if rest is not None:
            scope["raw_path"] = rest
            # Escapes make no other path of it, since a base path has none.
            scope["path"] = scope["path"][len(path) :] or "/"
        before = path.encode()

        async def send_placed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, _placed_header(name.lower(), value, before))
                    for name, value in message["headers"]
                ]
            await send(message)

        return send_placed


def _placed_header(name: bytes, value: bytes, path: bytes) -> bytes:
    if name == b"location" and value.startswith(b"/"):
        return path + value
    if name == b"set-cookie":
        return _COOKIE_FOR_ALL.sub(rb"\g<1>" + path[1:], value)
    return value
