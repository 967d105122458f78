"""Destinations and short URLs as sources write them."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from shortd import errors
from shortd.hosts.destinations import MAX_URL_BYTES, parse_destination, trimmed
from shortd.moving.records import Reason
from shortd.moving.texts import decoded

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_WEB = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HOST_FIRST = re.compile(r"[^\s/?#@:]+\.[^\s/?#@:.]+\.?(?::\d{1,5})?(?:[/?#]|\Z)")
"""Something like a host, where a URL has no scheme."""


def read_url(text: str) -> tuple[str, Reason | None]:
    """The URL as it is kept, and why it cannot be: SCHEME, USERINFO, TOO_LONG or URL.

    It stays byte for byte but for white space around it, a scheme that is missing and raw spaces.
    What a server has against it besides is not asked here.
    """
    url = trimmed(text)
    if url.startswith("//"):
        url = f"https:{url}"
    elif _HOST_FIRST.match(url):
        url = f"http://{url}"
    url = url.replace(" ", "%20")
    web = _WEB.match(url)
    if web is None:
        return url, Reason.SCHEME if _SCHEME.match(url) and not _is_web(url) else Reason.URL
    if "@" in web[1]:
        return url, Reason.USERINFO
    if len(url.encode("utf-8", "surrogatepass")) > MAX_URL_BYTES:
        return url, Reason.TOO_LONG
    try:
        parse_destination(url, ())
    except errors.ShortdError:
        return url, Reason.URL
    return url, None


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http:", "https:"))


def web_address(text: object) -> str:
    """A place to go besides the destination; empty where it cannot be one."""
    if not isinstance(text, str) or not text.strip():
        return ""
    url, reason = read_url(text)
    return "" if reason else url


def host_name(text: str) -> str:
    """A host as it is compared, with its port if it has one; of a base URL, too."""
    text = re.sub(r"\A[a-z]+://", "", text.strip().lower())
    name, colon, port = text.partition("/")[0].partition(":")
    return f"{name.rstrip('.')}{colon}{port}"


def split_short_url(text: str) -> tuple[str | None, str]:
    """The host of a short URL, None if it has none, and what stands behind its first slash,
    unescaped once and without a slash at its end."""
    text = trimmed(text)
    web = _WEB.match(text)
    if web is None and not _HOST_FIRST.match(text):
        return None, unescaped(text).strip("/")
    rest = re.sub(r"(?i)\Ahttps?://", "", text)
    host, _, path = rest.partition("/")
    path = re.split(r"[?#]", path, maxsplit=1)[0]
    return host_name(host), unescaped(path).strip("/")


def unescaped(text: str) -> str:
    """One round of percent-decoding; what is no UTF-8 there was Windows-1252."""
    return decoded(unquote_to_bytes(text.encode("utf-8", "replace")))
