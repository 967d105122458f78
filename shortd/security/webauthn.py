"""Passkeys as WebAuthn has them: what a browser is asked for, and whether its answer is good.

The library is imported when the first answer comes: a server that nobody has a passkey on does not
hold it in memory. What is asked for is data, which needs no library. User verification is demanded
each time, since a passkey counts as both factors. Nothing here knows an account, or what was
answered before.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from shortd.clock import MINUTE
from shortd.security.tickets import LIFETIME

CREDENTIAL_BYTES = 2048
"""Of a credential that is kept: an id of at most 1023 bytes, and a public key."""
ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256 and RS256 (RFC 9053, RFC 8812): what authenticators have."""
_TIMEOUT_MS = LIFETIME // MINUTE * 60_000


class Flawed(Exception):
    """The answer is not one that opens anything; says why, for the log."""


class Answer(NamedTuple):
    """What a browser answered, read and not believed yet."""

    challenge: bytes
    credential_id: bytes
    """Empty where one is to be made."""
    handle: bytes
    """The account as the authenticator knows it; empty if it names none."""
    response: Any


class Made(NamedTuple):
    """A credential that was made."""

    credential: bytes
    """As `Passkey` keeps it."""
    credential_id: bytes
    counter: int


class RelyingParty:
    """This server in the eyes of authenticators."""

    def __init__(self, pages_url: str) -> None:
        self.id = rp_id_of(pages_url)
        """Empty where browsers have no passkeys."""
        self._origin = pages_url

    def creation_options(
        self, challenge: bytes, handle: bytes, name: str, known: Iterable[bytes]
    ) -> dict[str, Any]:
        """What `PublicKeyCredential.parseCreationOptionsFromJSON` takes, for an account of this
        name; `known` are the ids of its credentials, so that no authenticator makes a second."""
        return {
            "rp": {"id": self.id, "name": self.id},
            "user": {"id": _text(handle), "name": name, "displayName": name},
            "challenge": _text(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": one} for one in ALGORITHMS],
            "timeout": _TIMEOUT_MS,
            "excludeCredentials": [{"type": "public-key", "id": _text(one)} for one in known],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    def request_options(self, challenge: bytes) -> dict[str, Any]:
        """What `PublicKeyCredential.parseRequestOptionsFromJSON` takes: any of its passkeys."""
        return {
            "challenge": _text(challenge),
            "timeout": _TIMEOUT_MS,
            "rpId": self.id,
            "userVerification": "required",
        }

    async def read_made(self, text: str) -> Answer:
        """The answer to `creation_options`. Flawed."""
        webauthn = await _library("fido2.webauthn")
        response = _read(webauthn.RegistrationResponse, text)
        return Answer(response.response.client_data.challenge, b"", b"", response)

    async def read_asserted(self, text: str) -> Answer:
        """The answer to `request_options`. Flawed."""
        webauthn = await _library("fido2.webauthn")
        response = _read(webauthn.AuthenticationResponse, text)
        inner = response.response
        return Answer(
            inner.client_data.challenge, response.raw_id, inner.user_handle or b"", response
        )

    async def check_made(self, answer: Answer) -> Made:
        """What was made, if it was made here, for us, by somebody who proved himself to his
        authenticator. Flawed."""
        server, state = await self._server(), _state(answer)
        data = _checked(server.register_complete, state, answer.response)
        credential = data.credential_data
        _same_frame(answer)
        if credential.public_key.get(3) not in ALGORITHMS:
            raise Flawed("another algorithm than was asked for")
        if len(bytes(credential)) > CREDENTIAL_BYTES:
            raise Flawed("a credential that is too large")
        if credential.credential_id != answer.response.raw_id:
            raise Flawed("another credential than it names")
        return Made(bytes(credential), credential.credential_id, data.counter)

    async def check_asserted(self, answer: Answer, credential: bytes) -> int:
        """The authenticator's count of signatures, if this credential has signed. Flawed."""
        server, state = await self._server(), _state(answer)
        webauthn = await _library("fido2.webauthn")
        known = [webauthn.AttestedCredentialData(credential)]
        _checked(server.authenticate_complete, state, known, answer.response)
        _same_frame(answer)
        counter: int = answer.response.response.authenticator_data.counter
        return counter

    async def _server(self) -> Any:
        library, webauthn = await _library("fido2.server"), await _library("fido2.webauthn")
        party = webauthn.PublicKeyCredentialRpEntity(id=self.id, name=self.id)
        # To the letter: an origin below ours is somebody else's.
        return library.Fido2Server(party, verify_origin=lambda origin: origin == self._origin)


def rp_id_of(pages_url: str) -> str:
    """The name that passkeys for pages there are made for; empty where browsers make none: on
    addresses, and over plain http but on localhost."""
    parts = urlsplit(pages_url)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host if parts.scheme == "https" or host == "localhost" else ""
    return ""


def credential_id_of(credential: bytes) -> bytes:
    """The id within a stored credential (WebAuthn 6.5.1): behind 16 bytes of model and 2 of its
    length."""
    return credential[18 : 18 + int.from_bytes(credential[16:18], "big")]


async def _library(name: str) -> Any:
    # Not on the event loop, the first time: it reads a list of all public suffixes.
    return await asyncio.to_thread(importlib.import_module, name)


def _state(answer: Answer) -> dict[str, str]:
    return {"challenge": _text(answer.challenge), "user_verification": "required"}


def _read(kind: Any, text: str) -> Any:
    try:
        return kind.from_dict(msgspec.json.decode(text, type=dict[str, Any]))
    except Exception as fault:
        # Anybody may send anything, and the library says so by many exceptions.
        raise Flawed(f"unreadable: {type(fault).__name__}") from None


def _checked(check: Any, *given: Any) -> Any:
    try:
        return check(*given)
    except Exception as fault:
        raise Flawed(str(fault) or type(fault).__name__) from None


def _same_frame(answer: Answer) -> None:
    if answer.response.response.client_data.cross_origin:
        raise Flawed("made inside a page of another origin")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
