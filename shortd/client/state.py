"""What the client remembers between runs, under the user's state folder.

Ledgers tell how far an interrupted transfer came; accounts are the temporary ones that were
made for the user, one for each server. Nothing here is a file's password or key. Everything is
the user's alone: an account's id is its credential. Where nothing can be kept, commands do
without, and this module must never end one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

import msgspec
import platformdirs

from shortd.client.failures import ClientFailure

Row = TypeVar("Row")

STALE_SECONDS = 30 * 86_400
"""A transfer that nobody went on with for this long is forgotten."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Ledger:
    """An append-only list of rows of one transfer, which one process at a time may hold.

    Without a path it is only in memory. Rows survive the death of the process as soon as
    `append` returns, unless the disk is full; one that was cut off is ignored. OSError if it
    cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._descriptor = -1
        self._rows: list[bytes] = []
        if path is not None:
            self._open(path)

    @property
    def is_kept(self) -> bool:
        """Whether a later run finds it."""
        return self._path is not None

    def rows(self, decoder: msgspec.json.Decoder[Row]) -> list[Row]:
        """The rows, oldest first. If one cannot be decoded, all of them are forgotten."""
        try:
            return [decoder.decode(row) for row in self._rows]
        except msgspec.DecodeError:
            self.clear()
            return []

    def append(self, row: object) -> None:
        line = msgspec.json.encode(row)
        self._rows.append(line)
        if self._descriptor >= 0:
            # What was kept before is worth as much as it was, and this may fit another time.
            with suppress(OSError):
                self._write(line + b"\n")

    def _write(self, line: bytes) -> None:
        before = os.fstat(self._descriptor).st_size
        if os.write(self._descriptor, line) < len(line):
            os.ftruncate(self._descriptor, before)

    def clear(self) -> None:
        """Forgets all rows."""
        self._rows = []
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)

    def forget(self) -> None:
        """The transfer is over: leaves nothing behind."""
        self.clear()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor >= 0:
            if not self._rows and self._path is not None:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_APPEND | _FLAGS, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            text = path.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            os.ftruncate(self._descriptor, len(whole))
        except OSError as fault:
            os.close(self._descriptor)
            if isinstance(fault, BlockingIOError):
                raise ClientFailure("Another shortd is at this very transfer already.") from None
            raise
        self._rows = whole.splitlines()


class State:
    """The state folder: $XDG_STATE_HOME/shortd, ~/.local/state/shortd by default.

    `note` is told once if nothing can be kept there.
    """

    def __init__(self, note: Callable[[str], None], folder: Path | None = None) -> None:
        self._note = note
        self._folder = folder
        self._is_noted = False

    def ledger(self, *identity: object) -> Ledger:
        """The ledger of the transfer that these values tell from all others. ClientFailure if
        another process holds it.
        """
        try:
            folder = self._made("transfers")
            _remove_stale(folder)
            return Ledger(folder / digest(*identity))
        except (OSError, RuntimeError) as fault:
            self._tell(fault)
            return Ledger()

    @contextmanager
    def account(self, server: str) -> Iterator[Account]:
        """The temporary account at a server, for this process alone to look at and change."""
        file = self._account_file(server)
        if file is None:
            yield Account(server)
            return
        with file:
            account = Account()
            with suppress(msgspec.DecodeError):
                account = msgspec.json.decode(file.read(), type=Account)
            before = account.userid
            account.server = server
            yield account
            if account.userid != before:
                try:
                    _replace(file, msgspec.json.encode(account))
                except OSError as fault:
                    self._tell(fault)

    def _account_file(self, server: str) -> BinaryIO | None:
        """The open and locked file of an account; None if there can be none."""
        try:
            path = self._made("accounts") / digest(server)
            file = os.fdopen(os.open(path, _FLAGS, 0o600), "r+b")
            fcntl.flock(file, fcntl.LOCK_EX)
        except (OSError, RuntimeError) as fault:
            self._tell(fault)
            return None
        return file

    def _made(self, name: str) -> Path:
        """RuntimeError without a home directory."""
        if self._folder is None:
            self._folder = platformdirs.user_state_path("shortd", appauthor=False)
        if not self._folder.is_absolute():
            raise RuntimeError
        folder = self._folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _tell(self, fault: OSError | RuntimeError) -> None:
        if self._is_noted:
            return
        self._is_noted = True
        reason = "you have no home directory"
        if isinstance(fault, OSError):
            reason = f"{fault.filename or self._folder}: {fault.strerror}"
        self._note(f"Nothing of this can be remembered for later: {reason}.")


class Account(msgspec.Struct):
    """A temporary account; without a userid there is none yet."""

    server: str = ""
    userid: str = ""


def digest(*identity: object) -> str:
    """A name for a file that stands for these values."""
    return hashlib.sha256(repr([str(value) for value in identity]).encode()).hexdigest()[:32]


def _replace(file: BinaryIO, content: bytes) -> None:
    file.seek(0)
    file.truncate()
    file.write(content)
    file.flush()


def _remove_stale(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - STALE_SECONDS:
                path.unlink()
