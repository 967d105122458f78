"""One issuer, and a sign-in by it from the address that a browser is sent to, to the person.

What it publishes is kept for an hour; keys are asked for again when a token names one that is not
among them, at most once a minute. A failure is kept for a moment, so that a crowd before a broken
issuer is one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from shortd.clock import HOUR, MINUTE, SECOND, Clock
from shortd.issuers import faults
from shortd.issuers.asking import Line
from shortd.issuers.documents import (
    Description,
    Keys,
    decoded,
    described,
    document,
    published_keys,
)
from shortd.issuers.flows import Flow, Flows, Purpose
from shortd.issuers.people import Person, Voucher
from shortd.settings import IssuerSettings

KEPT = HOUR
RENEWED = MINUTE
"""The least time between two looks at the keys of one issuer."""
FAILED = 2 * SECOND
PROOF_SECONDS = 600
"""How long ago an issuer may have asked who is to prove himself again."""
LEEWAY_SECONDS = 60

CODE_LENGTH = 4096
"""Characters of a code that are taken back to the issuer."""

_FORM = {"content-type": "application/x-www-form-urlencoded"}


class TokenAnswer(msgspec.Struct, frozen=True):
    """What the token endpoint says (RFC 6749 5)."""

    id_token: str | None = None
    access_token: str | None = None
    error: Annotated[str, Meta(max_length=256)] | None = None
    error_description: str | None = None


class Issuer:
    """One of [auth.oidc]. Times are Unix µs."""

    def __init__(
        self,
        name: str,
        settings: IssuerSettings,
        pages_url: str,
        line: Line,
        flows: Flows,
        clock: Clock,
    ) -> None:
        self.name = name
        """In addresses and settings."""
        self.settings = settings
        self.callback = callback_of(name, pages_url)
        """Where browsers come back to; what the issuer has to be told."""
        self.label = settings.name or name.capitalize()
        """On buttons."""
        self._signed_out = f"{pages_url}/-/logout/done"
        self._line = line
        self._flows = flows
        self._clock = clock
        self._lock = asyncio.Lock()
        self._described: tuple[Description, int] | None = None
        self._keys: tuple[Keys, int] | None = None
        self._failed: tuple[faults.Fault, int] | None = None

    async def address(self, flow: Flow) -> str:
        """Where a browser goes to sign in. Fault."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        described = await self._description()
        again = (
            {"prompt": "login", "max_age": str(PROOF_SECONDS)}
            if flow.purpose is Purpose.PROVE
            else {}
        )
        return str(
            prepare_grant_uri(
                described.authorization_endpoint,
                self.settings.client_id,
                "code",
                redirect_uri=self.callback,
                scope=self._scopes(described),
                state=flow.state,
                nonce=self._flows.nonce(flow),
                code_challenge=create_s256_code_challenge(self._flows.verifier(flow)),
                code_challenge_method="S256",
                **again,
            )
        )

    async def person(self, flow: Flow, answer: Mapping[str, str]) -> Person:
        """Who has come back with this query from the address of `flow`. Fault."""
        if "error" in answer:
            said = f"{answer['error']} {answer.get('error_description', '')}".strip()
            raise faults.DENIED(said)
        if "iss" in answer and answer["iss"] != self.settings.issuer:
            # Somebody mixes issuers up (RFC 9207).
            raise faults.ISSUER(f"iss is {answer['iss']!r}")
        if not 0 < len(answer.get("code", "")) <= CODE_LENGTH:
            raise faults.DENIED("there is no code")
        described = await self._description()
        tokens = await self._exchanged(described, answer["code"], self._flows.verifier(flow))
        claims = await self._claims(described, tokens, self._flows.nonce(flow))
        if flow.purpose is Purpose.PROVE:
            self._check_asked_again(claims)
        if tokens.access_token and described.userinfo_endpoint and self._lacks(claims):
            more = await self._userinfo(described.userinfo_endpoint, tokens.access_token)
            if more.get("sub") != claims["sub"]:
                raise faults.SUBJECT("userinfo has another sub")
            claims = {**more, **claims}
        person = self._person(claims)
        self._admit(person)
        return person

    async def log_out_address(self) -> str:
        """Where a browser signs out at the issuer itself; empty if it has no such place. Fault."""
        described = await self._description()
        if not described.end_session_endpoint:
            return ""
        query = {
            "client_id": self.settings.client_id,
            "post_logout_redirect_uri": self._signed_out,
        }
        mark = "&" if "?" in described.end_session_endpoint else "?"
        return f"{described.end_session_endpoint}{mark}{urlencode(query)}"

    async def _description(self) -> Description:
        async with self._lock:
            now = self._clock.now()
            if self._described is not None and now - self._described[1] < KEPT:
                return self._described[0]
            if self._failed is not None and 0 <= now - self._failed[1] < FAILED:
                raise self._failed[0].with_traceback(None)
            try:
                found = await described(self._line, self.settings.issuer)
            except faults.Fault as fault:
                self._failed = fault, now
                raise
            self._described, self._failed = (found, now), None
            return found

    async def _published(self, described: Description, *, renew: bool = False) -> Keys:
        async with self._lock:
            now = self._clock.now()
            if self._keys is not None and now - self._keys[1] < (RENEWED if renew else KEPT):
                return self._keys[0]
            found = await published_keys(self._line, described.jwks_uri)
            self._keys = found, now
            return found

    def _scopes(self, described: Description) -> str:
        """What is asked for: groups only of who knows that scope and if they matter."""
        scopes = ["openid", "profile", "email"]
        wants_groups = any(one.startswith("group:") for one in self.settings.allow)
        if wants_groups and "groups" in (described.scopes_supported or ()):
            scopes.append("groups")
        return " ".join(scopes)

    async def _exchanged(self, described: Description, code: str, verifier: str) -> TokenAnswer:
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        body = prepare_token_request(
            "authorization_code", redirect_uri=self.callback, code=code, code_verifier=verifier
        )
        method = "none"
        if self.settings.client_secret:
            known = described.token_endpoint_auth_methods_supported or ("client_secret_basic",)
            post = "client_secret_post"
            method = post if "client_secret_basic" not in known and post in known else ""
            method = method or "client_secret_basic"
        client = ClientAuth(self.settings.client_id, self.settings.client_secret, method)
        address, headers, body = client.prepare("POST", described.token_endpoint, dict(_FORM), body)
        reply = await self._line.ask("POST", address, headers, body)
        try:
            answer = decoded(reply.body, TokenAnswer, described.token_endpoint)
        except faults.Fault as fault:
            raise faults.ANSWER(f"{fault.detail} ({reply.status})") from None
        if answer.error or reply.status != 200:
            said = f"{reply.status} {answer.error or ''} {answer.error_description or ''}".strip()
            raise faults.EXCHANGE(said)
        return answer

    async def _claims(
        self, described: Description, tokens: TokenAnswer, nonce: str
    ) -> dict[str, Any]:
        # The libraries of the extra are needed by nobody else.
        from shortd.issuers import id_tokens

        if not tokens.id_token:
            raise faults.MALFORMED("there is no id_token")
        header = id_tokens.header_of(tokens.id_token)
        allowed = id_tokens.algorithms(described.id_token_signing_alg_values_supported)
        if header.alg not in allowed:
            raise faults.ALGORITHM(f"alg is {header.alg!r}")
        keys = id_tokens.candidates(header, (await self._published(described)).keys)
        if not keys:
            renewed = await self._published(described, renew=True)
            keys = id_tokens.candidates(header, renewed.keys)
        claims = id_tokens.claims_of(tokens.id_token, header, keys, allowed)
        id_tokens.check(
            claims,
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=nonce,
            now=self._clock.now() // SECOND,
        )
        if not claims["sub"] or len(claims["sub"]) > 255:
            raise faults.CLAIM("sub is empty or longer than 255 characters")
        return claims

    def _check_asked_again(self, claims: Mapping[str, Any]) -> None:
        asked, now = _seconds(claims.get("auth_time")), self._clock.now() // SECOND
        if not asked:
            raise faults.NOT_AGAIN("auth_time is missing")
        if not now - PROOF_SECONDS - LEEWAY_SECONDS < asked <= now + LEEWAY_SECONDS:
            raise faults.NOT_AGAIN(f"auth_time is {asked}, now is {now}")

    def _lacks(self, claims: Mapping[str, Any]) -> bool:
        """Whether the userinfo endpoint may know more that is needed."""
        wanted = {"email", "preferred_username"}
        if any(one.startswith("group:") for one in self.settings.allow):
            wanted.add(self.settings.groups_claim)
        return not wanted <= claims.keys()

    async def _userinfo(self, address: str, token: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}"}
        if not token.isascii() or not token.isprintable():
            raise faults.ANSWER("the access token is no header's value")
        return document(await self._line.ask("GET", address, headers), dict[str, Any], address)

    def _person(self, claims: Mapping[str, Any]) -> Person:
        groups, verified = claims.get(self.settings.groups_claim), claims.get("email_verified")
        asked = _seconds(claims.get("auth_time")) * SECOND
        return Person(
            voucher=Voucher.ISSUER,
            issuer=self.settings.issuer,
            subject=claims["sub"],
            email=_text(claims.get("email")),
            # Some write it as text.
            email_verified=verified is True or verified == "true",
            username=_text(claims.get("preferred_username")),
            groups=tuple(_texts(groups)),
            auth_utime=min(self._clock.now(), asked),
        )

    def _admit(self, person: Person) -> None:
        """NOT_ADMITTED unless one entry of the list fits."""
        if not self.settings.allow:
            return
        email = person.email.casefold() if person.email_verified else ""
        for entry in self.settings.allow:
            kind, _, value = entry.partition(":")
            if kind == "group" and value in person.groups:
                return
            if kind == "email" and email and email == value.casefold():
                return
            if kind == "domain" and email and email.rpartition("@")[2] == value.casefold():
                return
        verified = "verified" if person.email_verified else "not verified"
        raise faults.NOT_ADMITTED(
            f"groups: {', '.join(person.groups) or 'none'}; e-mail: {verified}"
        )


def callback_of(name: str, pages_url: str) -> str:
    """The address that an issuer of this name in the settings has to send browsers back to."""
    return f"{pages_url}/-/login/oidc/{name}/callback"


class Issuers(dict[str, Issuer]):
    """All of them, by name, in the order of their buttons; `flows` are the sign-ins under way."""

    def __init__(self, issuers: Mapping[str, Issuer], flows: Flows) -> None:
        super().__init__(issuers)
        self.flows = flows

    def at(self, address: str) -> Issuer | None:
        """The one that calls itself so."""
        return next((one for one in self.values() if one.settings.issuer == address), None)


def open_issuers(
    settings: Mapping[str, IssuerSettings], pages_url: str, flows: Flows, clock: Clock
) -> Issuers:
    """Those of the settings. Nothing is asked yet."""
    line = Line()
    return Issuers(
        {name: Issuer(name, one, pages_url, line, flows, clock) for name, one in settings.items()},
        flows,
    )


def _seconds(value: object) -> int:
    """A NumericDate (RFC 7519 2), whole; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if isinstance(value, int) or isfinite(value) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, str))
