"""What becomes of a team's things when somebody leaves, and of everything when it ends.

Links that somebody made for a team stay in it: when he leaves, they go to an owner of the team,
whose budget pays for them from then on, unless an owner lets them go with him. A team whose last
owner's account ends goes to its longest-serving admin, else member; one that nobody is left in ends
with its links. Functions over an open write transaction, each doing so many rows of it: they answer
whether all is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from shortd.files.boxes import give_box
from shortd.files.manifests import give_file
from shortd.links import delete_links
from shortd.links.access import in_team, own_team_id
from shortd.models.links import Link
from shortd.models.teams import DomainStatus, Member, Role
from shortd.store.schema import (
    CAMPAIGNS,
    CAMPAIGNS_BY_TEAM,
    DOMAINS,
    DOMAINS_BY_TEAM,
    INVITATIONS,
    INVITATIONS_BY_GUEST,
    INVITATIONS_BY_TEAM,
    LINKS,
    LINKS_BY_CAMPAIGN,
    LINKS_BY_ID,
    LINKS_BY_MEMBER,
    LINKS_BY_TEAM,
    MEMBERS,
    MEMBERS_BY_ACCOUNT,
    TEAM_TRACKERS,
    TEAM_TRACKERS_BY_TEAM,
    TEAMS,
)
from shortd.store.txn import Txn, WriteTxn


def members_of(txn: Txn, team: str) -> list[Member]:
    """The members of a team, in the order of joining; without the account whose own it is."""
    rows = [member for _, member in MEMBERS.scan(txn, (team,))]
    return sorted(rows, key=lambda member: (member.join_utime, member.userid))


def heir_of(txn: Txn, team: str, leaving: str) -> str:
    """Who takes over what somebody leaves in a team: the owner who is in it longest, else an
    admin, else a member. Empty if there is nobody.
    """
    row = TEAMS.get(txn, (team,))
    if row is not None and row.account and row.account != leaving:
        return row.account
    others = [member for member in members_of(txn, team) if member.userid != leaving]
    for role in (Role.OWNER, Role.ADMIN, Role.MEMBER):
        for member in others:
            if member.role == role:
                return member.userid
    return ""


def hand_over(txn: WriteTxn, team: str, leaving: str, heir: str, rows: int) -> bool:
    """Gives the links that somebody made for a team to his heir."""
    keys = list(islice(LINKS_BY_MEMBER.keys(txn, (team, leaving)), rows))
    for link in _links(txn, (key[2] for key in keys)):
        _give(txn, link, team, heir)
    return len(keys) < rows


def take_along(txn: WriteTxn, team: str, leaving: str, heir: str, rows: int) -> bool:
    """Gives the links that somebody made for a team to his own one, without their campaigns. What
    is on a domain of the team stays its, with the heir."""
    keys = list(islice(LINKS_BY_MEMBER.keys(txn, (team, leaving)), rows))
    domains = (DOMAINS_BY_TEAM.get(txn, key) for key in list(DOMAINS_BY_TEAM.keys(txn, (team,))))
    hosts = {domain.number for domain in domains if domain is not None}
    for link in _links(txn, (key[2] for key in keys)):
        if link.host in hosts:
            _give(txn, link, team, heir)
        else:
            _send_home(txn, link)
    return len(keys) < rows


def send_home(txn: WriteTxn, team: str, rows: int) -> bool:
    """Gives a team's links to the own teams of who made them, without their campaigns."""
    keys = list(islice(LINKS_BY_TEAM.keys(txn, (team,)), rows))
    for link in _links(txn, (key[2] for key in keys)):
        _send_home(txn, link)
    return len(keys) < rows


def leave_campaign(txn: WriteTxn, campaign: str, rows: int) -> bool:
    """Takes all links out of a campaign."""
    keys = list(islice(LINKS_BY_CAMPAIGN.keys(txn, (campaign,)), rows))
    for link in _links(txn, (key[2] for key in keys)):
        assert link.rare is not None, "the index says so"
        plain = msgspec.structs.replace(link.rare, campaign="")
        rare = in_team(plain, link.owner, plain.team or own_team_id(link.owner))
        LINKS.put(txn, (link.host, link.code), msgspec.structs.replace(link, rare=rare))
    return len(keys) < rows


def drop_team(txn: WriteTxn, team: str) -> bool:
    """Removes a team without links, and all that belongs to it."""
    for _, _, campaign in list(CAMPAIGNS_BY_TEAM.keys(txn, (team,))):
        CAMPAIGNS.delete(txn, (campaign,))
    for _, _, tracker in list(TEAM_TRACKERS_BY_TEAM.keys(txn, (team,))):
        TEAM_TRACKERS.delete(txn, (tracker,))
    for _, invitation in list(INVITATIONS_BY_TEAM.keys(txn, (team,))):
        INVITATIONS.delete(txn, (invitation,))
    for _, name in list(DOMAINS_BY_TEAM.keys(txn, (team,))):
        end_domain(txn, team, name)
    for _, userid in [key for key, _ in MEMBERS.scan(txn, (team,))]:
        MEMBERS.delete(txn, (team, userid))
    TEAMS.delete(txn, (team,))
    return True


def end_domain(txn: WriteTxn, team: str, name: str) -> bool:
    """Ends a team's domain; False if it has none of that name. The row of one that has answered
    stays, since links may stand under its number.
    """
    domain = DOMAINS_BY_TEAM.get(txn, (team, name))
    if domain is None:
        return False
    if domain.number < 0:
        DOMAINS.delete(txn, (domain.id,))
    else:
        ended = msgspec.structs.replace(domain, status=DomainStatus.ENDED)
        DOMAINS.put(txn, (domain.id,), ended)
    return True


def leave_teams(txn: WriteTxn, userid: str, rows: int) -> bool:
    """Takes an account that ends out of all teams, and ends its own: some of it at a time."""
    for _, team in list(MEMBERS_BY_ACCOUNT.keys(txn, (userid,))):
        heir = heir_of(txn, team, userid)
        if not heir:
            found = list(islice(LINKS_BY_TEAM.keys(txn, (team,)), rows))
            if not delete_links(txn, [key[2] for key in found], rows):
                return False
            drop_team(txn, team)
            continue
        inherit(txn, team, userid, heir)
        if not hand_over(txn, team, userid, heir, rows):
            return False
        MEMBERS.delete(txn, (team, userid))
    for _, invitation in list(INVITATIONS_BY_GUEST.keys(txn, (userid,))):
        INVITATIONS.delete(txn, (invitation,))
    own = own_team_id(userid)
    # What others made for it goes home to them.
    if not send_home(txn, own, rows):
        return False
    return drop_team(txn, own)


def inherit(txn: WriteTxn, team: str, leaving: str, heir: str) -> None:
    """Makes the heir an owner if the team would have none."""
    row = TEAMS.get(txn, (team,))
    owners = [one.userid for one in members_of(txn, team) if one.role == Role.OWNER]
    if row is not None and not row.account and owners == [leaving]:
        member = MEMBERS.get(txn, (team, heir))
        assert member is not None, "the heir is one of the members"
        MEMBERS.put(txn, (team, heir), msgspec.structs.replace(member, role=Role.OWNER))


def _give(txn: WriteTxn, link: Link, team: str, heir: str) -> None:
    if link.filekey:
        give_file(txn, link.filekey, heir)
    if link.box:
        give_box(txn, link.box, heir)
    rare = in_team(link.rare, heir, team)
    LINKS.put(txn, (link.host, link.code), msgspec.structs.replace(link, owner=heir, rare=rare))


def _send_home(txn: WriteTxn, link: Link) -> None:
    assert link.rare is not None, "the index says so"
    plain = msgspec.structs.replace(link.rare, campaign="")
    rare = in_team(plain, link.owner, own_team_id(link.owner))
    LINKS.put(txn, (link.host, link.code), msgspec.structs.replace(link, rare=rare))


def _links(txn: Txn, ids: Iterable[int]) -> list[Link]:
    found = (LINKS_BY_ID.get(txn, (link_id,)) for link_id in ids)
    return [link for link in found if link is not None]
