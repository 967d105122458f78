"""Who makes a call, and what it has cost so far; common to the dialects."""

from __future__ import annotations

from shortd import errors
from shortd.models.accounts import Account
from shortd.services import Services


class Caller:
    """One call under way: the services, who calls, when, and what was charged."""

    def __init__(self, services: Services, address: str, now: int, user_agent: str = "") -> None:
        self.services = services
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
