"""Commands over a directory without a server know its own addresses as the server does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shortd import errors
from shortd.control.own_addresses import know_own_addresses
from shortd.services import open_services
from shortd.settings.config import load


def test_they_are_asked_of_what_would_route_requests(tmp_path: Path) -> None:
    async def check() -> None:
        services = await open_services(load(data_dir=tmp_path / "data", environ={}))
        try:
            know_own_addresses(services)
            codes, host = services.links.codes, services.hosts.default
            for _ in range(2):
                assert codes.check("docs/setup", host, wide=True) == "docs/setup"
                for code in ("robots.txt", "-/links", "v2/url"):
                    with pytest.raises(errors.ShortdError) as refusal:
                        codes.check(code, host, wide=True)
                    assert refusal.value.kind is errors.CODE_RESERVED
            with pytest.raises(errors.ShortdError) as refusal:
                codes.check("docs/setup", host)
            assert refusal.value.kind is errors.INVALID_CODE
        finally:
            await services.close()

    asyncio.run(check())
