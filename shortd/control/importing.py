"""An import into a running server: what it takes of one, and the side that hands it over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shortd import errors
from shortd.control.asking import ask
from shortd.control.named import OneUser, account_called
from shortd.control.noted import noted
from shortd.control.registry import act
from shortd.control.wire import Request, Rows
from shortd.models.audit import Action
from shortd.services import Services
from shortd.settings import Settings
from shortd.upkeep.importing.offers import ClickOffer, LinkOffer, Said

BEGIN = "import begin"
LINKS = "import links"
CLICKS = "import clicks"
REST = 0.5
"""What a server rests behind a batch, of the time that it took: others go first."""
LONGEST_REST = 0.5

_said = msgspec.json.Decoder(list[Said])


class Begin(OneUser, frozen=True):
    source: str
    """The format's name."""
    what: str
    """What is read, for the audit log."""
    domains: dict[str, str]
    apply: bool


class SomeLinks(OneUser, frozen=True):
    source: str
    offers: list[LinkOffer]
    domains: dict[str, str]
    apply: bool


class SomeClicks(OneUser, frozen=True):
    source: str
    offers: list[ClickOffer]


@act(BEGIN)
async def import_begin(services: Services, args: Begin) -> Rows:
    """Answers whose account it is, and the default host. ACCOUNT_NOT_FOUND, UNKNOWN_HOST."""
    account = account_called(services.store, args.user)
    for name in filter(None, args.domains.values()):
        if services.hosts.named(name) is None:
            raise errors.UNKNOWN_HOST(f"There is no host {name} here.")
    if args.apply:
        detail = f"{args.what}, {args.source}"
        async with noted(services, Action.IMPORT_LINKS, about=account, detail=detail):
            pass
    return [[account.userid, services.hosts.default.name]]


@act(LINKS, is_logged=False)
async def import_links(services: Services, args: SomeLinks) -> Rows:
    start = time.perf_counter()
    account = account_called(services.store, args.user)
    now = services.clock.now()
    said = await services.upkeep.imports.links(
        account, args.source, args.offers, args.domains, now, apply=args.apply
    )
    await _rest(start)
    return [[msgspec.json.encode(said).decode()]]


@act(CLICKS, is_logged=False)
async def import_clicks(services: Services, args: SomeClicks) -> Rows:
    start = time.perf_counter()
    account_called(services.store, args.user)
    came = await services.upkeep.imports.clicks(args.source, args.offers, services.clock.now())
    await _rest(start)
    return [[str(came)]]


class There:
    """A server that runs, as `upkeep.importing.runs` sees it."""

    def __init__(self, settings: Settings, begun: Rows, source: str, *, apply: bool) -> None:
        """`begun` is what BEGIN answered."""
        [[self._userid, self.default_host]] = begun
        self._settings = settings
        self._source = source
        self._apply = apply

    async def links(self, offers: Sequence[LinkOffer], domains: Mapping[str, str]) -> list[Said]:
        return _said.decode(self._ask(LINKS, offers=offers, domains=domains, apply=self._apply))

    async def clicks(self, offers: Sequence[ClickOffer]) -> int:
        return int(self._ask(CLICKS, offers=offers))

    def _ask(self, command: str, **args: Any) -> str:
        args = {"user": self._userid, "source": self._source, **args}
        rows = ask(self._settings, Request(command, args))
        if rows is None:
            raise errors.BUSY("The server has stopped; begin again: what came stays.")
        return rows[0][0]


async def _rest(start: float) -> None:
    await asyncio.sleep(min(LONGEST_REST, REST * (time.perf_counter() - start)))
