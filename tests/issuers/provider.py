"""An issuer that does what it is told, right or wrong. `python -m
tests.issuers.provider PORT [CERTIFICATE KEY]`.

It knows one client, checks what a client has to send as strictly as any, and signs in whoever comes
without asking him. `POST /told` says what it is to do from now on: the fields of `Told`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
import warnings
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import msgspec
import uvicorn
from joserfc import jwk, jws, jwt
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send

CLIENT, SECRET = "shortd", "a secret of the client's"
PEOPLE = {"sub": "ann-1", "email": "ann@example.org", "email_verified": True}
JSON = "application/json"


class Told(msgspec.Struct):
    """What it is to do. Claims that are null are left out."""

    now: int = 0
    """Unix seconds; 0 is this machine's time."""
    claims: dict[str, Any] = {}
    """Of the ID token, over what is right."""
    userinfo: dict[str, Any] = {}
    alg: str = "RS256"
    key: str = "own"
    """Or "unknown": of another key; "foreign": of another key under the own one's id."""
    discovery: str = "right"
    jwks: str = "right"
    token: str = "right"
    """Each "right", or how it is wrong: see `_wrong`."""
    description: dict[str, Any] = {}
    """Over the right one."""
    error: str = ""
    """What it answers the browser with, instead of a code."""
    form: bool = False
    """Whether it shows a page with a button, as to people."""
    kid: bool = True


class Provider:
    """The ASGI application."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.told = Told()
        self.asked: list[str] = []
        self._keys = {
            name: jwk.generate_key("RSA", 2048, {"kid": name}, auto_kid=False)
            for name in ("one", "two")
        }
        self._curve = jwk.generate_key("EC", "P-256", {"kid": "curve"}, auto_kid=False)
        self._edwards = jwk.generate_key("OKP", "Ed25519", {"kid": "ed"}, auto_kid=False)
        self._codes: dict[str, dict[str, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == ScopeType.HTTP
        path, query = scope["path"], dict(parse_qsl(scope["query_string"].decode()))
        body = await _body(receive)
        if path == "/told":
            self.told = msgspec.json.decode(body, type=Told)
            return await _answer(send, 200, b"{}")
        if path == "/asked":
            asked, self.asked = self.asked, []
            return await _answer(send, 200, json.dumps(asked).encode())
        self.asked.append(f"{scope['method']} {path}")
        if path == "/.well-known/openid-configuration":
            return await self._document(send, self.told.discovery, self._description())
        if path == "/keys":
            return await self._document(send, self.told.jwks, self._published())
        if path == "/authorize":
            return await self._authorize(send, query)
        if path == "/token":
            return await self._token(scope, body, send)
        if path == "/userinfo":
            return await self._userinfo(send)
        if path == "/logout":
            return await _answer(
                send, 200, b"<!DOCTYPE html><title>Signed out there</title>", "text/html"
            )
        await _answer(send, 404, b"{}")

    def _description(self) -> dict[str, Any]:
        right = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/logout",
            "scopes_supported": ["openid", "profile", "email", "groups"],
            "id_token_signing_alg_values_supported": [
                *("RS256", "ES256", "EdDSA", "HS256", "none"),
            ],
            "more": {"than": ["needed"]},
        }
        return _over(right, self.told.description)

    def _published(self) -> dict[str, Any]:
        keys = [self._keys["one"].as_dict(private=False, use="sig", alg="RS256")]
        keys.append(self._curve.as_dict(private=False))
        keys.append(self._edwards.as_dict(private=False))
        keys.append({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"})
        keys.append({"kty": "unheard-of", "kid": "one"})
        return {"keys": keys}

    async def _document(self, send: Send, how: str, right: object) -> None:
        if not await _wrong(send, how):
            await _answer(send, 200, json.dumps(right).encode())

    async def _authorize(self, send: Send, query: dict[str, str]) -> None:
        scopes = query.get("scope", "").split()
        problem = (
            query.get("response_type") != "code"
            or query.get("client_id") != CLIENT
            or query.get("code_challenge_method") != "S256"
            or "openid" not in scopes
            or not {"state", "nonce", "redirect_uri", "code_challenge"} <= query.keys()
        )
        if problem:
            return await _answer(send, 400, b"<!DOCTYPE html><title>Refused</title>", "text/html")
        back = {"state": query["state"]}
        if self.told.error:
            back |= {"error": self.told.error, "error_description": "because it was told so"}
        else:
            back["code"] = secrets.token_urlsafe()
            self._codes[back["code"]] = query
        address = f"{query['redirect_uri']}?{urlencode(back)}"
        if self.told.form:
            href = address.replace("&", "&amp;")
            page = f"<!DOCTYPE html><title>Issuer</title><h1>Issuer</h1><a href='{href}'>Yes</a>"
            return await _answer(send, 200, page.encode(), "text/html")
        await _answer(send, 302, b"", "text/plain", location=address)

    async def _token(self, scope: HTTPScope, body: bytes, send: Send) -> None:
        if await _wrong(send, self.told.token):
            return
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        headers = dict(scope["headers"])
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode())
        if headers.get(b"authorization") != b"Basic " + basic:
            return await _refuse(send, "invalid_client", 401)
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return await _refuse(send, "invalid_grant")
        answer = {"access_token": "access", "token_type": "Bearer", "expires_in": 60}
        if self.told.token != "no id_token":
            answer["id_token"] = self._id_token(asked)
        await _answer(send, 200, json.dumps(answer).encode())

    def _id_token(self, asked: dict[str, str]) -> str:
        now = self.told.now or int(time.time())
        right = {
            **PEOPLE,
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "auth_time": now if asked.get("prompt") == "login" else now - 3600,
            "nonce": asked["nonce"],
            "preferred_username": "ann",
        }
        claims = _over(right, self.told.claims)
        alg = self.told.alg
        if alg == "none":
            parts = ({"alg": "none"}, claims)
            return ".".join([*(_packed(json.dumps(part).encode()) for part in parts), ""])
        if alg == "broken":
            return "not a token"
        if alg in ("HS256", "HS256 with the key"):
            secret = SECRET.encode()
            if alg != "HS256":
                secret = self._keys["one"].as_pem(private=False)
            head = _packed(json.dumps({"alg": "HS256", "kid": "one"}).encode())
            text = f"{head}.{_packed(json.dumps(claims).encode())}"
            return f"{text}.{_packed(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"
        key, kid = self._keys["one"], "one"
        if alg == "EdDSA":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return jwt.encode({"alg": alg, "kid": "ed"}, claims, self._edwards, [alg])
        if alg == "ES256":
            return jwt.encode({"alg": alg, "kid": "curve"}, claims, self._curve, [alg])
        if self.told.key != "own":
            key = self._keys["two"]
            kid = "two" if self.told.key == "unknown" else "one"
        header = {"alg": alg, "kid": kid} if self.told.kid else {"alg": alg}
        payload = json.dumps(claims).encode()
        return jws.serialize_compact(header, payload, key, [alg])

    async def _userinfo(self, send: Send) -> None:
        claims = _over({"sub": PEOPLE["sub"]}, self.told.userinfo)
        await _answer(send, 200, json.dumps(claims).encode())


async def _wrong(send: Send, how: str) -> bool:
    """Answers wrongly, as it is told; whether it has."""
    if how == "slow":
        await asyncio.sleep(60)
        await _answer(send, 200, b"{}")
    elif how in ("endless", "trickle"):
        piece, pause = (b" " * 65536, 0.0) if how == "endless" else (b" ", 0.05)
        await _start(send, 200, JSON)
        # It does not hear that nobody listens any more.
        for _ in range(200 if how == "endless" else 1200):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(pause)
    elif how == "huge":
        await _answer(send, 200, json.dumps({"x": "x" * (2 << 20)}).encode())
    elif how == "deep":
        await _answer(send, 200, b"[" * 100_000)
    elif how == "packed":
        await _answer(send, 200, b"\x1f\x8b\x08", content_encoding="gzip")
    elif how == "html":
        await _answer(send, 200, b"<!DOCTYPE html><title>Not it</title>", "text/html")
    elif how == "error":
        await _answer(send, 500, b"{}")
    elif how == "redirect":
        await _answer(send, 302, b"", location="/.well-known/openid-configuration")
    elif how == "refused":
        await _refuse(send, "invalid_grant")
    elif how == "list":
        await _answer(send, 200, b"[]")
    else:
        return False
    return True


async def _refuse(send: Send, error: str, status: int = 400) -> None:
    await _answer(send, status, json.dumps({"error": error}).encode())


async def _answer(send: Send, status: int, body: bytes, kind: str = JSON, **headers: str) -> None:
    await _start(send, status, kind, **headers)
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _start(send: Send, status: int, kind: str, **headers: str) -> None:
    sent = [(b"content-type", kind.encode())]
    sent += [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message["body"]
        if not message["more_body"]:
            return body


def _over(right: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**right, **told}.items() if value is not None}


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


if __name__ == "__main__":
    port, files = int(sys.argv[1]), sys.argv[2:]
    certificate, key = files or (None, None)
    uvicorn.run(
        Provider(f"{'https' if files else 'http'}://127.0.0.1:{port}"),
        host="127.0.0.1",
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="critical",
    )
