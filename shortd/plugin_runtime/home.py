"""Work that has to be done on one event loop, for whoever awaits it on another.

The store is written to from the server's loop alone; plugins have loops of their own beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from shortd.plugin import NoServer

T = TypeVar("T")


async def at_home(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, wherever it is awaited: it runs on `loop`. Whoever is cancelled
    cancels it. NoServer if that loop has been closed.
    """
    if asyncio.get_running_loop() is loop:
        return await coroutine
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:
        coroutine.close()
        raise NoServer("the server has stopped") from None
    return await asyncio.wrap_future(future)
