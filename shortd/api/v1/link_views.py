"""Links as Shorten World v1 shows them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from shortd.api.v1.registry import Context
from shortd.api.v1.times import millisecond_text
from shortd.ids import link_hex_id
from shortd.links.access import team_of
from shortd.links.holding import reasons_of
from shortd.links.searching import title_of
from shortd.links.tag_lists import joined_tags
from shortd.models.links import Link, RareTerms
from shortd.teams.domains import domain_id

HIDDEN_PASSWORD = "********"
"""What is shown of any password: nobody can read it, we neither."""

_NO_RARE_TERMS = RareTerms()


class LinkStatus(StrEnum):
    """What a visitor meets; the document shows the first alone, but has the second of domains."""

    ACTIVE = "Y"
    ENDED = "E"
    """Its time has come or its clicks are used up; visits go to the fallback, if any."""
    DISABLED = "N"
    """So is one that is held until the operator has looked at it."""


class LinkInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A link of `link/list`."""

    id: str
    code: str
    url: str
    destination: str
    title: str
    password: str | None
    click_type: int
    unique_time: int | None
    api: bool
    status: LinkStatus
    domain_id: str
    campaign_id: str | None
    team_id: str
    tags: str | None
    created_time: str
    held: str | msgspec.UnsetType = msgspec.UNSET
    """Ours: why visitors are kept from it, or in which words it was refused."""


def show(ctx: Context, links: Sequence[Link]) -> list[LinkInfo]:
    """The links, with what holds of them at this moment."""
    services = ctx.services
    with services.store.read() as txn:
        used_up = [services.clicks.clicks.are_used_up(txn, link) for link in links]
    return [_info(ctx, link, is_used_up) for link, is_used_up in zip(links, used_up, strict=True)]


def _status(link: Link, now: int, is_used_up: bool) -> LinkStatus:
    if not link.enabled or link.waits:
        return LinkStatus.DISABLED
    is_over = is_used_up or link.expiration_utime <= now
    return LinkStatus.ENDED if is_over else LinkStatus.ACTIVE


def _info(ctx: Context, link: Link, is_used_up: bool) -> LinkInfo:
    host = ctx.services.hosts.numbered(link.host)
    rare = link.rare or _NO_RARE_TERMS
    return LinkInfo(
        id=link_hex_id(link.id),
        code=link.code,
        url=host.short_url(link.code),
        destination=link.url,
        title=title_of(link),
        password=None if rare.password is None else HIDDEN_PASSWORD,
        click_type=int(rare.unique_minutes > 0),
        unique_time=rare.unique_minutes or None,
        api=True,
        status=_status(link, ctx.now, is_used_up),
        domain_id=domain_id(host),
        campaign_id=rare.campaign or None,
        team_id=team_of(link),
        tags=joined_tags(rare.tag_names) or None,
        created_time=millisecond_text(link.utime),
        held=msgspec.UNSET if link.held is None else link.held.word or reasons_of(link.held),
    )
