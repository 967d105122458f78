"""All that is kept of somebody, for him to take along."""

from __future__ import annotations

from collections.abc import AsyncIterator

from litestar import Response
from litestar.response import Stream

from shortd.models.accounts import Account
from shortd.store.schema import LINKS_PER_TEAM
from shortd.web import forms, session
from shortd.web.guard import show
from shortd.web.routing import AnyRequest, attachment_headers, services_of

LINK_WEIGHT = 10
"""Of each link, beside what a listing costs."""


@show("/-/account/data.json")
async def data(request: AnyRequest) -> Response[bytes] | Stream:
    account = _paid(request)
    takeout = services_of(request).upkeep.takeout
    return _sent(request, takeout.json(account), "shortd-data.json", "application/json")


@show("/-/account/links.csv")
async def links(request: AnyRequest) -> Response[bytes] | Stream:
    account = _paid(request)
    takeout = services_of(request).upkeep.takeout
    return _sent(request, takeout.csv(account), "shortd-links.csv", "text/csv; charset=utf-8")


def _paid(request: AnyRequest) -> Account:
    """Whose data are asked for, and paid for. SignInFirst, RATE_LIMITED."""
    account = session.registered(request).account
    with services_of(request).store.read() as txn:
        links = LINKS_PER_TEAM.get(txn, (account.userid,))
    forms.charge(request, "get_entries", links * LINK_WEIGHT)
    return account


def _sent(
    request: AnyRequest, content: AsyncIterator[bytes], name: str, kind: str
) -> Response[bytes] | Stream:
    headers = attachment_headers(kind, name)
    if request.method == "HEAD":
        return Response(b"", headers=headers)
    return Stream(content, headers=headers)


HANDLERS = (data, links)
