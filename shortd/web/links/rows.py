"""Rows of the list of links, from the links of a page."""

from __future__ import annotations

from collections.abc import Sequence

from shortd.clock import DAY
from shortd.links.access import may_change
from shortd.links.queries import SOON
from shortd.links.tagging import tags_of
from shortd.models.accounts import Account
from shortd.models.files import Encryption
from shortd.models.links import NO_RARE_TERMS, Link
from shortd.services import Services
from shortd.store.schema import ACCOUNTS
from shortd.store.txn import Txn
from shortd.web.links.contents import Row

DAYS = 30
"""Of the small curve."""


async def rows_of(services: Services, account: Account, links: Sequence[Link]) -> list[Row]:
    """What the list shows of these links, with their counts as of this moment."""
    now = services.clock.now()
    today = now // DAY
    first = today - DAYS + 1
    totals = await services.clicks.statistics.totals([link.id for link in links], first, today)
    panels = services.plugin_runtime.panels
    looks = services.accounts.preferences.of(account)
    rows = []
    with services.store.read() as txn:
        for link in links:
            rare = link.rare or NO_RARE_TERMS
            short_url = services.hosts.short_url(link)
            file = services.sharing.files.of_link(txn, link)
            used_up = services.clicks.clicks.are_used_up(txn, link)
            ends = link.expiration_utime
            days = totals[link.id]
            rows.append(
                Row(
                    id=link.id,
                    short_url=short_url,
                    title=rare.title,
                    destination=link.url,
                    filesize=-1 if file is None else file.filesize,
                    sealed=file is not None and file.encryption is not Encryption.NONE,
                    enabled=link.enabled,
                    held=link.waits,
                    hidden=rare.hidden,
                    locked=rare.password is not None,
                    ended=ends <= now or used_up,
                    ends=ends if now < ends <= now + SOON else 0,
                    plugins=sorted(link.plugins or ()),
                    tags=tags_of(link, looks),
                    count=services.clicks.clicks.live(txn, link.id).count,
                    utime=link.utime,
                    days=[days.get(day, 0) for day in range(first, today + 1)],
                    maker=maker_of(txn, account, link),
                    may_change=may_change(txn, account.userid, link),
                    columns=panels.columns(link, short_url),
                )
            )
    return rows


def maker_of(txn: Txn, account: Account, link: Link) -> str:
    """The name of who made a link; empty where that is the account itself."""
    if link.owner == account.userid:
        return ""
    maker = ACCOUNTS.get(txn, (link.owner,))
    return "" if maker is None else maker.username or maker.email
