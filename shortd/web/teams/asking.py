"""What all pages of one team begin and end with: what it shows, and a form of it that is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Response

from shortd import errors
from shortd.models.accounts import Account
from shortd.services import Services
from shortd.teams.members import managed_by
from shortd.web import forms, session
from shortd.web.forms import Form, again
from shortd.web.render import language_of, see
from shortd.web.routing import AnyRequest, services_of
from shortd.web.teams.contents import FORMS, Refused, TeamPage, Window

PATH = "/-/teams"
TEAM = f"{PATH}/{{team:str}}"
TEMPLATE = "teams/page.html"
ROWS = 10
"""Of each list that a page shows at once."""
LISTS = ("members", "offers", "campaigns", "domains", "trackers")
"""Names of the lists in the address, each with the number of its first row."""
_MOST = 10_000

T = TypeVar("T")
F = TypeVar("F", bound=msgspec.Struct)
Act = Callable[[Services, Account, F, int], Awaitable[object]]
"""What a form does: to be given the services, who asks, what was typed, and the time in µs."""


def team_asked(request: AnyRequest) -> str:
    """The id of the team that the address names."""
    team: str = request.path_params["team"]
    return team


async def acted(
    request: AnyRequest,
    kind: type[F],
    name: str,
    act: Act[F],
    said: str,
    *,
    key: str = "",
    to: str = "",
    fields: Mapping[str, str] | None = None,
    check: Callable[[Form[F]], Form[F]] = lambda form: form,
) -> Response[bytes]:
    """Reads a form of the team's page, does what it asks for, and leads back.

    `name` is one of `FORMS`, `key` the field that names the row it is about, `to` the address of
    the page that shows what was done, where that is another. `fields` has names that services know
    by other ones; `check` may find something wrong before. TEAM_NOT_FOUND for whoever is not in the
    team, and FORBIDDEN, answer with pages of their own.
    """
    found, words = session.registered(request), language_of(request).gettext
    services, team = services_of(request), team_asked(request)
    services.teams.teams.get(found.account, team)
    form = await forms.read(request, kind)
    form = check(form)
    if form.value is not None:
        try:
            await act(services, found.account, form.value, services.clock.now())
        except errors.ShortdError as refusal:
            if refusal.kind in (errors.TEAM_NOT_FOUND, errors.FORBIDDEN):
                raise
            field = refusal.field or ""
            form = form.wrong((fields or {}).get(field, field), refusal.said(words), refusal)
        else:
            return see(request, to or f"{PATH}/{team}{_query(request)}#{FORMS[name].id}", said)
    refused = Refused(name, form, form.text(key) if key else None)
    return again(request, TEMPLATE, content(request, found.account, refused), form)


def content(request: AnyRequest, account: Account, refused: Refused | None = None) -> TeamPage:
    """The page of the team that the address names. TEAM_NOT_FOUND."""
    services, team, now = (
        services_of(request),
        team_asked(request),
        services_of(request).clock.now(),
    )
    view = services.teams.teams.get(account, team)
    rooms = services.teams
    starts = _starts(request)
    members = rooms.members.of_team(account, team, starts["members"], ROWS)
    campaigns = rooms.campaigns.of_team(account, team, starts["campaigns"], ROWS)
    domains = rooms.domains.of_team(account, team)

    def window(name: str, rows: Sequence[T], total: int) -> Window[T]:
        start = starts[name]
        before = {**starts, name: max(0, start - ROWS)}
        after = {**starts, name: start + ROWS}
        path = f"{PATH}/{team}"
        return Window(
            rows=rows,
            start=start,
            total=total,
            earlier=f"{path}{_written(before)}#{name}" if start else "",
            later=f"{path}{_written(after)}#{name}" if start + ROWS < total else "",
        )

    def part(name: str, rows: Sequence[T]) -> Window[T]:
        start = starts[name]
        return window(name, rows[start : start + ROWS], len(rows))

    return TeamPage(
        team=view,
        userid=account.userid,
        managed=managed_by(view.role, is_of_account=bool(view.account)),
        members=window("members", members, view.members),
        offers=part("offers", rooms.invitations.of_team(account, team, now)),
        campaigns=window("campaigns", campaigns.campaigns, campaigns.total),
        domains=part("domains", [one for one in domains if one.record]),
        trackers=part("trackers", rooms.trackers.of_team(account, team)),
        hosts=[one for one in domains if not one.record],
        query=_query(request),
        refused=refused,
    )


def _starts(request: AnyRequest) -> dict[str, int]:
    """Where the lists begin."""
    found = {}
    for name in LISTS:
        text = request.query_params.get(name, "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        found[name] = min(number, _MOST)
    return found


def _query(request: AnyRequest) -> str:
    return _written(_starts(request))


def _written(starts: Mapping[str, int]) -> str:
    pairs = {name: start for name, start in starts.items() if start}
    return f"?{urlencode(pairs)}" if pairs else ""
