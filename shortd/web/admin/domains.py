"""The domains that teams have brought: `/-/admin/domains`."""

from __future__ import annotations

from typing import Any

from litestar import Response

from shortd.models.audit import Action
from shortd.store.txn import Txn
from shortd.teams.domains import Subscription, brought_as, walk_brought
from shortd.upkeep.reading import look_through
from shortd.web import forms
from shortd.web.admin.contents import DomainsPage
from shortd.web.admin.cursors import address, asked
from shortd.web.admin.operators import PATH, SEARCH_WEIGHT, Reason, noted, operator_of
from shortd.web.forms import Form, again, filled
from shortd.web.guard import act, show
from shortd.web.render import language_of, long_page, see
from shortd.web.routing import AnyRequest, services_of

DOMAINS = f"{PATH}/domains"
TEMPLATE = "admin/domains.html"


@show(DOMAINS)
async def domains(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    q, after = asked(request, "q").lower(), asked(request, "after", 24)
    forms.charge(request, "", SEARCH_WEIGHT if q else 0)
    return await long_page(request, TEMPLATE, await _content(request, q, after, "", filled()))


@act(f"{DOMAINS}/{{domain:str}}/remove", status_code=303)
async def remove(request: AnyRequest) -> Response[bytes]:
    """Ends a team's domain. Its links stay, unreachable until it comes back."""
    operator_of(request)
    services, words = services_of(request), language_of(request).gettext
    domain = brought_as(services.store, request.path_params["domain"])
    form = await forms.read(request, Reason)
    if form.value is None:
        content = await _content(request, domain.name, "", domain.id, form)
        return again(request, TEMPLATE, content, form)
    detail, reason = f"team {domain.owner}", form.value.reason
    async with noted(request, Action.REMOVE_DOMAIN, domain.name, detail=detail, reason=reason):
        await services.teams.domains.unsubscribe(None, domain.id)
    said = words("%(domain)s does not answer any more.") % {"domain": domain.name}
    return see(request, DOMAINS, said)


async def _content(
    request: AnyRequest, q: str, after: str, refused: str, form: Form[Any]
) -> DomainsPage:
    def fits(txn: Txn, domain: Subscription) -> bool:
        return q in domain.name or q == domain.owner

    place = (after,) if after.isascii() and after.isalnum() else None
    store = services_of(request).store
    found = await look_through(store, walk_brought, fits if q else None, place)
    older = found.older[0] if found.older else ""
    return DomainsPage(
        rows=found.rows,
        q=q,
        older=address(DOMAINS, q=q, after=older) if older else "",
        first=address(DOMAINS, q=q) if place else "",
        is_cut=found.is_cut,
        refused=refused,
        form=form,
    )


HANDLERS = (domains, remove)
