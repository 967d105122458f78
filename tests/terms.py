"""Terms for links of a server that is not running: those that none of its calls sets yet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shortd.links.terms import TermChanges
from shortd.services import open_services
from shortd.settings.config import load


def set_terms(
    data_dir: Path, environ: Mapping[str, str], userid: str, terms: Mapping[str, Mapping[str, Any]]
) -> None:
    """Changes links of a temporary account, by their codes on the default host."""

    async def change() -> None:
        services = await open_services(load(data_dir=data_dir, environ=environ))
        try:
            account = services.accounts.logins.authenticate(userid, None, services.clock.now())
            for code, changes in terms.items():
                where = (services.hosts.default.number, code)
                await services.links.terms.change(account, where, TermChanges(**changes))
        finally:
            await services.close()

    asyncio.run(change())
