"""Requests that clients send again because no answer came, each with an Idempotency-Key.

What a key asks for is done once: the row that says so is written in the transaction of the act,
with what was made; once the answer is known, it takes that one's place, before it is sent. So who
was never answered, because the server was killed in between, is answered from what was made, and
who was is sent the same bytes again, for a day.

Requests that were refused have changed nothing and leave nothing here. Neither keys nor what was
asked for are stored, but for hashes under the key, which nobody can guess who has only these. It
must never hold an answer with a credential.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Any, Self, TypeVar

import msgspec
from msgspec.structs import replace

from shortd import errors
from shortd.clock import DAY, SECOND
from shortd.models.limits import Repeat
from shortd.store import Store
from shortd.store.alongside import alongside_result
from shortd.store.room import Reserve
from shortd.store.schema import EVERYBODY, REPEAT_BYTES, REPEATS, REPEATS_BY_END
from shortd.store.sizes import stored_size
from shortd.store.txn import Txn, WriteTxn

T = TypeVar("T")

HEADER = "idempotency-key"
KEPT = DAY
"""µs for which a key means the request that it came with."""
CALLER_BYTES = 8 << 20
"""Of the database, for the answers of one caller: some 10,000 of `url`. Who has less may keep one
more, however large."""
ALL_BYTES = 256 << 20
_SHARE = 16
"""All of them together have this part of the database at most."""
_STRANGERS = 2
"""Callers who have not signed up, of whom anybody can be any number, fill this part of that: who
has signed up keeps the rest."""
_INLINE = 64 << 10
"""Bytes that are compressed on the event loop (about 1 ms)."""
_BUSY_SECONDS = 1.0

_BARE = re.compile(r"[!#-+\--~]{1,255}", re.ASCII)
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"', re.ASCII)


class Answered(Exception):
    """The request was answered before: these bytes are to be sent again."""

    def __init__(self, body: bytes) -> None:
        super().__init__("answered before")
        self.body = body


class Repeats:
    """The rules of Idempotency-Keys over the store. Times are Unix µs."""

    def __init__(self, store: Store, map_bytes: int) -> None:
        self._store = store
        self._most = min(ALL_BYTES, map_bytes // _SHARE)
        self._under_way: set[tuple[str, bytes]] = set()

    def asked(self, values: list[str]) -> AbstractContextManager[Attempt]:
        """A request while it is under way, with what its headers of this name say. Nothing is
        looked at before somebody `begin`s it."""
        return self._under_way_with(values) if values else _NO_KEY

    @contextmanager
    def _under_way_with(self, values: list[str]) -> Iterator[Attempt]:
        attempt = Attempt(self, values)
        try:
            yield attempt
        finally:
            if attempt.place is not None:
                self._under_way.discard(attempt.place)

    async def sweep(self, now: int) -> None:
        """Forgets the answers whose time is over."""
        while True:
            with self._store.read() as txn:
                oldest = list(islice(REPEATS_BY_END.keys(txn), 500))
            ended = [key[1:] for key in oldest if key[0] <= now]
            if not ended:
                return
            await self._store.write(partial(_forget, keys=ended, now=now), Reserve.ALL)

    def take(self, place: tuple[str, bytes]) -> None:
        """IDEMPOTENCY_KEY_IN_USE where the same is under way already."""
        if place in self._under_way:
            raise errors.IDEMPOTENCY_KEY_IN_USE(retry_after=_BUSY_SECONDS)
        self._under_way.add(place)

    def find(self, place: tuple[str, bytes], now: int) -> Repeat | None:
        """What is kept of an earlier request."""
        row = self._store.get(REPEATS, place)
        return None if row is None or row.until <= now else row

    def put_made(self, txn: WriteTxn, row: Repeat, now: int, *, is_stranger: bool) -> None:
        """Keeps what was made. IDEMPOTENCY_KEY_IN_USE where an earlier request has come to its end
        meanwhile; IDEMPOTENCY_KEYS_LIMITED."""
        there = REPEATS.get(txn, (row.caller, row.digest))
        if there is not None and there.until > now:
            raise errors.IDEMPOTENCY_KEY_IN_USE(retry_after=_BUSY_SECONDS)
        _put(txn, row)
        of_all = self._most_of_all(is_stranger)
        for key, most in ((row.caller, CALLER_BYTES), (EVERYBODY, of_all)):
            if (REPEAT_BYTES.get(txn, (key,)) or 0) > most:
                raise errors.IDEMPOTENCY_KEYS_LIMITED(retry_after=_oldest(txn, now) / SECOND)

    def _most_of_all(self, is_stranger: bool) -> int:
        return self._most // _STRANGERS if is_stranger else self._most

    async def put_answer(self, row: Repeat, body: bytes, *, is_stranger: bool) -> None:
        """Keeps an answer in the place of what was made, if there is room for it: else who asks
        again gets it made once more."""
        answered = replace(row, made=b"", answer=await _packed(body))

        def put(txn: WriteTxn) -> None:
            if REPEATS.get(txn, (row.caller, row.digest)) == row:
                _put(txn, answered)
                if (REPEAT_BYTES.get(txn, (EVERYBODY,)) or 0) > self._most_of_all(is_stranger):
                    _put(txn, row)

        try:
            await self._store.write(put)
        except errors.ShortdError:
            # What was done is done, and it is known what it was.
            return


class Attempt:
    """A request that may have an Idempotency-Key. Without one nothing happens here."""

    def __init__(self, repeats: Repeats | None, values: list[str]) -> None:
        self._repeats = repeats
        self._values = values
        self.place: tuple[str, bytes] | None = None
        """Caller and digest of the key, once it is begun."""
        self._is_stranger = False
        self._key = b""
        self._now = 0
        self._request = b""
        self._earlier: Repeat | None = None
        self._row: Repeat | None = None
        """What this request has put, and not answered yet."""

    @property
    def has_key(self) -> bool:
        return bool(self._values)

    @property
    def is_repeated(self) -> bool:
        """Whether the same was asked for before, and done."""
        return self._earlier is not None

    def refuse(self) -> None:
        """Of calls that take no key. IDEMPOTENCY_KEY_REFUSED if there is one."""
        if self.has_key:
            raise errors.IDEMPOTENCY_KEY_REFUSED()

    def begin(
        self,
        caller: str,
        request: bytes,
        now: int,
        *,
        has_file: bool = False,
        is_stranger: bool = False,
    ) -> Self:
        """Who asks for what. `has_file`: what comes with it is told to `once`. `is_stranger`: the
        caller has not signed up.

        INVALID_IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_IN_USE, IDEMPOTENCY_KEY_REUSED.
        """
        if self._repeats is None or not self.has_key:
            return self
        self._key = key_of(self._values).encode()
        self._now, self._is_stranger = now, is_stranger
        place = (caller, hashlib.sha256(self._key).digest())
        self._repeats.take(place)
        self.place = place
        self._request = self._hash(request)
        self._earlier = self._repeats.find(place, now)
        if self._earlier is not None:
            self._check(self._earlier.request, self._request)
            if not has_file:
                self._check(self._earlier.content, b"")
        return self

    def answer_again(self) -> None:
        """`Answered` if there is an answer to this already."""
        if self._earlier is not None and self._earlier.answer:
            raise Answered(zlib.decompress(self._earlier.answer))

    async def once(self, work: Callable[[], Awaitable[T]], kind: Any, content: bytes = b"") -> T:
        """Does what one write does, unless it was done before; what it came to. That is of the type
        `kind`, and what the write itself comes to. `content` is the digest of a file that came.

        IDEMPOTENCY_KEY_REUSED for another file, `Answered` for what was answered before.
        """
        if self._repeats is None or self.place is None:
            return await work()
        if self._earlier is not None:
            made: T = self.made_before(kind, content)
            return made
        held = self._hash(content) if content else b""
        caller, digest = self.place
        repeats, now, rows = self._repeats, self._now, []

        def note(txn: WriteTxn, result: Any) -> None:
            made = msgspec.msgpack.encode(result)
            row = Repeat(caller, digest, now + KEPT, self._request, held, made)
            repeats.put_made(txn, row, now, is_stranger=self._is_stranger)
            rows.append(row)

        with alongside_result(note):
            result = await work()
        self._row = rows[-1] if rows else None
        return result

    def made_before(self, kind: Any, content: bytes = b"") -> Any:
        """What was made when this was asked for before, as `once` has it."""
        assert self._earlier is not None, "nothing was"
        self._check(self._earlier.content, self._hash(content) if content else b"")
        self.answer_again()
        self._row = self._earlier
        return msgspec.msgpack.decode(self._earlier.made, type=kind)

    async def keep(self, body: bytes) -> None:
        """Keeps the answer, which may be sent then. What made nothing keeps none."""
        if self._repeats is not None and self._row is not None:
            stranger = self._is_stranger
            await self._repeats.put_answer(self._row, body, is_stranger=stranger)

    def _hash(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")

    def _check(self, one: bytes, other: bytes) -> None:
        if not hmac.compare_digest(one, other):
            raise errors.IDEMPOTENCY_KEY_REUSED()


NO_ATTEMPT = Attempt(None, [])
"""Of all requests that have no key: it never becomes anything else."""
_NO_KEY = nullcontext(NO_ATTEMPT)


def key_of(values: list[str]) -> str:
    """The key that a header names: a string as RFC 9651 (3.3.3) writes it, or the same without its
    quotes. INVALID_IDEMPOTENCY_KEY."""
    text = values[0].strip(" \t") if len(values) == 1 else ""
    if _BARE.fullmatch(text):
        return text
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise errors.INVALID_IDEMPOTENCY_KEY()
    return re.sub(r"\\(.)", r"\1", quoted[1])


def drop_repeats(txn: WriteTxn, caller: str, rows: int) -> bool:
    """Forgets so many of an account that goes; whether these were all."""
    found = list(islice(REPEATS.scan(txn, (caller,)), rows))
    for key, _ in found:
        _drop(txn, key)
    return len(found) < rows


def _put(txn: WriteTxn, row: Repeat) -> None:
    key = (row.caller, row.digest)
    old = REPEATS.get(txn, key)
    _count(txn, row.caller, _size(row) - (0 if old is None else _size(old)))
    REPEATS.put(txn, key, row)


def _drop(txn: WriteTxn, key: tuple[str, bytes]) -> None:
    row = REPEATS.delete(txn, key)
    if row is not None:
        _count(txn, row.caller, -_size(row))


def _forget(txn: WriteTxn, keys: list[tuple[str, bytes]], now: int) -> None:
    for key in keys:
        row = REPEATS.get(txn, key)
        # Another may have taken its place since.
        if row is not None and row.until <= now:
            _drop(txn, key)


def _count(txn: WriteTxn, caller: str, change: int) -> None:
    for key in (caller, EVERYBODY):
        if total := (REPEAT_BYTES.get(txn, (key,)) or 0) + change:
            REPEAT_BYTES.put(txn, (key,), total)
        else:
            REPEAT_BYTES.delete(txn, (key,))


def _size(row: Repeat) -> int:
    return stored_size(len(row.made) + len(row.answer))


def _oldest(txn: Txn, now: int) -> int:
    """µs until the next answer is forgotten."""
    return next((max(0, until - now) for until, _, _ in REPEATS_BY_END.keys(txn)), 0)


async def _packed(body: bytes) -> bytes:
    if len(body) <= _INLINE:
        return zlib.compress(body, 1)
    return await asyncio.to_thread(zlib.compress, body, 1)
