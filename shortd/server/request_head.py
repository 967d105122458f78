"""What the head of a request has to be, beyond what the parser sees to (RFC 9112).

Whatever is not exactly clear is refused: which host is meant, where the body ends, in which
version both sides speak. A guess would let a proxy in front and this server see different requests.
"""

from __future__ import annotations

import re

from shortd import errors
from shortd.hosts.authority import host_name
from shortd.visits.request_heads import Header
from shortd.web.answers import header_lines, json_answer, retry_after_header, status_line

_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class Refused(Exception):
    """A request that nobody gets to see. `kind` is how it is counted."""

    def __init__(self, kind: str, error: errors.ShortdError) -> None:
        super().__init__(kind)
        self.kind = kind
        self.error = error


def unreadable(message: str | None = None, kind: str = "unreadable") -> Refused:
    return Refused(kind, errors.BAD_REQUEST(message))


def check(method: bytes, version: str, line: bytes, headers: list[Header]) -> None:
    """Raises Refused for a head that is not clear. `line` begins with the request's first line,
    names of headers are in lower case.
    """
    if method == b"CONNECT":
        # The parser takes all that follows for the tunnel's (RFC 9110 9.3.6).
        raise unreadable("There are no tunnels here.", "tunnel")
    if version not in ("1.0", "1.1") or not names_http(line):
        raise unreadable("This server speaks HTTP/1.1 and HTTP/1.0.", "version")
    hosts, codings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
    # RFC 9112 3.2
    if len(hosts) > 1 or (version == "1.1" and not hosts) or not all(map(host_name, hosts)):
        raise unreadable("A request has to have one Host header that names a host.", "host")
    # RFC 9112 6.1 and 7: what it does not know ends where the sender says and nobody else.
    if codings and (version == "1.0" or len(codings) > 1 or codings[0].lower() != b"chunked"):
        raise unreadable("The one transfer coding that is understood here is chunked.", "coding")


def origin_form(target: bytes, headers: list[Header]) -> tuple[bytes, list[Header]]:
    """A target that names its host as one that does not, with the headers of such a request: what
    the target says takes the place of Host (RFC 9112 3.2.2). Refused if it is no host.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return target, headers
    authority, rest = match["authority"], match["rest"]
    if host_name(authority) is None:
        raise unreadable("The target of the request does not name a host.", "host")
    rest = rest if rest.startswith(b"/") else b"/" + rest
    return rest, [(b"host", authority), *(one for one in headers if one[0] != b"host")]


def escaped_line(piece: bytes) -> bytes:
    """The piece of a request's head, in which the first line begins or goes on, with all that is
    no ASCII in that line escaped. Clients write names into addresses as they are; the parser
    takes none of it.
    """
    end = piece.find(b"\n")
    line, rest = (piece, b"") if end < 0 else (piece[:end], piece[end:])
    return _BEYOND_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + rest


def without_upgrade(method: bytes, target: bytes, version: str, headers: list[Header]) -> bytes:
    """The head of a request that asks for another protocol, as one that does not."""
    fields = [b"%b: %b\r\n" % field for field in headers if field[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version.encode(), b"".join(fields))


def rendered(error: errors.ShortdError, headers: list[Header], *, with_body: bool) -> bytes:
    """A whole response that ends its connection. `headers` stand in all of them."""
    content = {"error": {"code": error.code, "message": error.message}}
    wait = error.retry_after
    extra = [] if wait is None else [retry_after_header(wait)]
    answer = json_answer(content, error.status, extra)
    lines = [*headers, *answer.all_headers, (b"connection", b"close")]
    body = answer.body if with_body else b""
    return b"%b%b\r\n%b" % (status_line(error.status), header_lines(lines), body)


def names_http(line: bytes) -> bool:
    """Whether the first line ends in `HTTP/` and a version. The parser takes RTSP and ICE, too."""
    return line.startswith(b"HTTP/", line.find(b"\r\n") - 8)
