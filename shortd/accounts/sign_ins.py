"""Sign-ins, told to whoever asks to hear of them, once they are on the disk.

A sign-up is none: it is heard of as a new account. It must never keep anybody from signing in.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from shortd.accounts.tokens import How
from shortd.models.accounts import Account

Heard = Callable[[Account, How, str, str], None]
"""Is told of an account, by which way, the client's address and its user agent."""

log = structlog.get_logger(__name__)


class SignIns:
    """Tells of them, on the event loop."""

    def __init__(self) -> None:
        self.heard: Heard | None = None

    def tell(self, account: Account, how: How, address: str, user_agent: str) -> None:
        """Somebody has signed in."""
        if self.heard is not None and how:
            try:
                self.heard(account, how, address, user_agent)
            except Exception as fault:
                log.warning("sign_in_not_told", error=str(fault))
