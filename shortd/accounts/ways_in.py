"""What opens an account as the settings are now: nobody may take the last of it away by a slip.

A way that the settings have no more opens nothing, however many are linked by it. Whether a plugin
still signs people in nobody here can know: what was linked by one counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from shortd.issuers.people import Voucher
from shortd.models.accounts import Identity, Passkey
from shortd.security.webauthn import RelyingParty
from shortd.settings import Settings
from shortd.store.schema import ACCOUNTS
from shortd.store.txn import Txn


class WaysIn:
    """Of all accounts."""

    def __init__(self, settings: Settings) -> None:
        auth = settings.auth
        self._takes_passwords = auth.password
        self._issuers = {one.issuer for one in auth.oidc.issuers.values()}
        self._has_proxy = bool(auth.proxy.peers)
        self._has_passkeys = bool(RelyingParty(settings.pages_url).id)

    def is_one(self, way: Identity | Passkey) -> bool:
        """Whether this opens its account."""
        if isinstance(way, Passkey):
            return self._has_passkeys and not way.doubt_utime
        if way.voucher == Voucher.ISSUER:
            return way.issuer in self._issuers
        return self._has_proxy or way.voucher != Voucher.PROXY

    def is_open(self, txn: Txn, userid: str, ways: Iterable[Identity | Passkey]) -> bool:
        """Whether anything opens an account that has these, and its password if it has one."""
        account = ACCOUNTS.get(txn, (userid,))
        has_password = account is not None and account.password is not None
        return (self._takes_passwords and has_password) or any(map(self.is_one, ways))
