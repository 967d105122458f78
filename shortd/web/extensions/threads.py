"""Threads for plain functions of routes: of each plugin a few, so that those which hang hold up
neither the server nor other plugins, and never keep the process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from queue import SimpleQueue
from typing import Any

from litestar.concurrency import set_asyncio_executor

THREADS = 4
"""For one plugin."""
OWN_THREADS = 8
"""For our own pages."""

_PLUGIN: ContextVar[str] = ContextVar("shortd_plugin", default="")


@contextmanager
def of_plugin(name: str) -> Iterator[None]:
    """What is called in a thread within is the plugin's."""
    token = _PLUGIN.set(name)
    try:
        yield
    finally:
        _PLUGIN.reset(token)


@cache
def own_threads() -> None:
    """Has Litestar call plain functions in these threads, from now on."""
    # Where an event loop runs it lets nobody say so.
    thread = threading.Thread(target=set_asyncio_executor, args=(_Threads(),))
    thread.start()
    thread.join()


class _Threads(ThreadPoolExecutor):
    """Passes what is a plugin's on to threads of its own. (Litestar wants this type.)"""

    def __init__(self) -> None:
        super().__init__(OWN_THREADS, "shortd-pages")
        self._of: dict[str, _Daemons] = {}

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        name = _PLUGIN.get()
        if not name:
            return super().submit(function, *given, **named)
        if name not in self._of:
            self._of[name] = _Daemons(THREADS, f"shortd-routes-{name}")
        return self._of[name].submit(function, *given, **named)


class _Daemons(Executor):
    """Threads that nobody waits for in the end, as ThreadPoolExecutor would."""

    def __init__(self, size: int, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        for number in range(size):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.put((future, lambda: function(*given, **named)))
        return future

    def _work(self) -> None:
        while True:
            future, call = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as fault:
                future.set_exception(fault)
            else:
                future.set_result(result)
            del future, call
