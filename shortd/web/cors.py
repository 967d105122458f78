"""Which pages of others may call the APIs from a browser (the Fetch standard's CORS protocol).

None, unless `[server] cors_origins` names their origins. What a browser does for such a page never
carries cookies: calls have their credentials in their bodies or in `Authorization`. So nothing here
ever allows credentials, nor the header by which pages of ours say that a call is theirs (`calls`);
and it must never be asked about anything but API calls, as pages are nobody else's to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litestar.types import HTTPScope, Message, Send

from shortd.web.answers import Headers

ANY = "*"
AGE_SECONDS = 600
"""For which browsers remember what a preflight said."""
_ALLOWED = (
    *(b"authorization", b"content-type", b"idempotency-key"),
    *(b"shortd-clicks", b"shortd-code", b"shortd-days", b"shortd-password"),
)
_EXPOSED = b"location, retry-after"
_VARY = (b"vary", b"origin")
_ASKED = b"access-control-request-method"

MethodsOf = Callable[[HTTPScope, str], str | None]
"""The methods that an API takes at a request's path, one of which it is asked with; None if none
of them does."""


class Cors:
    """What stands around API calls where some origins may make them."""

    def __init__(self, origins: Sequence[str], methods_of: MethodsOf) -> None:
        self._is_any = tuple(origins) == (ANY,)
        self._origins = frozenset(origin.encode() for origin in origins)
        self._methods_of = methods_of

    def enter(self, scope: HTTPScope, send: Send) -> tuple[Send, Headers | None]:
        """What sends the answer; and the headers of one that answers a preflight, where that is
        all there is to be answered."""
        fields = dict(scope["headers"])
        asked = fields.get(_ASKED) if scope["method"] == "OPTIONS" else None
        method = scope["method"] if asked is None else asked.decode("latin-1")
        methods = self._methods_of(scope, method)
        if methods is None:
            return send, None
        allowed = self._of(fields.get(b"origin"))
        if asked is not None and allowed:
            return send, [
                *allowed,
                (b"access-control-allow-methods", methods.encode()),
                (b"access-control-allow-headers", b", ".join(_ALLOWED)),
                (b"access-control-max-age", b"%d" % AGE_SECONDS),
            ]
        return _sending(send, self._shown(allowed)), None

    def _of(self, origin: bytes | None) -> Headers:
        """The headers by which an origin is allowed; none if it is not."""
        if self._is_any:
            return [(b"access-control-allow-origin", ANY.encode())]
        if origin is None or origin not in self._origins:
            return []
        return [(b"access-control-allow-origin", origin), _VARY]

    def _shown(self, allowed: Headers) -> Headers:
        if not allowed:
            # Another origin would have been told something else.
            return [_VARY]
        return [*allowed, (b"access-control-expose-headers", _EXPOSED)]


async def answer_preflight(send: Send, headers: Headers) -> None:
    """Answers a preflight."""
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _sending(send: Send, headers: Headers) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return with_headers
