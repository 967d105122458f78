"""Password hashing: what opens an account, and what it may cost."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shortd import errors
from shortd.models.accounts import PasswordHash
from shortd.security.passwords import MEMORY_KIB, PASSES, PasswordHasher, argon2id
from shortd.services import open_services
from shortd.settings.config import load

PBKDF2 = "0123456789abcdef" * 4
DOUBLE_SHA = "fedcba9876543210" * 4
WRONG = "0" * 64


class Counting:
    """A cheap derivation that notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes, int, int]] = []

    def __call__(self, password: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
        self.asked.append((password, salt, memory_kib, passes))
        return hashlib.sha256(salt + password).digest()


class Gate:
    """A derivation that waits until it is let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)
        self.passed = 0

    def __call__(self, password: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
        self.begun.release()
        assert self.open.wait(30)
        self.passed += 1
        return bytes(32)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def run(
    derive: Callable[[bytes, bytes, int, int], bytes],
    test: Callable[[PasswordHasher], Coroutine[Any, Any, None]],
    *,
    threads: int = 2,
    waiting: int = 32,
) -> None:
    hasher = PasswordHasher(Random(1), threads=threads, waiting=waiting, derive=derive)
    with closing(hasher):
        asyncio.run(test(hasher))


def test_either_derivation_in_either_case_opens_and_nothing_else_does() -> None:
    async def test(hasher: PasswordHasher) -> None:
        stored = await hasher.hash([PBKDF2, DOUBLE_SHA.upper()])
        for right in (PBKDF2, PBKDF2.upper(), DOUBLE_SHA, DOUBLE_SHA.upper()):
            assert await hasher.verify(stored, right) is True
        for wrong in (WRONG, "", PBKDF2[:-1], PBKDF2 + "0"):
            assert await hasher.verify(stored, wrong) is False

    run(argon2id, test)


def test_a_single_derivation_opens_alone() -> None:
    async def test(hasher: PasswordHasher) -> None:
        stored = await hasher.hash([PBKDF2])
        assert await hasher.verify(stored, PBKDF2)
        assert not await hasher.verify(stored, DOUBLE_SHA)

    run(argon2id, test)


def test_a_hash_holds_one_salt_and_its_parameters() -> None:
    derive = Counting()

    async def test(hasher: PasswordHasher) -> None:
        stored = await hasher.hash([PBKDF2, DOUBLE_SHA])
        other = await hasher.hash([PBKDF2, DOUBLE_SHA])
        assert len(stored.salt) == 16
        assert (stored.memory_kib, stored.passes) == (MEMORY_KIB, PASSES) == (19456, 2)
        assert stored.salt != other.salt
        assert stored.digests != other.digests
        assert derive.asked[:2] == [
            (password.encode(), stored.salt, MEMORY_KIB, PASSES)
            for password in (PBKDF2, DOUBLE_SHA)
        ]
        assert len(derive.asked) == 4

    run(derive, test)


def test_a_server_hashes_at_full_cost(tmp_path: Path) -> None:
    async def hashed() -> PasswordHash:
        services = await open_services(load(data_dir=tmp_path / "data", environ={}))
        try:
            return await services.security.hasher.hash([PBKDF2])
        finally:
            await services.close()

    stored = asyncio.run(hashed())
    assert (stored.memory_kib, stored.passes) == (19456, 2)


def test_a_hash_keeps_its_own_cost() -> None:
    async def test(hasher: PasswordHasher) -> None:
        cheap = await hasher.hash([PBKDF2])
        assert (cheap.memory_kib, cheap.passes) == (8, 1)
        with closing(PasswordHasher()) as dear:
            assert await dear.verify(cheap, PBKDF2)
            assert await hasher.verify(await dear.hash([PBKDF2]), PBKDF2)

    with closing(PasswordHasher(memory_kib=8, passes=1)) as hasher:
        asyncio.run(test(hasher))


def test_digests_are_argon2id() -> None:
    async def test(hasher: PasswordHasher) -> None:
        stored = PasswordHash(
            salt=b"somesaltsomesalt",
            memory_kib=64,
            passes=3,
            digests=(bytes(32), argon2id(PBKDF2.encode(), b"somesaltsomesalt", 64, 3)),
        )
        assert await hasher.verify(stored, PBKDF2)

    run(argon2id, test)
    # Reference: the vector `argon2` prints for these inputs with -id -t 2 -m 16 -p 1 -l 32.
    expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert argon2id(b"password", b"somesalt", 65536, 2).hex() == expected


@pytest.mark.parametrize("count", [0, 3])
def test_a_password_has_one_or_two_derivations(count: int) -> None:
    async def test(hasher: PasswordHasher) -> None:
        with pytest.raises(ValueError, match="one or two"):
            await hasher.hash([PBKDF2] * count)

    run(Counting(), test)


def test_an_unknown_account_costs_one_derivation_like_a_known_one() -> None:
    derive = Counting()

    async def test(hasher: PasswordHasher) -> None:
        stored = await hasher.hash([PBKDF2, DOUBLE_SHA])
        derive.asked.clear()
        assert not await hasher.verify(None, PBKDF2)
        assert not await hasher.verify(stored, WRONG)
        assert await hasher.verify(stored, DOUBLE_SHA)
        assert [asked[2:] for asked in derive.asked] == [(MEMORY_KIB, PASSES)] * 3
        assert {len(asked[1]) for asked in derive.asked} == {16}

    run(derive, test)


def test_an_unknown_account_never_opens() -> None:
    async def test(hasher: PasswordHasher) -> None:
        hasher._dummy = await hasher.hash([PBKDF2])
        assert not await hasher.verify(None, PBKDF2)

    run(Counting(), test)


def test_every_digest_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    async def test(hasher: PasswordHasher) -> None:
        stored = await hasher.hash([PBKDF2, DOUBLE_SHA])
        assert await hasher.verify(stored, PBKDF2)
        assert compared == list(stored.digests)
        compared.clear()
        assert not await hasher.verify(None, PBKDF2)
        assert len(compared) == 2

    monkeypatch.setattr("shortd.security.passwords.hmac.compare_digest", compare)
    run(Counting(), test)


def test_beyond_the_queue_callers_are_refused_at_once(gate: Gate) -> None:
    async def test(hasher: PasswordHasher) -> None:
        tasks = [asyncio.create_task(hasher.verify(None, WRONG)) for _ in range(5)]
        await asyncio.sleep(0)
        for refused in (hasher.verify(None, WRONG), hasher.hash([PBKDF2])):
            with pytest.raises(errors.ShortdError) as caught:
                await refused
            assert caught.value.kind is errors.BUSY
            assert caught.value.retry_after is not None
            assert caught.value.retry_after > 0
        gate.open.set()
        assert await asyncio.gather(*tasks) == [False] * 5
        assert gate.passed == 5
        assert not await hasher.verify(None, WRONG)

    run(gate, test, threads=2, waiting=3)


def test_cancelled_callers_leave_their_places(gate: Gate) -> None:
    async def test(hasher: PasswordHasher) -> None:
        running = asyncio.create_task(hasher.verify(None, WRONG))
        await asyncio.to_thread(gate.begun.acquire)
        for _ in range(10):
            waiting = [asyncio.create_task(hasher.verify(None, WRONG)) for _ in range(2)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(result) for result in results} == {asyncio.CancelledError}
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        last = [asyncio.create_task(hasher.verify(None, WRONG)) for _ in range(2)]
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(*last) == [False, False]
        assert gate.passed == 3
        again = [asyncio.create_task(hasher.verify(None, WRONG)) for _ in range(3)]
        assert await asyncio.gather(*again) == [False] * 3

    run(gate, test, threads=1, waiting=2)


def test_a_derivation_that_fails_leaves_its_place() -> None:
    def broken(password: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
        raise MemoryError

    async def test(hasher: PasswordHasher) -> None:
        for _ in range(3):
            with pytest.raises(MemoryError):
                await hasher.verify(None, WRONG)

    run(broken, test, threads=1, waiting=0)


def test_closing_works_off_the_queue_and_takes_nothing_more(gate: Gate) -> None:
    async def test(hasher: PasswordHasher) -> None:
        tasks = [asyncio.create_task(hasher.verify(None, WRONG)) for _ in range(2)]
        await asyncio.to_thread(gate.begun.acquire)
        closed = asyncio.create_task(asyncio.to_thread(hasher.close))
        with pytest.raises(RuntimeError):
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(hasher.verify(None, WRONG), 0.01)
        gate.open.set()
        await closed
        assert await asyncio.gather(*tasks) == [False, False]
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await hasher.verify(None, WRONG)

    run(gate, test, threads=1, waiting=2)


def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    stored = PasswordHash(b"somesaltsomesalt", MEMORY_KIB, 20, (bytes(32),))

    async def test(hasher: PasswordHasher) -> None:
        task = asyncio.create_task(hasher.verify(stored, WRONG))
        turns = 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        # As many as a tenth of a second has room for, and no clock: others want the machine, too.
        assert turns > 100

    run(argon2id, test)
