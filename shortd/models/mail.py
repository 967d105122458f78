"""Rows about mail that is to be sent, and codes that were mailed."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class MailPurpose(StrEnum):
    """What a mailed code is good for, or what a mail without one tells."""

    VERIFY = "verify"
    RESET = "reset"
    BOX = "box"
    """Something came into a box: there is no code, but the id of its link, or nothing for several.
    """
    REPORT = "report"
    """None at all: it tells an operator that a link was reported."""
    FACTORS = "factors"
    """That ways to sign in came or went."""


class FactorChange(StrEnum):
    """What a mail of the purpose `FACTORS` tells."""

    APP_ADDED = "app_added"
    APP_REMOVED = "app_removed"
    RECOVERY_CODES = "recovery_codes"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    WAY_ADDED = "way_added"
    WAY_REMOVED = "way_removed"


class MailedCode(msgspec.Struct, array_like=True, frozen=True):
    """A code that was mailed, stored under (userid, purpose): a newer one takes its place."""

    digest: bytes
    """SHA-256 of the code, never the code itself."""
    email: str
    """Where it was mailed to; it means nothing once the account has another address."""
    expiration_utime: int
    attempts: int = 0
    """How often somebody named a code, rightly or wrongly."""
    used: bool = False
    """It has done its work, and does it no more."""


class Mail(msgspec.Struct, array_like=True, frozen=True):
    """A mail of the outbox, stored under (userid, purpose). Its text is made when it is sent."""

    id: str
    userid: str
    purpose: MailPurpose
    recipient: str
    code: str
    """In the clear until the mail is delivered; empty once it is given up, and in one that has
    none. Of the purpose `FACTORS` it is the changes that it tells, with commas between."""
    create_utime: int
    next_utime: int
    """When to try next."""
    attempts: int = 0
    reason: str = ""
    """Why the last attempt failed."""
    given_up_utime: int = 0
    """0 while it waits."""
    language: str = ""
    """Code of a catalogue; empty for the server's usual language."""


class MailHistory(msgspec.Struct, array_like=True, frozen=True):
    """When a mailbox was last sent mails of one purpose, the newest last."""

    utimes: tuple[int, ...] = ()


class MailTraffic(msgspec.Struct, array_like=True, frozen=True):
    """How many mails were queued lately, for everybody."""

    hours: dict[int, int] = {}
    """By the hour, in hours since 1970-01-01 UTC."""
