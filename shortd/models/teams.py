"""Rows about teams, what they share, and the hosts that links stand on."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from shortd.models.hosts import HostOptions


class Role(StrEnum):
    """What somebody is in a team."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Team(msgspec.Struct, array_like=True, frozen=True):
    """A team. An account's own team has no row until it is named or has a member."""

    id: str
    code: str
    name: str
    create_utime: int
    account: str = ""
    """Whose own team it is; he is its owner without being among its members."""


class Member(msgspec.Struct, array_like=True, frozen=True):
    """Somebody's place in a team, stored under (team, userid)."""

    team: str
    userid: str
    role: Role
    join_utime: int


class Invitation(msgspec.Struct, array_like=True, frozen=True):
    """A place in a team that somebody may take: an account, or who has an e-mail address."""

    id: str
    team: str
    role: Role
    create_utime: int
    expiration_utime: int
    userid: str = ""
    email: str = ""
    """Case-folded."""
    inviter: str = ""
    """Userid of who made it; empty for the operator, and for those of earlier versions."""


class Campaign(msgspec.Struct, array_like=True, frozen=True):
    """What a team puts links under."""

    id: str
    team: str
    code: str
    name: str
    create_utime: int


class TeamTracker(msgspec.Struct, array_like=True, frozen=True):
    """A tracker that a team keeps to copy it to links."""

    id: str
    team: str
    provider: str
    """As the plugin `trackers` names it."""
    code: str
    """The team's id at the provider."""
    name: str
    create_utime: int


class DomainStatus(StrEnum):
    """How far a team has come with a domain."""

    PENDING = "pending"
    """Not shown to be the team's yet."""
    ACTIVE = "active"
    """Answers."""
    ENDED = "ended"
    """Answered once; kept for the links that were made there."""


class Domain(msgspec.Struct, array_like=True, frozen=True):
    """A domain that a team brought along."""

    id: str
    team: str
    name: str
    """In ASCII, lower case, without a final dot."""
    token: str
    """What a TXT record has to hold."""
    create_utime: int
    status: DomainStatus = DomainStatus.PENDING
    number: int = -1
    """Its host number, once it has answered; no other host ever has it."""
    active_utime: int = 0
    options: HostOptions = HostOptions()


class Host(msgspec.Struct, array_like=True, frozen=True):
    """A short host's permanent number; link keys carry the number, so a host can be renamed."""

    number: int
    base_url: str
