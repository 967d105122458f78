"""Links as `shortd link list` and `link show` tell of them, in one shape."""

from __future__ import annotations

import msgspec

from shortd.accounts.accounts import label
from shortd.clicks.clicks import LiveCounts
from shortd.control.registry import View
from shortd.hosts.destinations import UTM_NAMES
from shortd.models.accounts import Account
from shortd.models.common import NEVER
from shortd.models.links import NO_RARE_TERMS, Forwarding, Link, Utm
from shortd.store.schema import ACCOUNTS, COUNTS
from shortd.store.txn import Txn
from shortd.upkeep.people import handle_of

OWNERS = 10_000
"""Whose names are kept while links are read."""
FORWARDING = {one: one.name.lower() for one in Forwarding}
"""As options and `--json` have it."""
_NO_UTM: Utm = ("", "", "", "", "")


class LinkShown(msgspec.Struct, frozen=True, kw_only=True):
    """A link with all its terms, called as the v2 API calls them. None where there is nothing."""

    short_url: str
    host: str
    code: str
    kind: str
    """url, file or box."""
    url: str
    """Where it leads; of a file or a box its name."""
    title: str
    tags: tuple[str, ...]
    note: str
    owner: str
    """A name, an address or, of a temporary account, what pages call it by."""
    team: str | None
    campaign: str | None
    created_utime: int
    clicks: int
    clicks_qr: int
    clicks_unique: int
    last_click_utime: int | None
    enabled: bool
    barred: bool
    """The operator has disabled it."""
    held: bool
    """Visitors are kept from it until the operator has looked at it."""
    refused: str | None
    """What the operator said who looked at it and refused it; maybe nothing."""
    ended: bool
    archived: bool
    valid_since: int | None
    expiration_utime: int | None
    date_fallback: str
    expiration_count: int | None
    count_fallback: str
    counts_unique: bool
    unique_minutes: int
    password: bool
    forward_query: str
    robots: bool | None
    """None: as the settings have it."""
    utm: dict[str, str]
    tag: int
    id: int
    held_for: list[str]
    """What it is held for: destinations, by whom and why, as it was said."""


class HeldShown(msgspec.Struct, frozen=True, kw_only=True):
    """A destination for which a link is held."""

    short_url: str
    url: str
    plugin: str
    """Who wants it looked at."""
    checks: bool | None
    """Whether that plugin still checks destinations; None where no server runs to know it."""
    reason: str | None
    owner: str
    since_utime: int


class Links:
    """Makes them of rows, with what is counted at this moment."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._owners: dict[str, str] = {}

    def shown(self, txn: Txn, link: Link) -> LinkShown:
        live, rare = self._live(txn, link), link.rare or NO_RARE_TERMS
        host = self._view.hosts.numbered(link.host)
        return LinkShown(
            short_url=host.short_url(link.code),
            host=host.name,
            code=link.code,
            kind="file" if link.filekey else "box" if rare.box else "url",
            url=link.url,
            title=rare.title,
            tags=rare.tag_names,
            note=rare.note,
            owner=self._owner(txn, link.owner),
            team=rare.team or None,
            campaign=rare.campaign or None,
            created_utime=link.utime,
            clicks=live.count,
            clicks_qr=live.count_qr,
            clicks_unique=live.unique,
            last_click_utime=live.last_utime or None,
            enabled=link.enabled,
            barred=rare.barred,
            held=link.waits,
            refused=link.held.word if link.held and link.held.refused else None,
            ended=has_ended(link, live, self._view.now),
            archived=rare.hidden,
            valid_since=rare.valid_since or None,
            expiration_utime=None if link.expiration_utime >= NEVER else link.expiration_utime,
            date_fallback=rare.date_fallback,
            expiration_count=link.expiration_count or None,
            count_fallback=rare.count_fallback,
            counts_unique=rare.counts_unique,
            unique_minutes=rare.unique_minutes,
            password=rare.password is not None,
            forward_query=FORWARDING[rare.forwarding],
            robots=rare.robots,
            utm={
                name: value
                for name, value in zip(UTM_NAMES, rare.utm or _NO_UTM, strict=True)
                if value
            },
            tag=link.tag,
            id=link.id,
            held_for=[
                f"{one.url} ({one.plugin})" + (f": {one.reason}" if one.reason else "")
                for one in (link.held.destinations if link.held is not None else ())
            ],
        )

    def held(self, txn: Txn, link: Link) -> list[HeldShown]:
        """Why a link is held, by destination."""
        services = self._view.services
        asks = None if services is None else services.plugin_runtime.checks.plugins
        return [
            HeldShown(
                short_url=self._view.hosts.numbered(link.host).short_url(link.code),
                url=one.url,
                plugin=one.plugin,
                checks=None if asks is None else one.plugin in asks,
                reason=one.reason or None,
                owner=self._owner(txn, link.owner),
                since_utime=one.utime,
            )
            for one in (link.held.destinations if link.held is not None else ())
        ]

    def _live(self, txn: Txn, link: Link) -> LiveCounts:
        services = self._view.services
        if services is not None:
            return services.clicks.clicks.live(txn, link.id)
        stored = COUNTS.get(txn, (link.id,))
        if stored is None:
            return LiveCounts()
        return LiveCounts(
            stored.count, stored.count_qr, stored.last_utime, stored.choices, stored.unique
        )

    def _owner(self, txn: Txn, userid: str) -> str:
        known = self._owners.get(userid)
        if known is None:
            if len(self._owners) >= OWNERS:
                self._owners.clear()
            known = self._owners[userid] = owner_name(ACCOUNTS.get(txn, (userid,)))
        return known


def has_ended(link: Link, live: LiveCounts, now: int) -> bool:
    """Whether its time is over, or its clicks are used up."""
    if link.expiration_utime <= now:
        return True
    counts_unique = link.rare is not None and link.rare.counts_unique
    used = live.unique if counts_unique else live.count
    return 0 < link.expiration_count <= used


def owner_name(account: Account | None) -> str:
    """What commands call an account, and take for its name; it opens nothing."""
    return "" if account is None else label(account) or handle_of(account)
