"""Whom a proxy in front names in a header, for the pages.

It is believed on its own connections alone: what a header says of where a request came from counts
for nothing here. It is asked at every request, and no browser gets a cookie for it; the login that
stands for it is known to this process only. APIs must never hear of it, but for calls that scripts
of our pages make.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import structlog
from litestar.types import HTTPScope
from werkzeug.http import parse_cookie

from shortd import errors
from shortd.accounts.identities import SUBJECT_BYTES, Admission, person_of_proxy
from shortd.accounts.tokens import Proof
from shortd.issuers import Fault
from shortd.models.accounts import Account
from shortd.security.summed_log import HEADER_IGNORED, SIGN_IN_FAILED
from shortd.services import Services
from shortd.web import calls, session
from shortd.web.assets import FOLDER
from shortd.web.routing import client_address

log = structlog.get_logger(__name__)

MOST_KNOWN = 10_000
"""People whose logins are remembered at a time."""


class Proxied:
    """Opens sessions for whom the proxy names. Belongs to one event loop."""

    def __init__(self, services: Services) -> None:
        settings = services.settings.auth.proxy
        self._services = services
        self._name = settings.header.lower().encode()
        self._email = settings.email.lower().encode()
        self._peers = [ip_network(peer) for peer in settings.peers]
        self._admission = Admission(create=settings.create)
        self._tokens: dict[str, str] = {}
        """By userid, in the clear."""
        self._lock = asyncio.Lock()

    async def enter(self, scope: HTTPScope) -> None:
        """Makes the request that of whom the proxy names; takes the header out of others'."""
        own = {name for name in (self._name, self._email) if name}
        named = [value for name, value in scope["headers"] if name == self._name]
        if not named:
            return
        client = scope["client"]
        peer = client[0] if client else ""
        if not self._is_believed(peer):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in own]
            self._services.security.log.note(HEADER_IGNORED, peer, header=self._name.decode())
            return
        if not _is_for_pages(scope):
            return
        emails = [value for name, value in scope["headers"] if name == self._email]
        name, email = _text(named), _text(emails)
        if name:
            await self._open(scope, name, email)

    async def _open(self, scope: HTTPScope, name: str, email: str) -> None:
        services = self._services
        person, now = person_of_proxy(name, email), services.clock.now()
        try:
            account = await services.accounts.identities.admit(person, self._admission, now)
            token = await self._token(scope, account, now)
            await self._bring_along(scope, account)
        except Fault as fault:
            services.security.log.note(
                SIGN_IN_FAILED,
                client_address(services, scope),
                issuer="proxy",
                fault=fault.kind.name,
                detail=fault.detail,
            )
            session.name_in_vain(scope, name)
        except errors.ShortdError as refusal:
            # With no room for another row, say. He is nobody then, as with an old cookie.
            log.warning("proxy_sign_in_refused", error=refusal.code)
        else:
            session.enter(scope, account, token)

    async def _token(self, scope: HTTPScope, account: Account, now: int) -> str:
        """Of a login that has proved itself lately: the proxy vouches for it right now."""
        logins = self._services.accounts.logins
        async with self._lock:
            token = self._tokens.get(account.userid)
            if token is not None and not self._is_good(account, token, now):
                token = None
            if token is None:
                address, agent = client_address(self._services, scope), _agent(scope)
                proof = Proof(utime=now, vouched=True, how="proxy")
                login = await logins.open(account, address, now, agent, proof)
                token = login.token
                self._tokens[account.userid] = token
                while len(self._tokens) > MOST_KNOWN:
                    del self._tokens[next(iter(self._tokens))]
            elif not logins.is_proven(account, token, now):
                await logins.note_proof(account, token, now)
            return token

    def _is_good(self, account: Account, token: str, now: int) -> bool:
        try:
            self._services.accounts.logins.authenticate(account.userid, token, now)
        except errors.ShortdError:
            return False
        return True

    async def _bring_along(self, scope: HTTPScope, account: Account) -> None:
        """What this browser has made without an account moves in."""
        sent = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
        before = session.opened(self._services, parse_cookie(sent.decode("latin-1")))
        if before is not None and before.temporary:
            await self._services.upkeep.adoption.adopt(before.account.userid, account)

    def _is_believed(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if address.version == 6 else None
        return any((mapped or address) in network for network in self._peers)


def _is_for_pages(scope: HTTPScope) -> bool:
    path = scope["path"]
    if path == "/" or (path.startswith("/-/") and not path.startswith(FOLDER)):
        return True
    return (calls.HEADER, b"1") in scope["headers"]


def _text(lines: list[bytes]) -> str:
    """The value of a header that came once; empty for one that says nothing clear."""
    if len(lines) != 1 or len(lines[0]) > SUBJECT_BYTES:
        return ""
    try:
        text = lines[0].decode()
    except UnicodeDecodeError:
        return ""
    text = text.strip()
    return text if text.isprintable() else ""


def _agent(scope: HTTPScope) -> str:
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), ""
    )
