"""Places: so many for everybody, and few for each."""

from __future__ import annotations

import asyncio

import pytest

from shortd.limits.places import Places


async def hold(places: Places, owner: str, release: asyncio.Event) -> None:
    async with places.taken_by(owner, 60):
        await release.wait()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_nobody_has_more_than_his_share() -> None:
    async def check() -> None:
        places, release = Places(4, 2), asyncio.Event()
        holders = [asyncio.ensure_future(hold(places, "ann", release)) for _ in range(50)]
        await settled()
        assert places.taken == 2
        holders.append(asyncio.ensure_future(hold(places, "ben", release)))
        await settled()
        assert places.taken == 3
        holders += [asyncio.ensure_future(hold(places, f"{n}", release)) for n in range(9)]
        await settled()
        assert places.taken == 4
        release.set()
        await asyncio.gather(*holders)
        assert places.taken == 0

    asyncio.run(check())


def test_whoever_waits_too_long_or_leaves_takes_none() -> None:
    async def check() -> None:
        places, release = Places(2, 1), asyncio.Event()
        first = asyncio.ensure_future(hold(places, "ann", release))
        second = asyncio.ensure_future(hold(places, "ben", release))
        await settled()
        for owner in ("ann", "cem"):
            with pytest.raises(TimeoutError):
                async with places.taken_by(owner, 0.01):
                    pass
        leaving = [asyncio.ensure_future(hold(places, name, release)) for name in ("ann", "cem")]
        await settled()
        for one in (first, *leaving):
            one.cancel()
        await asyncio.gather(first, *leaving, return_exceptions=True)
        # What they had or waited for is free again.
        async with places.taken_by("cem", 60):
            assert places.taken == 2
        release.set()
        await second
        async with places.taken_by("ann", 60), places.taken_by("ben", 60):
            assert places.taken == 2

    asyncio.run(check())


def test_a_timeout_of_ones_own_comes_through() -> None:
    async def check() -> None:
        places = Places(1, 1)
        with pytest.raises(ZeroDivisionError):
            async with places.taken_by("ann", 0.01):
                await asyncio.sleep(0.05)
                raise ZeroDivisionError
        assert places.taken == 0

    asyncio.run(check())
