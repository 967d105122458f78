"""The services of this room, wired."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from shortd.hosts import Hosts
from shortd.hosts.txt_records import TxtRecords
from shortd.links.services import LinkServices
from shortd.store import Store
from shortd.teams.campaigns import Campaigns
from shortd.teams.domains import Domains
from shortd.teams.invitations import Invitations
from shortd.teams.members import Members
from shortd.teams.teams import Teams
from shortd.teams.trackers import LinkTrackers, TeamTrackers


@dataclass(frozen=True)
class TeamServices:
    """Teams, who belongs to them, and what they share."""

    teams: Teams
    members: Members
    invitations: Invitations
    campaigns: Campaigns
    domains: Domains
    trackers: TeamTrackers
    link_trackers: LinkTrackers


def open_teams(
    store: Store, hosts: Hosts, records: TxtRecords, links: LinkServices, random: Random
) -> TeamServices:
    """Wires them."""
    return TeamServices(
        teams=Teams(store, random),
        members=Members(store),
        invitations=Invitations(store, random),
        campaigns=Campaigns(store, random),
        domains=Domains(store, hosts, records, random, links.links.checks),
        trackers=TeamTrackers(store, random, links.plugin_data),
        link_trackers=LinkTrackers(store, links.links, links.plugin_data),
    )
