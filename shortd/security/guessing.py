"""The gate before every secret that can be guessed: passwords, keys, challenges, mailed codes.

    async with guessing.attempt(Secret.LOGIN, name, address) as attempt:
        if not await hasher.verify(stored, password):
            raise errors.BAD_CREDENTIALS()
        attempt.succeed()

What is not said to have succeeded has failed, whatever came of it, but for what could not be
compared at all. Nobody is locked out: who is beyond a budget waits a little or is told how long, by
LOGIN_LIMITED. This module must never see a secret, or know whether what is tried exists.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum

from shortd import errors
from shortd.blocks import blocks
from shortd.clock import SECOND, Clock
from shortd.security.summed_log import LOGIN_FAILED, LOGIN_LIMITED, SummedLog
from shortd.security.throttle import Bill, Guess, Throttle

WAITING = 256
"""Attempts that may wait at a time."""
WAITING_PER_BLOCK = 32
"""The same of one address, or of the widest block of an IPv6 address."""


class Secret(StrEnum):
    """What is tried: kinds that count apart in the log and in the metrics."""

    LOGIN = "login"
    """A password or an API key, for an account that is named."""
    PASSWORD = "password"
    """The present one, of who wants to change it."""
    API_KEY = "api_key"
    MAILED_CODE = "mailed_code"
    SECOND_FACTOR = "second_factor"
    """A code of an app, or a recovery code, of who has proved his password."""
    PASSKEY = "passkey"
    LINK_PASSWORD = "link_password"
    FILE_CHALLENGE = "file_challenge"


MESSAGES = {
    Secret.LINK_PASSWORD: errors.Sentence("Too many wrong passwords; wait and try again."),
    Secret.FILE_CHALLENGE: errors.Sentence("Too many wrong passwords; wait and try again."),
    Secret.MAILED_CODE: errors.Sentence("Too many wrong codes; wait and try again."),
    Secret.SECOND_FACTOR: errors.Sentence("Too many wrong codes; wait and try again."),
}


OUTCOMES = ("succeeded", "failed", "limited", "busy")
"""Of an attempt. Of those that were refused, the budgets refused the "limited" ones."""
NOT_COMPARED = (errors.BUSY, errors.STORAGE_FULL)
"""Refusals by which nobody learns anything of a secret."""


class Attempt:
    """One attempt under way."""

    def __init__(self, first: bool) -> None:
        self.first = first
        """Nobody has failed from this address before."""
        self.account = ""
        """Whose secret it is, as the log may name him."""
        self.succeeded = False

    def succeed(self) -> None:
        """It was right."""
        self.succeeded = True


class Guessing:
    """Lets attempts through at a pace, and tells the log and the metrics of them.

    Belongs to one event loop.
    """

    def __init__(self, clock: Clock, log: SummedLog) -> None:
        self.outcomes: Counter[tuple[Secret, str]] = Counter()
        """Attempts by what was tried and what came of it."""
        self._clock = clock
        self._log = log
        self._throttle = Throttle()
        self._under_way: Counter[str] = Counter()
        """Attempts that are being compared, by subject and by widest block."""
        self._waiting: Counter[str] = Counter()
        self._settled = asyncio.Event()

    @asynccontextmanager
    async def attempt(
        self, secret: Secret, subject: str, address: str, *, known: bool | None = None
    ) -> AsyncIterator[Attempt]:
        """An attempt at what `subject` names, a name as it was typed perhaps, from an address.

        Waits for its turn: for the outcome of others, which may be none of a guesser, and for some
        seconds. LOGIN_LIMITED. `known`: whether the same was opened from there before; None
        leaves that to what this process remembers.
        """
        guess = self._guess(secret, subject, address, known)
        try:
            bill = await self._admitted(guess)
        except errors.ShortdError as refusal:
            raise self._limited(secret, guess, address, refusal.retry_after or 0.0) from None
        with self._compared(secret, guess, bill, address) as attempt:
            yield attempt

    @contextmanager
    def attempt_now(
        self, secret: Secret, subject: str, address: str, *, known: bool | None = None
    ) -> Iterator[Attempt]:
        """The same where nothing is to be awaited: LOGIN_LIMITED for who would have to wait."""
        guess, now = self._guess(secret, subject, address, known), self._clock.now()
        bill = self._bill(guess, now)
        wait = bill.wait(now)
        if wait:
            raise self._limited(secret, guess, address, wait / SECOND)
        bill.pay(now)
        with self._compared(secret, guess, bill, address) as attempt:
            yield attempt

    def _guess(self, secret: Secret, subject: str, address: str, known: bool | None) -> Guess:
        guess = Guess(f"{secret}:{subject}", blocks(address))
        if known is None:
            known = self._throttle.has_opened(guess, self._clock.now())
        return guess._replace(known=known)

    def _bill(self, guess: Guess, now: int, *, ahead: bool = True) -> Bill:
        """By what is true at this moment of who tries. A first try goes `ahead`."""
        fails = self._under_way[guess.blocks[-1]] > 0 or self._throttle.has_failed(guess, now)
        return self._throttle.bill(guess._replace(first=ahead and not fails), now)

    async def _admitted(self, guess: Guess) -> Bill:
        """The bill of an attempt, paid, once it may begin. LOGIN_LIMITED."""
        widest, ahead = guess.blocks[-1], True
        while True:
            now = self._clock.now()
            bill = self._bill(guess, now, ahead=ahead)
            wait = bill.wait(now)
            is_open = bool(self._under_way[guess.subject] or self._under_way[widest])
            if not wait or (wait <= bill.patience and not is_open):
                break
            if not is_open or self._is_crowded(widest):
                raise errors.LOGIN_LIMITED(retry_after=wait / SECOND)
            with self._counted(self._waiting, "", widest):
                await self._settled.wait()
            # One of a crowd: who comes later with his first try goes ahead of it.
            ahead = False
        if wait and self._is_crowded(widest):
            raise errors.LOGIN_LIMITED(retry_after=wait / SECOND)
        bill.pay(now)
        if wait:
            with self._counted(self._waiting, "", widest):
                await asyncio.sleep(wait / SECOND)
        return bill

    def _is_crowded(self, widest: str) -> bool:
        return self._waiting[""] >= WAITING or self._waiting[widest] >= WAITING_PER_BLOCK

    @contextmanager
    def _compared(
        self, secret: Secret, guess: Guess, bill: Bill, address: str
    ) -> Iterator[Attempt]:
        """The comparison, which has been paid for."""
        first = not self._throttle.has_failed(guess, self._clock.now())
        attempt, outcome = Attempt(first), "failed"
        try:
            with self._counted(self._under_way, guess.subject, guess.blocks[-1]):
                yield attempt
        except errors.ShortdError as refusal:
            if refusal.kind in NOT_COMPARED:
                outcome = "busy"
            raise
        finally:
            self._settle(secret, guess, bill, address, attempt, outcome)

    def _settle(
        self,
        secret: Secret,
        guess: Guess,
        bill: Bill,
        address: str,
        attempt: Attempt,
        outcome: str,
    ) -> None:
        now = self._clock.now()
        if attempt.succeeded:
            outcome = "succeeded"
            self._throttle.open(guess, now)
        if outcome == "failed":
            self._throttle.fail(guess, now)
            self._log.note(LOGIN_FAILED, address, tried=secret.value, account=attempt.account)
        else:
            bill.give_back(now)
        self.outcomes[secret, outcome] += 1
        # Whoever waits looks again.
        self._settled.set()
        self._settled = asyncio.Event()

    def _limited(
        self, secret: Secret, guess: Guess, address: str, seconds: float
    ) -> errors.ShortdError:
        self._throttle.refuse(guess, self._clock.now())
        self.outcomes[secret, "limited"] += 1
        self._log.note(LOGIN_LIMITED, address, tried=secret.value)
        return errors.LOGIN_LIMITED(MESSAGES.get(secret), retry_after=seconds)

    @contextmanager
    def _counted(self, counter: Counter[str], *names: str) -> Iterator[None]:
        """Counts something for as long as it lasts."""
        counter.update(names)
        try:
            yield
        finally:
            counter.subtract(names)
            for name in names:
                if not counter[name]:
                    del counter[name]
