"""A software authenticator, with all that a browser does around it: passkeys for tests that speak
HTTP. Each part can be made to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

FLAG = AuthenticatorData.FLAG
PRESENT, VERIFIED, ATTESTED = FLAG.UP, FLAG.UV, FLAG.AT

_cose: Any = ES256
"""Without types of its own."""

Options = dict[str, Any]


@dataclass
class Credential:
    """A passkey, and for whom it is."""

    key: ec.EllipticCurvePrivateKey
    id: bytes
    rp_id: str
    handle: bytes
    counter: int = 0


@dataclass
class Authenticator:
    """Makes passkeys and signs with them, at a page of `origin`."""

    origin: str
    counts: bool = True
    """Whether it counts signatures, as those do whose passkeys never leave them."""
    credentials: list[Credential] = field(default_factory=list)

    def make(self, options: Options, **lies: Any) -> str:
        """What a browser answers to the options of a creation, as JSON."""
        rp_id: str = lies.get("rp_id", options["rp"]["id"])
        made = Credential(
            ec.generate_private_key(ec.SECP256R1()),
            secrets.token_bytes(lies.get("id_bytes", 16)),
            rp_id,
            _bytes(options["user"]["id"]),
        )
        public = _cose.from_cryptography_key(made.key.public_key())
        if "algorithm" in lies:
            public[3] = lies["algorithm"]
        data = AuthenticatorData.create(
            hashlib.sha256(rp_id.encode()).digest(),
            PRESENT | ATTESTED | lies.get("flags", VERIFIED),
            made.counter,
            AttestedCredentialData.create(b"\0" * 16, made.id, public),
        )
        self.credentials.append(made)
        response = {
            "clientDataJSON": _text(self._client_data("create", options, lies)),
            "attestationObject": _text(AttestationObject.create("none", data, {})),
        }
        return _answer(made.id, response)

    def sign(self, options: Options, credential: Credential | None = None, **lies: Any) -> str:
        """What it answers to the options of a request: by its newest passkey for that site."""
        rp_id = str(lies.get("rp_id", options["rpId"]))
        fitting = [one for one in self.credentials if one.rp_id == options["rpId"]]
        chosen = credential or fitting[-1]
        if self.counts:
            chosen.counter += 1
        data = AuthenticatorData.create(
            hashlib.sha256(rp_id.encode()).digest(),
            PRESENT | lies.get("flags", VERIFIED),
            lies.get("counter", chosen.counter),
        )
        client_data = self._client_data("get", options, lies)
        key = lies.get("key", chosen.key)
        signed = bytes(data) + hashlib.sha256(client_data).digest()
        response = {
            "clientDataJSON": _text(client_data),
            "authenticatorData": _text(data),
            "signature": _text(key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": _text(lies.get("handle", chosen.handle)),
        }
        return _answer(chosen.id, response)

    def _client_data(self, way: str, options: Options, lies: dict[str, Any]) -> bytes:
        data = {
            "type": lies.get("type", f"webauthn.{way}"),
            "challenge": lies.get("challenge", options["challenge"]),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": lies.get("cross_origin", False),
        }
        return bytes(CollectedClientData(json.dumps(data).encode()))


def _answer(credential_id: bytes, response: dict[str, str]) -> str:
    return json.dumps(
        {
            "id": _text(credential_id),
            "rawId": _text(credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
    )


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
