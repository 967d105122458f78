"""The list of an account's links: `/-/dashboard`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import Response

from shortd import errors
from shortd.clicks.feed import LINKS_A_STREAM
from shortd.ids import own_team_id
from shortd.links.listing import PAGE, Listed
from shortd.links.tagging import shown_bit
from shortd.models.accounts import Account
from shortd.services import Services
from shortd.teams.teams import TeamView
from shortd.web import forms, session
from shortd.web.forms import Words
from shortd.web.guard import show
from shortd.web.links import filters
from shortd.web.links.contents import Chip, ListPage
from shortd.web.links.filters import Filters
from shortd.web.links.rows import rows_of
from shortd.web.render import language_of, long_page, see
from shortd.web.routing import AnyRequest, services_of
from shortd.web.teams.working import working_as

CAMPAIGNS = 20
"""That the list offers as filters."""
TEMPLATE = "dashboard/page.html"
SEARCH_WEIGHT = 1000
"""Of a list that has to read on, in weight units, as the calls that list have them."""

assert PAGE <= LINKS_A_STREAM, "the counts of all rows follow one stream"


@show(filters.PATH)
async def dashboard(request: AnyRequest) -> Response[bytes]:
    """Links and files, 50 a page."""
    found = session.needed(request)
    lists = request.query_params.dict()
    chosen = filters.read(lists)
    query = chosen.query()
    forms.charge(request, "", SEARCH_WEIGHT if query.is_filtered or chosen.sort != "new" else 0)
    services, now = services_of(request), services_of(request).clock.now()
    after = (lists.get("after") or [""])[-1]
    try:
        listed = await services.links.listing.page(found.account, query, now, after=after)
    except errors.ShortdError as refusal:
        if refusal.kind is not errors.TEAM_NOT_FOUND:
            raise
        return see(request, filters.PATH)
    content = await _content(request, found.account, chosen, listed)
    return await long_page(request, TEMPLATE, content)


@show("/-/links")
async def find(request: AnyRequest) -> Response[bytes]:
    """`?at=` a short URL: that link's page."""
    found, services = session.needed(request), services_of(request)
    at = request.query_params.get("at", "")
    if not at:
        return see(request, filters.PATH)
    address = services.links.links.address(at)
    if address is None:
        raise errors.NOT_FOUND()
    link = services.links.links.get(found.account, address)
    return see(request, f"/-/links/{link.id}")


async def _content(
    request: AnyRequest, account: Account, chosen: Filters, listed: Listed
) -> ListPage:
    services, words = services_of(request), language_of(request).gettext
    rows = await rows_of(services, account, listed.links)
    teams = services.teams.teams.of_account(account)
    is_whole = not listed.start and not listed.older
    filtered = chosen.query().is_filtered
    campaigns = _campaigns(services, account)
    offered = _campaigns(services, account, chosen.team) if chosen.team else campaigns
    chips = _chips(chosen, words)
    drops = _drops(services, account, chosen, offered)
    shown = [
        Chip(
            words=name,
            address=_with(chosen, campaign="" if chosen.campaign == key else key),
            on=chosen.campaign == key,
        )
        for key, name in offered
    ]
    active = [chip for chip in (*chips[1:], *shown) if chip.on] + drops
    if chosen.q:
        active.insert(0, Chip(words=chosen.q, address=_with(chosen, q="")))
    return ListPage(
        rows=rows,
        q=chosen.q,
        sort=chosen.sort,
        hidden=chosen.pairs("q", "sort"),
        chips=chips,
        campaigns=shown,
        working=working_as(teams, chosen.team, lambda team: _with(chosen, team=team, campaign="")),
        places=_places(account, teams, campaigns),
        drops=drops,
        active=active,
        start=listed.start,
        total=listed.total,
        as_of=listed.as_of,
        is_cut=listed.is_cut,
        older=chosen.address(after=listed.older) if listed.older else "",
        first=chosen.address() if listed.start else "",
        query=chosen.address().partition("?")[2],
        is_filtered=filtered,
        clicks=sum(sum(row.days) for row in rows) if is_whole else None,
        offers=len(services.teams.invitations.of_guest(account, services.clock.now())),
    )


def _chips(chosen: Filters, words: Words) -> list[Chip]:
    everything = Filters(q=chosen.q, sort=chosen.sort, team=chosen.team)

    def state(name: str, said: str, symbol: str = "") -> Chip:
        return Chip(
            words=said,
            address=chosen.toggled(name).address(),
            on=name in chosen.state,
            symbol=symbol,
        )

    ends = "" if chosen.ends else filters.SOON
    return [
        Chip(words=words("All"), address=everything.address(), on=everything == chosen),
        state("url", words("Links"), "link"),
        state("file", words("Files"), "file"),
        Chip(
            words=words("Ending soon"),
            address=_with(chosen, ends=ends),
            on=bool(chosen.ends),
            symbol="clock",
        ),
        state("off", words("Off")),
    ]


def _drops(
    services: Services,
    account: Account,
    chosen: Filters,
    campaigns: Sequence[tuple[str, str]],
) -> list[Chip]:
    """The filters that no chip shows, each with the list without it."""
    looks = services.accounts.preferences.of(account)
    drops = [
        Chip(words=tag, symbol="tag", address=_with(chosen, tag=_less(chosen.tag, tag)))
        for tag in chosen.tag
    ]
    drops += [
        Chip(
            words=shown_bit(looks, int(bit)).name,
            symbol="tag",
            address=_with(chosen, bit=_less(chosen.bit, bit)),
        )
        for bit in chosen.bit
    ]
    if chosen.host:
        drops.append(Chip(words=chosen.host, symbol="globe", address=_with(chosen, host="")))
    if chosen.campaign and chosen.campaign not in dict(campaigns):
        drops.append(
            Chip(words=chosen.campaign, symbol="megaphone", address=_with(chosen, campaign=""))
        )
    shown = ("url", "file", "off")
    drops += [
        Chip(words=f"is:{state}", address=chosen.toggled(state).address())
        for state in chosen.state
        if state not in shown
    ]
    return drops


def _campaigns(services: Services, account: Account, team: str = "") -> list[tuple[str, str]]:
    campaigns = services.teams.campaigns
    if team:
        found = campaigns.of_team(account, team, 0, CAMPAIGNS)
    else:
        found = campaigns.of_account(account, 0, CAMPAIGNS)
    return [(row.id, row.name) for row in found.campaigns]


def _places(
    account: Account, teams: Sequence[TeamView], campaigns: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    if len(teams) < 2 and not campaigns:
        return []
    own = own_team_id(account.userid)
    ordered = sorted(teams, key=lambda team: team.id != own)
    return [
        *((f"team:{team.id}", team.name) for team in ordered),
        *((f"campaign:{key}", name) for key, name in campaigns),
    ]


def _with(chosen: Filters, **changes: object) -> str:
    return msgspec.structs.replace(chosen, **changes).address()


def _less(values: Sequence[str], value: str) -> tuple[str, ...]:
    return tuple(one for one in values if one != value)


HANDLERS = (dashboard, find)
