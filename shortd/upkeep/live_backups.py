"""Backups that the server makes of itself, as tar: one at a time, by a process of its own.

LMDB must not be opened twice by one process, and a copy must not keep the event loop waiting. The
process reads no settings: a file that is broken by now is no reason to have no backup.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import structlog

from shortd.settings.variables import PREFIX
from shortd.store import Store
from shortd.store.copies import check_room
from shortd.store.data_directory import StoreError
from shortd.upkeep.backup import tidy

PIECE_BYTES = 1 << 18
"""Of the tar, at once: what a backup holds in memory here, twice."""
SAID_BYTES = 4096
"""Of what went wrong."""
NICE = 10
_IN_PART = 3
"""Exit status of what is whole but for files that are lost anyway."""
END_SECONDS = 3.0
"""How long a process has to tidy up after itself."""

log = structlog.get_logger(__name__)


class LiveBackups:
    """Belongs to the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_busy = False

    @property
    def is_busy(self) -> bool:
        """Whether one is being made."""
        return self._is_busy

    async def begin(self) -> LiveBackup:
        """Begins one; it has begun to come when this returns. Whoever has it must end it.

        Raises StoreError: another one is being made, there is no room, or whatever the process
        has stumbled upon.
        """
        if self._is_busy:
            raise StoreError("another backup is being made")
        self._is_busy = True
        backup = None
        try:
            directory = self._store.directory.absolute()
            check_room(directory, self._store.used_bytes(), "a copy of the database")
            backup = LiveBackup(self, await _process(directory), directory)
            await backup.read_first()
        except BaseException:
            if backup is None:
                self._is_busy = False
            else:
                await backup.end()
            raise
        return backup

    def ended(self) -> None:
        """Says that the one that was begun is over."""
        self._is_busy = False


class LiveBackup:
    """One that is being made, as it comes."""

    def __init__(self, backups: LiveBackups, process: Process, directory: Path) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._backups = backups
        self._process = process
        self._directory = directory
        self._out, self._errors = process.stdout, process.stderr
        self._first = b""

    async def read_first(self) -> None:
        """Waits until it comes. Raises StoreError if it does not."""
        self._first = await self._out.read(PIECE_BYTES)
        if not self._first:
            await self._check()
            raise StoreError("the backup is empty")

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it. Raises StoreError if it is not whole in the end."""
        piece, self._first = self._first, b""
        while piece:
            yield piece
            piece = await self._out.read(PIECE_BYTES)
        await self._check()

    async def end(self) -> None:
        """Ends the process, however far it is."""
        try:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(END_SECONDS):
                    # It may wait for somebody to read.
                    while await self._out.read(PIECE_BYTES):
                        pass
                    await self._process.wait()
            except TimeoutError:
                pass
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
            try:
                await self._process.wait()
                # It may have been killed before it was done with that.
                await asyncio.to_thread(tidy, self._directory)
            finally:
                self._backups.ended()

    async def _check(self) -> None:
        said = await self._errors.read(SAID_BYTES)
        lines = said.decode(errors="replace").split("\n")
        status = await self._process.wait()
        if status == _IN_PART:
            # The first says which data they are of, the last is cut or empty.
            log.warning("backup_lacks_files", said=[line for line in lines[1:-1] if line])
        elif status:
            raise StoreError(lines[0].removeprefix("shortd: ") or "it was ended from outside")


async def _process(directory: Path) -> Process:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    # Wherever this server was imported from.
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    start = () if getattr(sys, "frozen", False) else ("-P", "-m", "shortd")
    command = ("backup", "--to-stdout", "--config", os.devnull, "--data", str(directory))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *start,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        limit=PIECE_BYTES,
        env=environ,
    )
    with suppress(OSError):
        # Redirects come first.
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process
