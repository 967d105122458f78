"""The home page and its form: `/` and `/-/new`, which is the same page filled in by an address."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from litestar import Response
from msgspec.structs import replace

from shortd import errors
from shortd.links import TagFilter
from shortd.links.endings import free_like, is_free
from shortd.links.qr import QrOptions
from shortd.links.queries import LinkQuery
from shortd.links.tag_lists import joined_tags, without_doubles
from shortd.models.accounts import Account, AccountType
from shortd.models.files import Encryption
from shortd.models.links import Link
from shortd.services import Services
from shortd.web import forms, session
from shortd.web.account.signing_in import sign_in_page
from shortd.web.forms import Form
from shortd.web.guard import act, show
from shortd.web.home import making, shared_text
from shortd.web.home.contents import HomePage, Made, Row
from shortd.web.home.making import Draft, NewLinks
from shortd.web.links.rows import maker_of
from shortd.web.render import language_of, page, see
from shortd.web.routing import HOME, AnyRequest, attachment, client_address, home_of, services_of
from shortd.web.teams.working import Working, working_as

NEWEST = 5
"""Rows of what was made last."""
FORM_BYTES = 4 << 20
LINE_WEIGHT = 100
"""Weight units of every address beyond the first, as the call `urls` has them."""

_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_TEMPLATE = "home/page.html"


@show(["/", HOME])
async def home(request: AnyRequest) -> Response[bytes]:
    """The composer, and what was made just now; where it is for accounts alone, the way in."""
    if session.current(request) is None and not is_open(services_of(request)):
        return sign_in_page(request, request.url.path)
    return page(request, _TEMPLATE, await _content(request))


@show("/-/new")
async def new(request: AnyRequest) -> Response[bytes]:
    """The composer filled in: for bookmarks, browsers' keywords and what phones share."""
    if not is_open(services_of(request)):
        session.needed(request)
    url, title = shared_text.read(request.query_params)
    query = request.query_params
    form = forms.filled(
        url=url,
        title=title[: making.MOST_TITLE],
        ending=query.get("ending", ""),
        tags=_tags_of(without_doubles(query.getall("tag", [])), query.getall("tags", [])),
    )
    content = await _content(request)
    return page(request, _TEMPLATE, replace(content, form=form, several="\n" in url or not url))


def _tags_of(names: list[str], texts: list[str]) -> str:
    """Names, and lists with commas, as one such list."""
    text = ", ".join(filter(None, texts))
    return joined_tags([*names, ""] if names and text else names, space=" ") + text


@act("/-/new", request_max_body_size=FORM_BYTES, status_code=303)
async def make(request: AnyRequest) -> Response[bytes]:
    """What the composer sends."""
    services, language = services_of(request), language_of(request)
    now, found = services.clock.now(), session.current(request)
    if found is None and not is_open(services):
        raise session.SignInFirst
    form = await forms.read(request, NewLinks, call="url", most=FORM_BYTES)
    if form.value is not None and (more := len(form.value.lines) - 1) > 0:
        forms.charge(request, "urls", LINE_WEIGHT * min(more, making.MOST))
    form, draft = making.read(services, found.account if found else None, form, language, now)
    if draft is None:
        return await _refused(request, form)
    store, hosts = services.store, services.hosts
    if draft.ending and not is_free(store, hosts, draft.host.number, draft.ending):
        return await _refused(request, _taken(form, draft, language.gettext), draft)
    account = found.account if found else await temporary(request, now)
    try:
        links = await making.make(services, account, draft, now)
    except errors.ShortdError as refusal:
        if refusal.kind is errors.CODE_TAKEN:
            return await _refused(request, _taken(form, draft, language.gettext), draft)
        if refusal.kind is errors.DESTINATION_REFUSED:
            return await _refused(request, making.told_of_line(form, draft, refusal, language))
        fields = {"expiration_utime": "on", "expiration_count": "clicks", "code": "ending"}
        return await _refused(request, form.refuse(refusal, language.gettext, **fields))
    several = f"&of={len(links)}" if len(links) > 1 else ""
    team = f"&team={draft.team}" if draft.team else ""
    answer = see(request, f"{home_of(services)}?made={links[-1].id}{several}{team}")
    return answer if found else session.start_temporary(request, answer, account)


@show("/-/made.csv")
async def made_csv(request: AnyRequest) -> Response[bytes]:
    """What was made at once, as a table."""
    services, found = services_of(request), session.needed(request)
    rows = rows_of(services, await made_just_now(request, found.account))
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["short_url", "destination"])
    table.writerows([row.short_url, row.destination] for row in rows)
    return attachment(text.getvalue().encode(), "text/csv; charset=utf-8", "links.csv")


async def temporary(request: AnyRequest, now: int) -> Account:
    """An account for who has none. RATE_LIMITED, SIGNUP_CLOSED."""
    services = services_of(request)
    weight: int = request.app.state.weights["temporary_account"]
    address = client_address(services, request.scope)
    services.limits.budgets.charge_client(address, weight, now)
    return await services.accounts.accounts.create_temporary(address, now)


def _taken(form: Form[NewLinks], draft: Draft, words: Any) -> Form[NewLinks]:
    return form.wrong("ending", words("“%(ending)s” is taken.") % {"ending": draft.ending})


async def _refused(
    request: AnyRequest, form: Form[Any], draft: Draft | None = None
) -> Response[bytes]:
    """The page again, with what was typed."""
    services = services_of(request)
    free: Sequence[str] = ()
    if draft is not None and draft.ending:
        now = services.clock.now()
        free = free_like(services.store, services.hosts, draft.host.number, draft.ending, now)
    content = await _content(request, form.text("team"))
    several = "\n" in form.typed.get("url", "").strip()
    content = replace(content, form=form, free=free, several=several)
    return forms.again(request, _TEMPLATE, content, form)


async def _content(request: AnyRequest, team: str | None = None) -> HomePage:
    """What the page shows as a team; None: as the one that the address names."""
    services, found = services_of(request), session.current(request)
    account = found.account if found else None
    working = working_at(services, account, request, team)
    hosts = making.hosts_of(services, account, working.team)
    content = HomePage(
        can_sign_up=services.settings.accounts.signup,
        hosts=[(str(host.number), host.name) for host in hosts] if len(hosts) > 1 else (),
        host=hosts[0].name,
        working=working,
    )
    if found is None:
        return content
    newest = await _newest(services, found.account, working.team)
    made = await made_just_now(request, found.account) if "made" in request.query_params else []
    return replace(
        content,
        mine=rows_of(services, newest, found.account),
        made=await shown(services, made) if made else None,
        kept_until=found.account.expiration_utime if found.temporary else 0,
    )


def working_at(
    services: Services, account: Account | None, request: AnyRequest, team: str | None = None
) -> Working:
    """The switch between teams on a page that makes links; `team` None: the one that its address
    names."""
    if account is None or account.type is AccountType.TEMPORARY:
        return Working()
    path = request.url.path
    wanted = request.query_params.get("team", "") if team is None else team
    teams = services.teams.teams.of_account(account)
    return working_as(teams, wanted, lambda key: f"{path}?team={key}" if key else path)


async def _newest(services: Services, account: Account, team: str) -> list[Link]:
    """What was made last: by the account, or in the team that it works as."""
    if not team:
        return await services.links.links.page(account, TagFilter(), start=0, count=NEWEST)
    query, now = LinkQuery(team=team), services.clock.now()
    return (await services.links.listing.page(account, query, now, count=NEWEST)).links


async def made_just_now(request: AnyRequest, account: Account) -> list[Link]:
    """What the address says was made just now, in the order that it was asked for: the link of an
    id, and those that were made before it at once. Nothing of what is not the account's.
    """
    services, query = services_of(request), request.query_params
    last, count = query.get("made", ""), query.get("of", "1")
    if not _NUMBER.fullmatch(last) or not _NUMBER.fullmatch(count):
        return []
    if count == "1":
        try:
            return [services.links.links.get(account, int(last))]
        except errors.ShortdError:
            return []
    most = min(int(count), making.MOST)
    newest = await services.links.links.page(account, TagFilter(), start=0, count=most + NEWEST)
    start = next((at for at, link in enumerate(newest) if link.id == int(last)), None)
    return [] if start is None else newest[start : start + most][::-1]


async def shown(services: Services, links: Sequence[Link]) -> Made:
    qr = ""
    if len(links) == 1:
        try:
            short_url = services.hosts.short_url(links[0])
            image = await services.links.drawing.image(short_url, QrOptions(border=2))
            qr = f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"
        except errors.ShortdError:
            # So many are drawn at this moment; the link is there all the same.
            pass
    return Made(rows=rows_of(services, links), qr=qr)


def rows_of(services: Services, links: Sequence[Link], account: Account | None = None) -> list[Row]:
    """Rows of links, with their makers where these are others than `account`."""
    with services.store.read() as txn:
        rows = []
        for link in links:
            file = services.sharing.files.of_link(txn, link)
            sealed = file is not None and file.encryption is not Encryption.NONE
            locked = link.rare is not None and link.rare.password is not None
            kind = "upload" if link.box else "file" if file else "link"
            rows.append(
                Row(
                    id=link.id,
                    short_url=services.hosts.short_url(link),
                    destination=link.url,
                    count=services.clicks.clicks.live(txn, link.id).count,
                    kind="lock" if sealed or locked else kind,
                    maker="" if account is None else maker_of(txn, account, link),
                )
            )
        return rows


def is_open(services: Services) -> bool:
    """Whether links can be made here without an account."""
    settings = services.settings
    return settings.web.home == "open" and settings.accounts.temporary


HANDLERS = (home, new, make, made_csv)
