"""Keeps lists up to date, in a thread of its own: files when they change, others when it is time.

Nobody who sets a destination waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from shortd.plugin import Http, Server
from shortd_safety.fetching import REDIRECTS, SECONDS, fetch
from shortd_safety.lists import BlockList, now, said

LOOK_SECONDS = 10.0
"""Between two looks at the files."""
AGAIN_SECONDS = 3600.0
"""After which a fetch that came to grief is tried again."""


class Keeper:
    """The thread. Its methods may be called from any other."""

    def __init__(self, lists: Sequence[BlockList], server: Server, http: Http) -> None:
        self._lists = lists
        self._server = server
        self._http = http
        self._condition = threading.Condition()
        self._asked = 1
        """Rounds that were asked for: the first by the start."""
        self._done = 0
        """The last that is over."""
        self._ended = False
        self._tried = 0.0
        self._thread = threading.Thread(target=self._run, name="shortd-safety", daemon=True)

    def start(self) -> None:
        """Reads the files, and begins: no link is made before what they say is in force."""
        for one in self._lists:
            if one.source.file:
                self._try(one, self._read)
        self._thread.start()

    def stop(self) -> None:
        with self._condition:
            self._ended = True
            self._condition.notify_all()
        self._thread.join(2)

    @property
    def is_busy(self) -> bool:
        """Whether a round was asked for that is not over."""
        return self._done < self._asked

    def update(self, seconds: float) -> bool:
        """Has all lists looked at and fetched, and waits for it; False if that takes longer."""
        with self._condition:
            self._asked += 1
            number = self._asked
            self._condition.notify_all()
            return self._condition.wait_for(lambda: self._done >= number or self._ended, seconds)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self.is_busy or self._ended, LOOK_SECONDS)
                if self._ended:
                    return
                number = self._asked
                is_asked = self.is_busy
            self._round(is_asked)
            with self._condition:
                self._done = number
                self._condition.notify_all()

    def _round(self, is_asked: bool) -> None:
        is_time = time.monotonic() - self._tried >= AGAIN_SECONDS
        for one in self._lists:
            if self._ended:
                return
            if one.source.file:
                self._try(one, self._read)
            elif is_asked or (is_time and one.fault):
                self._tried = time.monotonic()
                self._try(one, self._fetch)

    def _try(self, one: BlockList, bring: Callable[[BlockList], None]) -> None:
        try:
            bring(one)
        # Whatever a server or a disk comes up with, the thread goes on.
        except Exception as fault:
            one.fault = said(fault)

    def _read(self, one: BlockList) -> None:
        one.read_file(now())

    def _fetch(self, one: BlockList) -> None:
        # A copy that is there says whether there is anything new.
        coroutine = fetch(self._http, one.source, one.stamp)
        most = SECONDS * (REDIRECTS + 2)
        one.take_fetched(self._server.wait(coroutine, most), now())
