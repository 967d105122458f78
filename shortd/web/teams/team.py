"""One team: its page, its name, its end."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response
from msgspec import Meta

from shortd.models.accounts import Account
from shortd.services import Services
from shortd.web import session
from shortd.web.forms import Form
from shortd.web.guard import act, show
from shortd.web.render import language_of, long_page
from shortd.web.routing import AnyRequest, services_of
from shortd.web.teams.asking import PATH, TEAM, TEMPLATE, acted, content, team_asked


class NewName(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    code: Annotated[str, Meta(min_length=1, max_length=128)]


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    """Typed to show that it is meant."""
    keep_links: bool = False


@show(TEAM)
async def team(request: AnyRequest) -> Response[bytes]:
    found = session.registered(request)
    return await long_page(request, TEMPLATE, content(request, found.account))


@act(f"{TEAM}/name", status_code=303)
async def rename(request: AnyRequest) -> Response[bytes]:
    async def change(services: Services, account: Account, value: NewName, now: int) -> None:
        await services.teams.teams.update(
            account, team_asked(request), name=value.name, code=value.code
        )

    words = language_of(request).gettext
    return await acted(request, NewName, "name", change, words("The team's name is changed."))


@act(f"{TEAM}/delete", status_code=303)
async def delete(request: AnyRequest) -> Response[bytes]:
    """Ends the team, once its name is typed."""
    found, words = session.registered(request), language_of(request).gettext
    services, asked = services_of(request), team_asked(request)
    view = services.teams.teams.get(found.account, asked)

    def is_meant(form: Form[Deletion]) -> Form[Deletion]:
        if form.value is not None and form.value.name.strip() != view.name:
            return form.wrong("name", words("This is not the team's name."))
        return form

    async def end(services: Services, account: Account, value: Deletion, now: int) -> None:
        await services.teams.teams.delete(account, asked, keep_links=value.keep_links)

    said = words("%(team)s is deleted.") % {"team": view.name}
    fields = {"team": "keep_links"}
    return await acted(
        request, Deletion, "delete", end, said, to=PATH, fields=fields, check=is_meant
    )


HANDLERS = (team, rename, delete)
