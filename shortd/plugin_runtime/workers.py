"""A plugin's own threads: what hangs there hangs no other plugin and no visitor.

A worker has an event loop for `async def` hooks, in one thread, and another thread for plain hooks,
which are called one after the other. Either begins when it is first needed. Neither keeps the
process from ending. Nothing here knows what is called, nor what a failure means.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

MOST_RUNNING = 64
"""Coroutines at once, with those that do not end when they are cancelled."""
STOP_SECONDS = 2.0
"""How long a worker that ends waits for a thread that is still at work."""


class Worker:
    """The threads of one plugin. Safe from any thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: threading.Thread | None = None
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._call_thread: threading.Thread | None = None
        self._closed = False
        self._running = 0
        self._begun: dict[Future[None], Future[None]] = {}
        """What runs beside the hooks, and what says that it has ended."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the plugin's `async def` hooks, which runs from now on. RuntimeError once the
        worker is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError(f"plugin {self.name} has ended")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop_thread = threading.Thread(
                    target=self._run_loop,
                    args=(self._loop,),
                    name=f"shortd-plugin-{self.name}-loop",
                    daemon=True,
                )
                self._loop_thread.start()
            return self._loop

    async def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """Runs a coroutine on the worker's loop, awaited from any other. Raises what it raises, and
        TimeoutError after so many seconds, even where the worker's loop hangs: it is told to
        cancel the coroutine then, and not waited for.
        """
        future = self._submit(coroutine)
        outcome = asyncio.wrap_future(future)
        # Whatever comes of it when nobody waits any more is nobody's affair.
        outcome.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            done, _ = await asyncio.wait([outcome], timeout=seconds)
        except asyncio.CancelledError:
            future.cancel()
            raise
        if not done:
            future.cancel()
            raise TimeoutError(f"has not returned in {seconds:g} s")
        return _result(future)

    def wait(self, coroutine: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """The same for a thread, which waits. RuntimeError on any event loop."""
        if _is_on_a_loop():
            coroutine.close()
            raise RuntimeError("an event loop cannot wait: await the coroutine instead")
        future = self._submit(coroutine)
        done, _ = concurrent.futures.wait([future], timeout=seconds)
        if not done:
            future.cancel()
            raise TimeoutError(f"has not returned in {seconds:g} s")
        return _result(future)

    def begin(
        self, coroutine: Coroutine[Any, Any, None], failed: Callable[[Exception], None]
    ) -> None:
        """Runs a coroutine on the worker's loop for as long as it takes; `failed` hears, there, of
        what it raises. RuntimeError once the worker is closed.
        """
        ended: Future[None] = Future()

        async def run() -> None:
            try:
                await coroutine
            except Exception as fault:
                failed(fault)
            finally:
                ended.set_result(None)

        begun = self._submit(run())
        self._begun[begun] = ended
        ended.add_done_callback(lambda _: self._begun.pop(begun, None))

    async def end_begun(self, seconds: float) -> None:
        """Cancels what was begun, and waits for it to end."""
        begun = dict(self._begun)
        for running in begun:
            running.cancel()
        if begun:
            await asyncio.wait([*map(asyncio.wrap_future, begun.values())], timeout=seconds)

    def call(self, function: Callable[[], None]) -> None:
        """Has the other thread call a function, which must not raise, behind those before it."""
        with self._lock:
            if self._closed:
                return
            if self._call_thread is None:
                self._call_thread = threading.Thread(
                    target=self._run_calls, name=f"shortd-plugin-{self.name}", daemon=True
                )
                self._call_thread.start()
        self._calls.put(function)

    async def run_plain(self, function: Callable[[], object]) -> None:
        """Has the other thread call a function, and waits until it has returned, or the worker was
        closed before.
        """
        returned: Future[None] = Future()

        def call() -> None:
            # What it raises is its own affair, and must not end the thread.
            with suppress(BaseException):
                function()
            returned.set_result(None)

        self.call(call)
        await asyncio.wrap_future(returned)

    def close(self, seconds: float = STOP_SECONDS) -> bool:
        """Cancels what runs on the loop and ends both threads; what waits to be called is not.
        False if a thread is still at work after so many seconds: it is left behind.
        """
        self.begin_close()
        until = time.monotonic() + seconds
        ended = True
        for thread in (self._loop_thread, self._call_thread):
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
                ended = ended and not thread.is_alive()
        return ended

    def begin_close(self) -> None:
        """The same without waiting for the threads."""
        with self._lock:
            self._closed = True
        self._calls.put(None)
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        try:
            loop = self.loop
            if self._running >= MOST_RUNNING:
                raise RuntimeError(f"{self._running} earlier calls have not ended")
        except RuntimeError:
            coroutine.close()
            raise
        with self._lock:
            self._running += 1
        return asyncio.run_coroutine_threadsafe(self._counted(coroutine), loop)

    async def _counted(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return await coroutine
        finally:
            with self._lock:
                self._running -= 1

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while not self._closed:
                # What is to end a process ends its task alone.
                with suppress(BaseException):
                    loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _run_calls(self) -> None:
        while (function := self._calls.get()) is not None and not self._closed:
            function()


def failure(fault: BaseException) -> Exception:
    """What a plugin has raised, as a failure like any: what would end whoever calls it, too, such
    as SystemExit."""
    # Futures take no StopIteration.
    if isinstance(fault, Exception) and not isinstance(fault, StopIteration):
        return fault
    told = RuntimeError(f"raised {type(fault).__name__}")
    told.__cause__ = fault
    return told


def _result(future: Future[T]) -> T:
    """What came of a coroutine."""
    if future.cancelled():
        raise RuntimeError("cancelled itself")
    fault = future.exception()
    if fault is not None:
        raise failure(fault)
    return future.result()


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
