"""The watch over connections ends when it is cancelled, whatever else happens in that moment."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn

from shortd.server.connections import Connections
from shortd.server.stopping import Server
from shortd.settings import ServerSettings


@pytest.mark.parametrize("turns", range(8))
def test_a_stop_that_is_over_at_once_is_not_missed(turns: int) -> None:
    """With nobody connected, the server is done while the watch is still being told to begin."""

    async def run() -> bool:
        connections = Connections(ServerSettings(), 10, lambda _address: False)
        server = Server(uvicorn.Config(lambda: None), connections, lambda: None)
        watch = asyncio.create_task(server.watch())
        await asyncio.sleep(0.01)
        server.is_stopping.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        watch.cancel()
        await asyncio.wait([watch], timeout=60)
        return watch.cancelled()

    assert asyncio.run(run())
