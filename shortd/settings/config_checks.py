"""What a type cannot say about a setting: addresses, networks, mail.

Each check returns the value in the form to keep, or raises ValueError with a message that does
not repeat the value.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from urllib.parse import parse_qsl, urlsplit

import ada_url

from shortd.mail_addresses import sender_of
from shortd.settings.config_reader import Check, at_home

SOCKET = "unix:"
"""What a path begins with, where it is a socket to listen on."""
BASE_PATH_BYTES = 100
SOCKET_BYTES = 107
"""`sun_path` has one more, for its end (unix(7))."""
_NUMERIC = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}", re.IGNORECASE)
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]+", re.ASCII)
_OWN_NAMES = frozenset({"-", "v1", "v2", ".well-known", "robots.txt", "favicon.ico"})
"""With which addresses begin that are the server's, or those of its host."""
_OTHER_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._-]+(?::[0-9]{1,5})?", re.ASCII)
"""Of extensions and apps."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]{1,64}", re.ASCII)
_TAKEN_HEADERS = frozenset(
    {
        *("authorization", "connection", "content-length", "content-type", "cookie", "forwarded"),
        *("host", "origin", "referer", "transfer-encoding", "user-agent", "x-forwarded-for"),
        *("x-forwarded-host", "x-forwarded-proto", "sec-fetch-site", "accept-language"),
    }
)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")


def base_url(text: str) -> str:
    """The base URL of a short host as it is kept and shown, like `https://s.example:8443` or
    `https://example.org/s`.

    Names become lower-case ASCII, a scheme's usual port goes, and so does the slash at the end of
    the path. Raises ValueError for anything but scheme, host, port and a path of http or https.
    """
    problem = ValueError(
        "expected an http or https address without query or user, such as https://s.example"
    )
    # The URL standard quietly repairs white space, backslashes and missing slashes.
    if not text.isprintable() or any(character in text for character in " ?#@\\"):
        raise problem
    try:
        url = ada_url.URL(text)
    except ValueError as error:
        raise problem from error
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in ("http", "https") or rest.startswith("/"):
        raise problem
    _, slash, path = rest.partition("/")
    return f"{url.origin}{_base_path(slash + path)}"


def _base_path(path: str) -> str:
    """The path below which a server is reached, without a slash at its end. ValueError."""
    path = path.removesuffix("/")
    segments = path.split("/")[1:]
    if len(path) > BASE_PATH_BYTES:
        raise ValueError(f"a path has at most {BASE_PATH_BYTES} characters")
    if not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError(
            "expected a path of letters, digits, '-', '.', '_' and '~' between single slashes, as"
            " in https://example.org/s"
        )
    if segments and segments[0] in _OWN_NAMES:
        # Where a proxy cuts the path itself, our addresses would begin with it once more.
        raise ValueError(f"/{segments[0]} is where the server has addresses of its own")
    return path


def base_url_or_none(text: str) -> str:
    """The same as `base_url`; empty for none."""
    return base_url(text) if text else text


def is_socket(host: str) -> bool:
    """Whether what is listened on is a Unix socket."""
    return host.startswith(SOCKET)


def listening_host(text: str) -> str:
    """An address or a name to listen on, in its usual spelling, without brackets; `*` is `::`. Or
    `unix:` and the absolute path of a socket.
    """
    text = text.strip()
    if text == "*":
        return "::"
    if is_socket(text):
        path = text.removeprefix(SOCKET)
        if not path.startswith("/") or path.endswith("/") or not path.isprintable():
            raise ValueError("expected an absolute path behind unix:, as in unix:/run/shortd.sock")
        if len(os.fsencode(path)) > SOCKET_BYTES:
            raise ValueError(f"a path of a socket has at most {SOCKET_BYTES} bytes")
        return text
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if bare == text and _NUMERIC.fullmatch(bare):
            try:
                # Short forms such as 0 and 127.1 (inet_aton(3)).
                return socket.inet_ntoa(socket.inet_aton(bare))
            except OSError:
                pass
        elif bare == text and (name := _ascii_name(bare)) is not None:
            return name
        raise ValueError(
            "expected an address such as 192.0.2.7 or 2001:db8::7, a name, :: for everywhere, or"
            " unix: and a path; the port is a setting of its own"
        ) from None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)


def origin(text: str) -> str:
    """The origin of pages as browsers send it; `*` is any."""
    problem = ValueError(
        "expected an origin, such as https://app.example or chrome-extension://abcdef, or *"
    )
    if text == "*":
        return text
    scheme = text.partition("://")[0]
    if scheme.lower() not in ("http", "https"):
        if scheme.lower() == "file" or not _OTHER_ORIGIN.fullmatch(text):
            raise problem
        return text.lower()
    try:
        url = base_url(text)
    except ValueError:
        raise problem from None
    if "/" in url.partition("://")[2]:
        raise ValueError("an origin has no path; expected one such as https://app.example")
    if "*" in url:
        raise ValueError("* stands for all origins alone, and for no part of one")
    return url


def network(text: str) -> str:
    """A network, or a single address as the network of itself, in its usual spelling."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(
            "expected an address or a network such as 10.0.0.0/8, with no bit set beyond its length"
        ) from error


def smtp_url(text: str) -> str:
    """`smtp://` or `smtps://`, then `user:password@`, if wanted, `host:port`, `?starttls=1`."""
    problem = ValueError(
        "expected smtp://user:password@host:port or smtps://…, with ?starttls=1 or nothing after it"
    )
    if not text:
        return text
    try:
        url = urlsplit(text)
        port = url.port
        options = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
    except ValueError as error:
        raise problem from error
    if (
        url.scheme not in ("smtp", "smtps")
        or not url.hostname
        or port == 0
        or url.path not in ("", "/")
        or url.fragment
        or options not in ([], [("starttls", "0")], [("starttls", "1")])
        or (url.scheme == "smtps" and options == [("starttls", "1")])
        or not text.isprintable()
        or " " in text
    ):
        raise problem
    return text


def sender(text: str) -> str:
    """One e-mail address, with or without a name before it; empty for the server's choice."""
    if text:
        sender_of(text)
    return text


def folder_or_file(text: str) -> str:
    """A path; empty for none."""
    return str(at_home(text)) if text else text


def catalogues(text: str) -> str:
    """A folder of catalogues, all of which can be used; empty for none."""
    if not text:
        return text
    folder = at_home(text)
    if not folder.is_dir():
        raise ValueError("expected a folder of catalogues")
    # Commands need no catalogue otherwise, and reading them takes a library of its own.
    from shortd.languages import open_languages

    open_languages(folder=str(folder))
    return str(folder)


def prefix(text: str) -> str:
    """The folder that a proxy finds files in, to which their names are added."""
    if not (text.startswith("/") and text.endswith("/") and text.isprintable()):
        raise ValueError("expected a path that begins and ends with /")
    return text


def issuer(text: str) -> str:
    """The address of an OpenID Connect issuer. It stays as it is: it is compared to the letter."""
    problem = ValueError("expected an https address without query, such as https://id.example.org")
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        raise problem from error
    if (
        url.scheme not in ("https", "http")
        or not host
        or "@" in url.netloc
        or not text.isascii()
        or not text.isprintable()
        or any(character in text for character in " ?#\\")
    ):
        raise problem
    if url.scheme == "http" and not _is_loopback(host):
        raise ValueError("http is for this machine alone; give the issuer an https address")
    return text


def allowed(text: str) -> str:
    """Who may sign in by an issuer."""
    kind, _, value = text.partition(":")
    if kind not in ("group", "domain", "email") or not value.strip() or value != value.strip():
        raise ValueError("expected group:NAME, domain:example.org or email:somebody@example.org")
    if kind != "group" and (("@" in value) is not (kind == "email")):
        raise ValueError("expected group:NAME, domain:example.org or email:somebody@example.org")
    return text


def trusted_header(text: str) -> str:
    """The name of a header that says who somebody is; empty for none."""
    if text and not _HEADER.fullmatch(text):
        raise ValueError("expected the name of a header, such as Remote-User")
    if text.lower() in _TAKEN_HEADERS:
        raise ValueError("this header says something else; expected one such as Remote-User")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _ascii_name(text: str) -> str | None:
    try:
        name = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        return None
    return name.lower() if _NAME.fullmatch(name.lower()) else None


CHECKS: dict[str, Check] = {
    "public_url": base_url,
    "hosts": base_url,
    "auth.oidc.*.issuer": issuer,
    "auth.oidc.*.allow": allowed,
    "auth.proxy.header": trusted_header,
    "auth.proxy.email": trusted_header,
    "auth.proxy.from": network,
    "clicks.geoip_db": folder_or_file,
    "files.handover_prefix": prefix,
    "plugins.dir": folder_or_file,
    "server.host": listening_host,
    "server.cors_origins": origin,
    "server.trusted_proxies": network,
    "server.metrics_from": network,
    "web.languages": catalogues,
    "web.url": base_url_or_none,
    "mail.smtp_url": smtp_url,
    "mail.from": sender,
}
"""By the dotted name of the setting, where * is any one name; of a list, each item is checked."""
