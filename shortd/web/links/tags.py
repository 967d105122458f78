"""An account's tags: `/-/tags`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from shortd import errors
from shortd.links.tag_lists import TAG_CHARACTERS
from shortd.models.accounts import TAG_COLORS, TagLook
from shortd.web import forms, session
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.links.acting import forget
from shortd.web.links.contents import TagsPage
from shortd.web.links.saying import told
from shortd.web.render import language_of, page, see
from shortd.web.routing import AnyRequest, services_of

PATH = "/-/tags"
TEMPLATE = "tags/page.html"
CAMPAIGNS = 200
READ_WEIGHT = 1000
"""Of reading through all links, in weight units."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a tag is to be."""

    name: Annotated[str, Meta(max_length=4 * TAG_CHARACTERS)] = ""
    """Of a text, the tag that is meant; of a bit, what it is to be called."""
    bit: Annotated[int, Meta(ge=0, lt=63)] | None = None
    color: Annotated[int, Meta(ge=0, le=TAG_COLORS)] = 0
    new: Annotated[str, Meta(max_length=4 * TAG_CHARACTERS)] = ""
    """Another name for a text."""
    do: str = "save"


@show(PATH)
async def tags(request: AnyRequest) -> Response[bytes]:
    session.needed(request)
    forms.charge(request, "", READ_WEIGHT)
    return page(request, TEMPLATE, await _content(request, filled()))


@act(PATH, status_code=303)
async def change(request: AnyRequest) -> Response[bytes]:
    """Saves how a tag looks; gives it another name, or takes it from all links."""
    found = session.needed(request)
    services, words = services_of(request), language_of(request).gettext
    form: Form[Any] = await forms.read(request, Look, call="set_tag", weight=READ_WEIGHT)
    look = form.value
    if look is not None:
        now, tagging = services.clock.now(), services.links.tagging
        message = None
        try:
            if look.bit is not None:
                await tagging.set_look(
                    found.account, bit=look.bit, look=TagLook(look.color, look.name)
                )
            elif look.do == "remove":
                outcome = await tagging.remove(found.account, look.name, now)
                message = told(request, outcome)
            else:
                await tagging.set_look(found.account, text=look.name, look=TagLook(look.color))
                new = " ".join(look.new.split())
                if new and new != look.name:
                    outcome = await tagging.rename(found.account, look.name, new, now)
                    message = told(request, outcome)
        except errors.ShortdError as refusal:
            form = form.refuse(refusal, words, tag="new" if look.new else "name")
        else:
            forget(services, found.account)
            return see(request, PATH, message or words("Saved."))
    return again(request, TEMPLATE, await _content(request, form), form)


async def _content(request: AnyRequest, form: Form[Any]) -> TagsPage:
    services, account = services_of(request), session.needed(request).account
    shown, as_of = await services.links.tagging.of_account(account, services.clock.now())
    campaigns = services.teams.campaigns.of_account(account, 0, CAMPAIGNS)
    teams = {team.id: team.name for team in services.teams.teams.of_account(account)}
    return TagsPage(
        tags=shown,
        campaigns=[
            (row.id, row.name, teams.get(row.team, ""), row.links) for row in campaigns.campaigns
        ],
        as_of=as_of,
        form=form,
        colors=range(1, TAG_COLORS + 1),
    )


HANDLERS = (tags, change)
