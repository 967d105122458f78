"""Rows about nothing of their own: words that others are made of."""

from __future__ import annotations

NEVER = 576_460_752_303_423_487
"""`expiration_utime` of an entry without one (0x7ffffffffffffff in the v2 document)."""


ACCOUNT_NEVER = 9_223_372_036_854_775_807
"""`expiration_utime` of an account that does not expire."""
