"""Sign-ins under way at an issuer: begun in this browser, for ten minutes, each good once.

They wait in one cookie of the browser, signed, so that nobody can fill a table with them. What an
issuer is to give back, and the verifier of PKCE, are derived from the key and the state: the cookie
does not tell them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import StrEnum
from random import Random

import msgspec

from shortd.clock import MINUTE
from shortd.ids import random_text

LASTS = 10 * MINUTE
"""µs."""
MOST = 3
"""Sign-ins of one browser at a time, in as many tabs; one more ends the oldest."""
WANTED_LENGTH = 512
"""Characters of the address to go on to; a longer one is forgotten."""
STATE_LENGTH = 32
_MAC = 32
_LONGEST = 4096


class Purpose(StrEnum):
    """What somebody goes to an issuer for."""

    SIGN_IN = "sign_in"
    LINK = "link"
    PROVE = "prove"
    """That it is still he who sits there."""


class Flow(msgspec.Struct, array_like=True, frozen=True):
    """One of them."""

    state: str
    issuer: str
    """By the name that the settings give it."""
    purpose: Purpose
    wanted: str
    """Where to go on."""
    until: int
    """Unix µs."""
    userid: str = ""
    """Whose affair it is, unless it is a sign-in."""


class Flows:
    """Begins and takes them. `key` is the data directory's own."""

    def __init__(self, key: bytes, random: Random) -> None:
        self._key = key
        self._random = random

    def begin(
        self,
        cookie: str,
        issuer: str,
        purpose: Purpose,
        now: int,
        *,
        wanted: str = "",
        userid: str = "",
    ) -> tuple[Flow, str]:
        """A new one, and the cookie that it waits in with those of `cookie` that are good."""
        state = random_text(self._random, STATE_LENGTH)
        if len(wanted) > WANTED_LENGTH:
            wanted = ""
        flow = Flow(state, issuer, purpose, wanted, now + LASTS, userid)
        waiting = [one for one in self._read(cookie) if one.until > now]
        return flow, self._written([*waiting, flow][-MOST:])

    def take(self, cookie: str, issuer: str, state: str, now: int) -> tuple[Flow | None, str]:
        """The one of this state, if it is good, and the cookie without it."""
        found = None
        rest = []
        for one in self._read(cookie):
            if hmac.compare_digest(one.state.encode(), state.encode()):
                found = one
            else:
                rest.append(one)
        if found is not None and not (found.issuer == issuer and now < found.until <= now + LASTS):
            found = None
        return found, self._written(rest) if rest else ""

    def nonce(self, flow: Flow) -> str:
        """What the ID token has to hold."""
        return self._derived("nonce", flow)

    def verifier(self, flow: Flow) -> str:
        """What proves at the token endpoint that it was begun here (RFC 7636)."""
        return self._derived("verifier", flow)

    def _derived(self, name: str, flow: Flow) -> str:
        message = f"{name}:{flow.issuer}:{flow.state}".encode()
        return _text(hmac.new(self._key, message, hashlib.sha256).digest())

    def _written(self, flows: list[Flow]) -> str:
        body = msgspec.msgpack.encode(flows)
        return _text(self._mac(body) + body)

    def _read(self, cookie: str) -> list[Flow]:
        """None of a cookie that was not written here."""
        if not cookie or len(cookie) > _LONGEST:
            return []
        try:
            raw = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            mac, body = raw[:_MAC], raw[_MAC:]
            if not hmac.compare_digest(mac, self._mac(body)):
                return []
            return msgspec.msgpack.decode(body, type=list[Flow])
        except (ValueError, msgspec.MsgspecError):
            return []

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, b"flows:" + body, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
