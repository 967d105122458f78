"""Secrets of receivers, and signatures as Standard Webhooks has them.

A secret is never kept: it follows from the plugin's own key and how many the receiver has had. So
none can come into the database, a backup or an export.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from shortd_webhooks.data import SECRET_PREFIX, Receiver, Settings, key_of

DAY = 86_400 * 1_000_000
"""µs for which the secret before the latest one counts, too."""


class Keys:
    """Makes the keys of receivers."""

    def __init__(self, secret: bytes, settings: Settings) -> None:
        """`secret` is what this plugin alone knows, on this server alone."""
        self._secret = secret
        self._configured = {name: key_of(one.secret) for name, one in settings.receivers.items()}
        self.mark = self._made("mark")[:8].hex()
        """By which a receiver knows whether its secrets are from here."""

    def secret_of(self, receiver: Receiver) -> str:
        """The latest secret, as people copy it: only to be shown when it was just made."""
        return SECRET_PREFIX + base64.b64encode(self._of(receiver, receiver.generation)).decode()

    def headers(self, receiver: Receiver, event: str, body: bytes, now: int) -> dict[str, str]:
        """Headers by which a receiver knows who sends: with a signature for each key that counts,
        the latest first."""
        seconds = now // 1_000_000
        signed = f"{event}.{seconds}.".encode() + body
        return {
            "webhook-id": event,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(
                "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
                for key in self._valid(receiver, now)
            ),
        }

    def shown(self, userid: str) -> str:
        """An account's id for receivers: nobody can sign in with it."""
        return "acc_" + self._made(f"account {userid}")[:12].hex()

    def _valid(self, receiver: Receiver, now: int) -> Sequence[bytes]:
        if receiver.is_configured:
            return [self._configured[receiver.name]]
        keys = [self._of(receiver, receiver.generation)]
        if receiver.generation > 1 and now - receiver.rotated < DAY:
            keys.append(self._of(receiver, receiver.generation - 1))
        return keys

    def _of(self, receiver: Receiver, generation: int) -> bytes:
        return self._made(f"receiver {receiver.id} {generation}")

    def _made(self, what: str) -> bytes:
        return hmac.digest(self._secret, what.encode(), "sha256")
