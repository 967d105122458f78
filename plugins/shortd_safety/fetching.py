"""Fetches a list, and takes it only if whoever has to vouches for it. Keeps nothing.

What a signature says is who made a list, not when: whoever answers for its server can give an older
one that was signed as well. Redirects lead to https alone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha256
from typing import NamedTuple

import ada_url
from cryptography.exceptions import InvalidSignature

from shortd.plugin import Http, HttpAnswer
from shortd_safety.contents import MOST_BYTES, BadList
from shortd_safety.settings import ListSettings, read_key

SECONDS = 120.0
REDIRECTS = 5
_SIGNATURE_BYTES = 64
_MOST_SIGNATURE_BYTES = 4096
_MOST_ETAG = 256


class Fetched(NamedTuple):
    """A list that was vouched for."""

    content: bytes
    etag: str
    """Empty if its server has none."""


async def fetch(http: Http, source: ListSettings, etag: str) -> Fetched | None:
    """The list; None if it is still the one with this ETag. BadList, HttpFault."""
    answer = await _get(http, source, source.url, etag, MOST_BYTES)
    if answer.status == 304 and etag:
        return None
    content = _content(answer)
    if source.sha256:
        if not hmac.compare_digest(sha256(content).hexdigest(), source.sha256.lower()):
            raise BadList("its SHA-256 is another one")
    elif source.key:
        url = source.signature or f"{source.url}.sig"
        signed = _content(await _get(http, source, url, "", _MOST_SIGNATURE_BYTES), "signature")
        try:
            read_key(source.key).verify(_signature(signed), content)
        except InvalidSignature:
            raise BadList("its signature is not one of this key") from None
    told = answer.headers.get("etag", "")
    return Fetched(content, told if len(told) <= _MOST_ETAG and told.isprintable() else "")


async def _get(http: Http, source: ListSettings, url: str, etag: str, max_bytes: int) -> HttpAnswer:
    headers = {"if-none-match": etag} if etag else {}
    for _ in range(REDIRECTS + 1):
        answer = await http.get(
            url, headers=headers, timeout=SECONDS, allow=source.allow, max_bytes=max_bytes
        )
        location = answer.headers.get("location", "")
        if answer.status not in (301, 302, 303, 307, 308) or not location:
            return answer
        try:
            target = ada_url.URL(location, base=url)
        except ValueError:
            raise BadList("its server leads nowhere") from None
        if target.protocol != "https:":
            raise BadList("its server leads on to where there is no https")
        url = target.href
    raise BadList("its server leads on and on")


def _content(answer: HttpAnswer, what: str = "list") -> bytes:
    if answer.status != 200:
        raise BadList(f"its server answered {answer.status} for the {what}")
    return answer.content


def _signature(content: bytes) -> bytes:
    """64 bytes, or these as hexadecimal digits or base64. BadList."""
    if len(content) == _SIGNATURE_BYTES:
        return content
    said = b"".join(content.split())
    try:
        if len(said) == 2 * _SIGNATURE_BYTES:
            return bytes.fromhex(said.decode("ascii"))
        raw = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _SIGNATURE_BYTES:
        raise BadList("its signature is no signature of Ed25519")
    return raw
