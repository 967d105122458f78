"""Where an import puts what it reads, in the process that has the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shortd.clock import Clock
from shortd.models.accounts import Account
from shortd.upkeep.importing.imports import Imports
from shortd.upkeep.importing.offers import ClickOffer, LinkOffer, Said


class Here:
    """An account of this process."""

    def __init__(
        self,
        imports: Imports,
        account: Account,
        source: str,
        clock: Clock,
        *,
        apply: bool,
    ) -> None:
        self.default_host = imports.default_host
        self._imports = imports
        self._account = account
        self._source = source
        self._clock = clock
        self._apply = apply

    async def links(self, offers: Sequence[LinkOffer], domains: Mapping[str, str]) -> list[Said]:
        now = self._clock.now()
        return await self._imports.links(
            self._account, self._source, offers, domains, now, apply=self._apply
        )

    async def clicks(self, offers: Sequence[ClickOffer]) -> int:
        return await self._imports.clicks(self._source, offers, self._clock.now())
