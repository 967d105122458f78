"""Who makes a call, and what it has cost so far; common to the dialects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any, TypeVar

from shortd import errors
from shortd.limits.repeats import NO_ATTEMPT, Attempt
from shortd.models.accounts import Account, AccountType
from shortd.services import Services

T = TypeVar("T")

STRANGERS = (AccountType.TEMPORARY, AccountType.ANONYMOUS)
"""Accounts that anybody has without signing up."""


class Keyed(Enum):
    """What an Idempotency-Key means to a call."""

    IGNORED = auto()
    """The call makes nothing: whoever repeats it does no harm."""
    ONCE = auto()
    """It makes something, by `Caller.once`."""
    REFUSED = auto()
    """Its answer has a credential, or is that of many calls."""


class Caller:
    """One call under way: the services, who calls, when, and what was charged."""

    def __init__(
        self,
        services: Services,
        address: str,
        now: int,
        user_agent: str = "",
        attempt: Attempt | None = None,
    ) -> None:
        self.services = services
        self.attempt = NO_ATTEMPT if attempt is None else attempt
        """What the caller's Idempotency-Key comes to."""
        self.address = address
        """The client's address, as far as it can be believed."""
        self.user_agent = user_agent
        self.now = now
        self.charged = 0
        """Weight units taken."""
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        """Whose credentials came with the call."""
        assert self._account is not None, "the call asks for no credentials"
        return self._account

    def begin(self, request: bytes, *, has_file: bool = False) -> None:
        """What the call asks for, all that its answer depends on. Raises as `Attempt.begin`."""
        if self._account is None:
            caller, _ = self.services.limits.budgets.client_bucket(self.address)
        else:
            caller = self._account.userid
        is_stranger = self._account is None or self._account.type in STRANGERS
        self.attempt.begin(caller, request, self.now, has_file=has_file, is_stranger=is_stranger)

    def once(
        self, work: Callable[[], Awaitable[T]], kind: Any, content: bytes = b""
    ) -> Awaitable[T]:
        """What the call makes: see `Attempt.once`."""
        return self.attempt.once(work, kind, content)

    def charge(self, weight: int) -> None:
        """Takes weight from the account's bucket, else from the client address's.

        RATE_LIMITED if it is short; then everything the call took before is given back, since
        a refused call costs nothing.
        """
        if not weight:
            return
        budgets = self.services.limits.budgets
        if self._account is None:
            budgets.charge_client(self.address, weight, self.now)
        else:
            try:
                budgets.charge_account(self._account, self.address, weight, self.now)
            except errors.ShortdError:
                budgets.refund_account(self._account, self.address, self.charged, self.now)
                self.charged = 0
                raise
        self.charged += weight

    def give_back(self, weight: int) -> None:
        """Returns to the account what was charged ahead and turned out not to be needed."""
        budgets = self.services.limits.budgets
        budgets.refund_account(self.account, self.address, weight, self.now)
        self.charged -= weight
