"""Signatures of webhooks, looked at by the library that receivers use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError


class _Library(Webhook):
    """That of a receiver whose clock is the sender's."""

    def _Webhook__verify_timestamp(self, header: str) -> datetime:
        return datetime.fromtimestamp(int(header), UTC)


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a request is signed with a secret."""
    try:
        _Library(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    except WebhookVerificationError:
        return False
    return True
