"""What a command does is a line of the audit log."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from shortd.models.accounts import Account
from shortd.models.audit import Action
from shortd.services import Services
from shortd.upkeep.audit import COMMAND


def noted(
    services: Services,
    action: Action,
    subject: str = "",
    *,
    about: Account | None = None,
    detail: str = "",
    reason: str = "",
) -> AbstractAsyncContextManager[None]:
    """Around the one thing that a command does. See `AuditLog.noting`."""
    now = services.clock.now()
    return services.upkeep.audit.noting(
        COMMAND, action, now, subject, about=about, detail=detail, reason=reason
    )
