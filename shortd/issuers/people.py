"""Who somebody is on another's word: an issuer's, a proxy's, or a plugin's."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Voucher(StrEnum):
    """Whose word it is."""

    ISSUER = "oidc"
    PROXY = "proxy"
    PLUGIN = "plugin"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom an issuer, a proxy or a plugin has asked who he is."""

    voucher: Voucher
    issuer: str
    """As it calls itself; a plugin by its name, empty for the proxy."""
    subject: str
    """By which it knows him for good."""
    email: str = ""
    email_verified: bool = False
    username: str = ""
    groups: tuple[str, ...] = ()
    auth_utime: int = 0
    """When he was last asked, in Unix µs; 0 if it does not say."""

    @property
    def called(self) -> str:
        """What people may know him by."""
        return self.email or self.username or self.subject
