"""Who may see and change what a team has: the one place that decides.

Owners and admins of a team may do everything with its links. Members see all of them, and change
and delete those that they made. An account's own team has the account as its owner, and its links
are those that the account made for no other team. To whoever may not even see a link, it does not
exist. Functions over an open transaction, for all services.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from shortd import errors, ids
from shortd.hosts import ShortHost
from shortd.models.accounts import Account
from shortd.models.links import NO_RARE_TERMS, Link, RareTerms
from shortd.models.teams import DomainStatus, Role
from shortd.store.schema import CAMPAIGNS, DOMAINS, MEMBERS
from shortd.store.txn import Txn

own_team_id = lru_cache(maxsize=4096)(ids.own_team_id)


def role_in(txn: Txn, userid: str, team: str) -> Role | None:
    """What an account is in a team; None if nothing."""
    if team == own_team_id(userid):
        return Role.OWNER
    member = MEMBERS.get(txn, (team, userid))
    return None if member is None else member.role


def need_role(
    txn: Txn,
    actor: Account | None,
    team: str,
    *roles: Role,
    missing: errors.ErrorKind = errors.TEAM_NOT_FOUND,
) -> Role:
    """The actor's role in a team, which has to be one of these, if any are given. None is the
    operator, who counts as an owner of every team.

    `missing` for whoever is not in the team, FORBIDDEN for the wrong role.
    """
    role = Role.OWNER if actor is None else role_in(txn, actor.userid, team)
    if role is None:
        raise missing()
    if roles and role not in roles:
        raise errors.FORBIDDEN()
    return role


def team_of(link: Link) -> str:
    """The id of the team that a link belongs to."""
    return (link.rare.team if link.rare else "") or own_team_id(link.owner)


def may_see(txn: Txn, userid: str, link: Link) -> bool:
    """Whether a link exists for an account."""
    if link.owner == userid and not (link.rare and link.rare.team):
        return True
    return role_in(txn, userid, team_of(link)) is not None


def may_change(txn: Txn, userid: str, link: Link) -> bool:
    """Whether an account may change and delete a link."""
    if link.owner == userid and not (link.rare and link.rare.team):
        return True
    role = role_in(txn, userid, team_of(link))
    return role in (Role.OWNER, Role.ADMIN) or (role is not None and link.owner == userid)


def is_barred(before: Link, after: Link) -> bool:
    """Whether the operator has turned a link off that would be on again."""
    return before.rare is not None and before.rare.barred and after.enabled


def check_barred(before: Link, after: Link) -> None:
    """FORBIDDEN for that."""
    if is_barred(before, after):
        raise errors.FORBIDDEN("Who runs this server has turned the link off.", field="enabled")


def check_host(txn: Txn, userid: str, host: ShortHost) -> None:
    """UNKNOWN_HOST where an account may make no links: on the domain of a team that it is not in,
    or on one that has ended meanwhile.
    """
    if host.team:
        domain = DOMAINS.get(txn, (host.domain,))
        answers = domain is not None and domain.status == DomainStatus.ACTIVE
        if not answers or role_in(txn, userid, host.team) is None:
            raise errors.UNKNOWN_HOST(field="host")


def check_place(txn: Txn, userid: str, team: str, campaign: str, host: ShortHost) -> str:
    """The team of a link that an account is to make on a host, as its row has it: empty for the
    account's own team.

    What is made on a team's domain is the team's. UNKNOWN_HOST, TEAM_NOT_FOUND, CAMPAIGN_NOT_FOUND.
    """
    if not (team or campaign or host.team):
        return ""
    check_host(txn, userid, host)
    team = team or host.team or own_team_id(userid)
    if role_in(txn, userid, team) is None:
        raise errors.TEAM_NOT_FOUND(field="team")
    if host.team and host.team != team:
        raise errors.UNKNOWN_HOST(field="host")
    if campaign:
        row = CAMPAIGNS.get(txn, (campaign,))
        if row is None or row.team != team:
            raise errors.CAMPAIGN_NOT_FOUND(field="campaign")
    return "" if team == own_team_id(userid) else team


def on_host(txn: Txn, userid: str, link: Link, host: ShortHost) -> RareTerms | None:
    """The rare terms of a link that an account moves to another host: a team's domain has the
    team's links alone, and takes up what the account made for no team. UNKNOWN_HOST.
    """
    if host.number == link.host or not host.team:
        return link.rare
    check_host(txn, userid, host)
    if host.team == team_of(link):
        return link.rare
    if link.owner != userid or (link.rare and link.rare.team):
        raise errors.UNKNOWN_HOST(field="shorturl_new")
    return in_team(link.rare, link.owner, host.team)


def in_team(rare: RareTerms | None, owner: str, team: str) -> RareTerms | None:
    """Rare terms with this team; None where nothing is left of them."""
    kept = "" if team == own_team_id(owner) else team
    changed = msgspec.structs.replace(rare or NO_RARE_TERMS, team=kept)
    return None if changed == NO_RARE_TERMS else changed
