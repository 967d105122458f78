"""What an issuer publishes of itself (OpenID Connect Discovery 1.0) and its keys (RFC 7517)."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from shortd.issuers import faults
from shortd.issuers.asking import Line, Reply

Url = Annotated[str, Meta(max_length=2048)]
T = TypeVar("T")

MOST_KEYS = 64
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Description(msgspec.Struct, frozen=True):
    """An issuer's own description, as far as a sign-in needs it."""

    issuer: Url
    authorization_endpoint: Url
    token_endpoint: Url
    jwks_uri: Url
    userinfo_endpoint: Url | None = None
    end_session_endpoint: Url | None = None
    scopes_supported: list[str] | None = None
    id_token_signing_alg_values_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None


class Keys(msgspec.Struct, frozen=True):
    """An issuer's key set."""

    keys: Annotated[list[dict[str, Any]], Meta(max_length=MOST_KEYS)]


async def described(line: Line, issuer: str) -> Description:
    """What the issuer at this address says of itself. Fault."""
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    found = document(await line.ask("GET", address), Description, address)
    if found.issuer != issuer:
        raise faults.DISCOVERY(f"issuer is {found.issuer!r}, configured is {issuer!r}")
    for name, url in (
        ("authorization_endpoint", found.authorization_endpoint),
        ("token_endpoint", found.token_endpoint),
        ("jwks_uri", found.jwks_uri),
        ("userinfo_endpoint", found.userinfo_endpoint or issuer),
        ("end_session_endpoint", found.end_session_endpoint or issuer),
    ):
        if not _is_safe(url):
            raise faults.DISCOVERY(f"{name} is neither https nor on this machine: {url!r}")
    return found


async def published_keys(line: Line, address: str) -> Keys:
    """The keys that it signs with. Fault."""
    return document(await line.ask("GET", address), Keys, address)


def document(reply: Reply, kind: type[T], where: str) -> T:
    """The JSON document of a reply. Fault."""
    if reply.status != 200:
        raise faults.ANSWER(f"{where} answers {reply.status}")
    return decoded(reply.body, kind, where)


def decoded(body: bytes, kind: type[T], where: str) -> T:
    """JSON that came from somewhere, as this type. Fault."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        raise faults.ANSWER(f"{where}: {fault}") from None


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or " " in url or not (url.isascii() and url.isprintable()):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
