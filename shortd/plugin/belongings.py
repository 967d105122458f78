"""What a plugin has of its own: tables in the database, a folder, and a way to other servers.

Declared here, made by the server that runs the plugin. It must never import what makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from shortd.errors import ErrorKind, Sentence, ShortdError

T = TypeVar("T")


class StoreFull(ShortdError):
    """A row that found no room: the plugin's quota is used up, or the server's disk.

    Nothing was changed. Where a route lets it pass, the answer is 507.
    """

    def __init__(self, kind: ErrorKind, sentence: Sentence) -> None:
        super().__init__(kind, sentence, None, None, None)


class BadRow(ValueError):
    """A row that the type of its table does not take (any more)."""

    def __init__(self, table: str, key: str, reason: str) -> None:
        super().__init__(f"the row {key!r} of {table} cannot be read: {reason}")
        self.table = table
        """The name of its table."""
        self.key = key
        """Where it stands there."""


class NoServer(RuntimeError):
    """What was asked for is there only while a server runs the plugin: not on the command line,
    not in a plugin that a test has made by itself, and not once the server has stopped."""


def not_here(name: str) -> NoServer:
    """What `self.NAME` of a plugin raises that no server runs."""
    return NoServer(
        f"self.{name} is there only while a server runs the plugin; in tests, open a shortd_app"
    )


class Table(Protocol[T]):
    """Rows of one type, by keys that are any text of up to 200 bytes in UTF-8.

    What reads is immediate, and sees what was last awaited. What writes is awaited, and is on disk
    then. All of it may be called on the server's event loop, on the plugin's own, and what reads
    from any thread.
    """

    def get(self, key: str) -> T | None:
        """The row, or None. BadRow if it no longer fits the type."""

    def items(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[tuple[str, T]]:
        """Rows whose keys begin with `prefix`, behind the key `after`, in the order of their keys:
        at most `limit`, which is at most 10,000. Those that no longer fit the type are passed over.
        """

    def count(self) -> int:
        """How many rows there are; costs the same for any number."""

    async def put(self, key: str, value: T) -> None:
        """Makes or replaces a row. StoreFull if there is no room; ValueError for a key that is too
        long, and for a value that does not fit the type or takes more than 1 MiB as msgpack."""

    async def delete(self, key: str) -> bool:
        """Removes a row; whether there was one."""

    async def update(self, key: str, change: Callable[[T | None], T | None]) -> T | None:
        """Replaces a row by what `change` makes of it (None: there is none), as if nobody else
        wrote meanwhile, and returns that. It may be called several times, and must not wait."""


class Store(Protocol):
    """A plugin's own tables in the server's database. No other plugin sees them."""

    def table(self, name: str, kind: type[T]) -> Table[T]:
        """The table of that name, `[a-z][a-z0-9_]*` of up to 32, with rows of a type that msgspec
        can write. Nothing is made before there is a row, so it may be called at any time.
        """

    @property
    def used_bytes(self) -> int:
        """What the rows of all tables take."""

    @property
    def quota_bytes(self) -> int:
        """What they may take: `[plugins] quota`."""


class HttpFault(Exception):
    """A request that got no answer which could be used: refused, too slow, too large, or broken.
    The message says why, without secrets of the request."""

    def __init__(self, message: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """What had been answered before it broke off or became too large; 0 if nothing was."""


class HttpAnswer(Struct, frozen=True):
    """What another server answered, whatever its status."""

    status: int
    """Such as 200."""
    headers: Mapping[str, str]
    """By their names in small letters; several of one name are joined by `, `."""
    content: bytes
    """The body; it is asked for uncompressed."""
    url: str = ""
    """What was asked in the end, behind redirects that were followed."""

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.content.decode(errors="replace")

    @property
    def is_success(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    def json(self) -> Any:
        """The content as JSON has it. HttpFault if it is none."""
        try:
            return msgspec.json.decode(self.content)
        except (msgspec.MsgspecError, RecursionError):
            raise HttpFault("the answer is no JSON") from None


class Http(Protocol):
    """Requests to other servers: of the public internet alone, unless `allow` names networks.

    `allow` has networks such as "192.168.0.0/16" that may be reached although they are private:
    let operators name them in the plugin's settings. Redirects are answers like any, unless
    `follow` has up to five of them followed, each looked at anew. `timeout` is of seconds for all
    of it, up to 300. `max_bytes` is the most that an answer may have, up to 64 MiB.

    Raises HttpFault; ValueError for arguments that are none.
    """

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        json: Any = None,
        timeout: float = 10,
        allow: Collection[str] = (),
        follow: bool = False,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        """A request with any method, and with a body: `content`, or `json` as JSON."""

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
        allow: Collection[str] = (),
        follow: bool = False,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        """A GET."""

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        json: Any = None,
        timeout: float = 10,
        allow: Collection[str] = (),
        follow: bool = False,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        """A POST, with a body as `request` has it."""


class Belongings(Protocol):
    """What a server hands to a plugin, which has it as `self.store`, `.folder` and `.http`."""

    @property
    def store(self) -> Store: ...

    @property
    def folder(self) -> Path: ...

    @property
    def http(self) -> Http: ...


class NoBelongings:
    """Of a plugin that no server runs. Each is a NoServer."""

    @property
    def store(self) -> Store:
        raise not_here("store")

    @property
    def folder(self) -> Path:
        raise not_here("folder")

    @property
    def http(self) -> Http:
        raise not_here("http")
