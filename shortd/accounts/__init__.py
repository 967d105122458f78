"""Accounts, and every way to prove that one is meant: logins, tokens, API keys, mailed codes.

It must never keep a secret in the clear.
"""

from __future__ import annotations

from shortd.accounts.accounts import (
    Accounts,
    find_account,
    normalize_email,
    normalize_username,
    registered,
)

__all__ = [
    "Accounts",
    "find_account",
    "normalize_email",
    "normalize_username",
    "registered",
]
