"""The services of this room, wired."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from shortd.accounts.services import AccountServices
from shortd.blocks import BlockHashes
from shortd.clicks import Clicks
from shortd.hosts import Hosts
from shortd.links.blocking import BlockedLinks
from shortd.links.bulk import Bulk
from shortd.links.codes import Codes
from shortd.links.destination_index import DestinationIndex
from shortd.links.drawing import Drawing
from shortd.links.links import Links
from shortd.links.listing import Listing
from shortd.links.passwords import LinkPasswords
from shortd.links.plugin_data import Check, LinkPlugins
from shortd.links.reports import Reports
from shortd.links.reusing import Reusing
from shortd.links.searching import Search
from shortd.links.sheets import Sheets
from shortd.links.tagging import Tagging
from shortd.links.terms import LinkTerms
from shortd.links.titles import Titles
from shortd.links.undoing import Undoing
from shortd.security.secrets import secret
from shortd.security.services import SecurityServices
from shortd.security.signing import Signer
from shortd.settings import Settings
from shortd.store import Store


@dataclass(frozen=True)
class LinkServices:
    """Links, and what belongs to each."""

    links: Links
    codes: Codes
    terms: LinkTerms
    passwords: LinkPasswords
    plugin_data: LinkPlugins
    search: Search
    titles: Titles
    drawing: Drawing
    undoing: Undoing
    bulk: Bulk
    blocking: BlockedLinks
    listing: Listing
    index: DestinationIndex
    reusing: Reusing
    tagging: Tagging
    sheets: Sheets
    reports: Reports


async def open_links(
    store: Store,
    settings: Settings,
    hosts: Hosts,
    security: SecurityServices,
    check: Check,
    clicks: Clicks,
    accounts: AccountServices,
    hashes: BlockHashes,
    random: Random,
) -> LinkServices:
    """Wires them."""
    links = Links(store, hosts, random)
    signer = Signer(await secret(store, "link_passwords"))
    passwords = LinkPasswords(store, security.hasher, security.guessing, signer)
    codes = Codes(hosts)
    terms = LinkTerms(links, codes, hosts, passwords)
    search = Search(store)
    listing = Listing(store, hosts, clicks, search)
    bulk = Bulk(store, links, hosts)
    index = DestinationIndex(store)
    return LinkServices(
        links=links,
        codes=codes,
        terms=terms,
        passwords=passwords,
        plugin_data=LinkPlugins(links, check),
        search=search,
        titles=Titles(hosts, settings.links),
        drawing=Drawing(),
        undoing=Undoing(store),
        bulk=bulk,
        blocking=BlockedLinks(store),
        listing=listing,
        index=index,
        reusing=Reusing(store, clicks, index),
        tagging=Tagging(accounts.preferences, listing, bulk),
        sheets=Sheets(store, hosts, links, codes, terms, clicks),
        reports=Reports(store, settings, hashes, accounts.operators, random),
    )
