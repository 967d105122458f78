"""ID tokens (OpenID Connect Core 1.0, 3.1.3.7): checked before a word of them is believed.

Only keys that the issuer publishes sign them, so that neither `none` nor a client's secret does.
"""

from __future__ import annotations

import base64
import binascii
import warnings
from collections.abc import Sequence
from typing import Any

import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jws, jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
    SecurityWarning,
)

from shortd.issuers import faults
from shortd.issuers.documents import decoded

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Of keys of which one half is published. Never those of a shared secret."""
LEEWAY_SECONDS = 60
"""By which two clocks may differ."""
LONGEST = 64 << 10
MOST_TRIED = 8
"""Keys, where neither side names one."""

_KIND_OF_KEY = {"R": "RSA", "P": "RSA", "E": "EC"}
_TIMES = ("exp", "nbf", "iat")


class Header(msgspec.Struct, frozen=True):
    """What a token says of its signature."""

    alg: str
    kid: str | None = None


def header_of(token: str) -> Header:
    """The header, which nothing proves yet. Fault."""
    if len(token) > LONGEST or token.count(".") != 2:
        raise faults.MALFORMED("it is no signed token")
    head = token.partition(".")[0]
    try:
        raw = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (ValueError, binascii.Error):
        raise faults.MALFORMED("its header is not base64url") from None
    try:
        return decoded(raw, Header, "header")
    except faults.Fault as fault:
        raise faults.MALFORMED(fault.detail) from None


def algorithms(announced: Sequence[str] | None) -> list[str]:
    """Those that an issuer signs with and that prove something."""
    return [name for name in announced or ("RS256",) if name in ALGORITHMS]


def candidates(header: Header, keys: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The published keys that may have signed."""
    kind = "OKP" if header.alg.startswith("Ed") else _KIND_OF_KEY.get(header.alg[:1], "")
    fitting = [key for key in keys if key.get("kty") == kind and key.get("use") in (None, "sig")]
    if header.kid is not None:
        return [key for key in fitting if key.get("kid") == header.kid]
    return fitting[:MOST_TRIED]


def claims_of(
    token: str, header: Header, keys: Sequence[dict[str, Any]], allowed: Sequence[str]
) -> dict[str, Any]:
    """What is signed with one of these keys. Fault."""
    if header.alg not in allowed:
        raise faults.ALGORITHM(f"alg is {header.alg!r}, allowed: {', '.join(allowed) or 'none'}")
    registry = jws.JWSRegistry(algorithms=list(allowed), strict_check_header=False)
    registry.max_header_length = 4096
    registry.max_signature_length = 4096
    problem: Exception | None = None
    for key in keys:
        try:
            with warnings.catch_warnings():
                # Of "EdDSA" the name alone is out of date (RFC 9864); issuers still write it.
                warnings.simplefilter("ignore", SecurityWarning)
                return jwt.decode(token, jwk.import_key(_public(key)), registry=registry).claims
        except (BadSignatureError, JoseError, ValueError, TypeError) as fault:
            problem = fault
    if problem is None:
        raise faults.KEYS(f"kid is {header.kid!r}")
    if isinstance(problem, BadSignatureError):
        raise faults.SIGNATURE(f"kid is {header.kid!r}")
    raise faults.MALFORMED(f"{type(problem).__name__}: {problem}")


def check(claims: dict[str, Any], *, issuer: str, client_id: str, nonce: str, now: int) -> None:
    """Whether these claims are what this sign-in has asked for; `now` in Unix seconds. Fault."""
    checked = CodeIDToken(
        claims,
        {},
        {
            "iss": {"essential": True, "values": [issuer]},
            "aud": {"essential": True, "values": [client_id]},
        },
        {"nonce": nonce, "client_id": client_id},
    )
    try:
        checked.validate(now, LEEWAY_SECONDS)
    except ExpiredTokenError:
        raise faults.CLOCK(f"exp is {claims.get('exp')}, now is {now}") from None
    except MissingClaimError as fault:
        name = fault.claim
        if name == "nonce":
            raise faults.NONCE("there is none") from None
        raise faults.CLAIM(f"{name} is missing") from None
    except InvalidClaimError as fault:
        name = fault.claim
        found = f"{name} is {claims.get(name)!r}"
        if name == "iss":
            raise faults.ISSUER(f"{found}, expected {issuer!r}") from None
        if name in ("aud", "azp"):
            raise faults.AUDIENCE(f"{found}, expected {client_id!r}") from None
        if name == "nonce":
            raise faults.NONCE() from None
        if name in _TIMES:
            raise faults.CLOCK(f"{found}, now is {now}") from None
        raise faults.CLAIM(found) from None


def _public(key: dict[str, Any]) -> dict[str, Any]:
    """A key without what only says how it is meant to be used, which libraries stumble over."""
    return {name: value for name, value in key.items() if name not in ("key_ops", "use", "x5c")}
