"""What stands on top of every page of one link: which it is, where it leads, what else there is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shortd import errors
from shortd.accounts.accounts import label
from shortd.links.access import may_change
from shortd.links.tagging import ShownTag, tags_of
from shortd.models.links import Held, Link
from shortd.store.schema import ACCOUNTS, CAMPAIGNS
from shortd.web import session
from shortd.web.routing import AnyRequest, services_of


class LinkHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a link's pages."""

    id: int
    short_url: str
    place: str
    """Its destination, or the name of its file or box."""
    is_file: bool
    is_box: bool
    title: str
    tags: Sequence[ShownTag]
    campaign: str
    """Its name; empty for none."""
    maker: str
    """Who made it, where that was somebody else; else empty."""
    made_utime: int
    enabled: bool
    may_change: bool
    held: Held | None = None
    """Why visitors are kept from it, or why it was refused."""

    @property
    def address(self) -> str:
        """Of its page of statistics; the others stand below it."""
        return f"/-/links/{self.id}"


def link_id_of(request: AnyRequest) -> int:
    """The link that an address names. ENTRY_NOT_FOUND for a number that none can have."""
    link_id: int = request.path_params["link_id"]
    if not 0 <= link_id < 2**63:
        raise errors.ENTRY_NOT_FOUND()
    return link_id


def asked_link(request: AnyRequest) -> Link:
    """The link whose id stands in the address, if whoever has signed in may see it.

    ENTRY_NOT_FOUND, `SignInFirst`.
    """
    account = session.needed(request).account
    return services_of(request).links.links.get(account, link_id_of(request))


def head_of(request: AnyRequest, link: Link) -> LinkHead:
    """What stands on top of this link's pages."""
    services, account = services_of(request), session.needed(request).account
    terms, rare = link.terms, link.rare
    with services.store.read() as txn:
        maker = "" if link.owner == account.userid else label(ACCOUNTS.get(txn, (link.owner,)))
        campaign = CAMPAIGNS.get(txn, (rare.campaign,)) if rare and rare.campaign else None
        changeable = may_change(txn, account.userid, link)
    return LinkHead(
        id=link.id,
        short_url=services.hosts.short_url(link),
        place=link.url,
        is_file=bool(link.filekey),
        is_box=bool(link.box),
        title=terms.title,
        tags=tags_of(link, services.accounts.preferences.of(account)),
        campaign="" if campaign is None else campaign.name,
        maker=maker,
        made_utime=link.utime,
        enabled=link.enabled,
        may_change=changeable,
        held=link.held,
    )
