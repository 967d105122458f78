"""The teams that somebody is in, and those that he is invited to: `/-/teams`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.web import forms, session
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of
from shortd.web.session import Session
from shortd.web.teams.asking import PATH, ROWS
from shortd.web.teams.contents import TeamsPage, Window

TEMPLATE = "teams/list.html"


class NewTeam(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    code: Annotated[str, Meta(max_length=128)] | None = None
    """None: made from the name."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """To an invitation."""

    invitation: Annotated[str, Meta(min_length=1, max_length=64)]


@show(PATH)
async def teams(request: AnyRequest) -> Response[bytes]:
    return page(request, TEMPLATE, _content(request, session.registered(request), filled()))


@act(PATH, status_code=303)
async def create(request: AnyRequest) -> Response[bytes]:
    """Makes a team, and leads to its page."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, NewTeam)
    services, value = services_of(request), form.value
    if value is not None:
        now = services.clock.now()
        try:
            made = await services.teams.teams.create(found.account, value.name, value.code, now)
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words)
        else:
            said = words("%(team)s is there. Now invite somebody.") % {"team": made.name}
            return see(request, f"{PATH}/{made.id}", said)
    return again(request, TEMPLATE, _content(request, found, form), form)


@act(f"{PATH}/invitations/accept", status_code=303)
async def accept(request: AnyRequest) -> Response[bytes]:
    """Takes a place in a team."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, Answer)
    services, value = services_of(request), form.value
    if value is not None:
        now, invitations = services.clock.now(), services.teams.invitations
        try:
            taken = await invitations.accept(found.account, value.invitation, now)
        except errors.ShortdError as refusal:
            form = form.wrong("invitation", refusal.said(words), refusal)
        else:
            said = words("You are in %(team)s now.") % {"team": taken.team_name}
            return see(request, f"{PATH}/{taken.team}", said)
    return _answer_refused(request, found, form)


@act(f"{PATH}/invitations/decline", status_code=303)
async def decline(request: AnyRequest) -> Response[bytes]:
    """Turns a place down."""
    found, words = session.registered(request), language_of(request).gettext
    form = await forms.read(request, Answer)
    services, value = services_of(request), form.value
    if value is not None:
        now = services.clock.now()
        try:
            await services.teams.invitations.decline(found.account, value.invitation, now)
        except errors.ShortdError as refusal:
            form = form.wrong("invitation", refusal.said(words), refusal)
        else:
            return see(request, PATH, words("You have declined the invitation."))
    return _answer_refused(request, found, form)


def _answer_refused(request: AnyRequest, found: Session, form: Form[Answer]) -> Response[bytes]:
    content = _content(request, found, filled(), form.error("invitation"))
    return again(request, TEMPLATE, content, form)


def _content(request: AnyRequest, found: Session, form: Form[Any], wrong: str = "") -> TeamsPage:
    services, account = services_of(request), found.account
    views = services.teams.teams.of_account(account)
    text = request.query_params.get("from", "")
    start = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    return TeamsPage(
        teams=Window(
            rows=views[start : start + ROWS],
            start=start,
            total=len(views),
            earlier=f"{PATH}?from={max(0, start - ROWS)}" if start else "",
            later=f"{PATH}?from={start + ROWS}" if start + ROWS < len(views) else "",
        ),
        offers=services.teams.invitations.of_guest(account, services.clock.now()),
        form=form,
        wrong=wrong,
        is_verified=account.email_verified,
    )


HANDLERS = (teams, create, accept, decline)
