"""What the client remembers between runs, under the user's state folder.

Ledgers tell how far an interrupted transfer came; accounts are the temporary ones that were
made for the user, one for each server. Nothing here is a file's password or key. Everything is
the user's alone: an account's id is its credential.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec
import platformdirs

from shortd.client.failures import ClientFailure

Row = TypeVar("Row")

STALE_SECONDS = 30 * 86_400
"""A transfer that nobody went on with for this long is forgotten."""


class Ledger:
    """An append-only list of rows of one transfer, which one process at a time may hold.

    Without a path it is only in memory. Rows survive the death of the process as soon as
    `append` returns; one that was cut off by it is ignored.
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
            os.write(self._descriptor, line + b"\n")

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
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise ClientFailure("Another shortd is at this very transfer already.") from None
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        os.ftruncate(self._descriptor, len(whole))
        self._rows = whole.splitlines()


class State:
    """The state folder: $XDG_STATE_HOME/shortd, ~/.local/state/shortd by default."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_state_path("shortd", appauthor=False)

    def ledger(self, *identity: object) -> Ledger:
        """The ledger of the transfer that these values tell from all others."""
        folder = self._made("transfers")
        _remove_stale(folder)
        return Ledger(folder / digest(*identity))

    @contextmanager
    def account(self, server: str) -> Iterator[Account]:
        """The temporary account at a server, for this process alone to look at and change."""
        path = self._made("accounts") / digest(server)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            account = Account()
            with suppress(msgspec.DecodeError):
                account = msgspec.json.decode(file.read(), type=Account)
            before = account.userid
            account.server = server
            yield account
            if account.userid != before:
                file.seek(0)
                file.truncate()
                file.write(msgspec.json.encode(account))

    def _made(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


class Account(msgspec.Struct):
    """A temporary account; without a userid there is none yet."""

    server: str = ""
    userid: str = ""


def digest(*identity: object) -> str:
    """A name for a file that stands for these values."""
    return hashlib.sha256(repr([str(value) for value in identity]).encode()).hexdigest()[:32]


def _remove_stale(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - STALE_SECONDS:
                path.unlink()
