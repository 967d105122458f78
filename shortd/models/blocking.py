"""Rows about destinations that are blocked, and about links that visitors have reported."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class BlockedPattern(msgspec.Struct, array_like=True, frozen=True):
    """What no link may lead to, stored under its text (`hosts.patterns`)."""

    text: str
    create_utime: int
    reason: str = ""
    """For operators; nobody else is told."""


class Reason(StrEnum):
    """What a visitor says is wrong with a link."""

    PHISHING = "phishing"
    MALWARE = "malware"
    SPAM = "spam"
    ILLEGAL = "illegal"
    OTHER = "other"


class Report(msgspec.Struct, array_like=True, frozen=True):
    """A visitor's report of a link, stored under (link id, client): one of each that is open."""

    link_id: int
    client: bytes
    """Hash of the narrowest block of his address."""
    block: bytes
    """Hash of the widest."""
    reason: Reason
    create_utime: int
    note: str = ""
    address: str = ""
    """As `[clicks] ip` says; empty where it is not kept."""
