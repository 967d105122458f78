"""Counts of links as they change: `/-/live?ids=17,18`, as server-sent events.

It tells of nothing that the account may not see, and ends with the session. Whoever cannot have a
stream asks with `once=1` now and then.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import closing

import msgspec
from litestar import Response
from litestar.response import Stream as StreamedResponse

from shortd import errors
from shortd.clicks.feed import LINKS_A_STREAM
from shortd.links.access import may_see
from shortd.models.accounts import Account
from shortd.services import Services
from shortd.store.schema import LINKS_BY_ID
from shortd.web import forms, guard, session
from shortd.web.guard import show
from shortd.web.routing import AnyRequest, services_of
from shortd.web.session import Session

PING_SECONDS = 15
PAUSE_SECONDS = 1
"""Between two messages of one stream, at least."""

_IDS = re.compile(r"[0-9]{1,19}(?:,[0-9]{1,19})*", re.ASCII)
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would gather the messages.
    "X-Accel-Buffering": "no",
}


@show("/-/live")
async def live(request: AnyRequest) -> Response[bytes] | StreamedResponse:
    guard.check(request)
    found, services = session.current(request), services_of(request)
    if found is None:
        raise errors.BAD_CREDENTIALS()
    forms.charge(request, "")
    given = request.query_params.get("ids", "")
    if not _IDS.fullmatch(given):
        raise errors.BAD_REQUEST()
    ids = [int(one) for one in given.split(",")[:LINKS_A_STREAM]]
    if "once" in request.query_params or request.method == "HEAD":
        counts = msgspec.json.encode(_counts(services, found.account, ids))
        return Response(counts, headers={**_HEADERS, "Content-Type": "application/json"})
    links = [int(link_id) for link_id in _counts(services, found.account, ids)]
    services.clicks.clicks.feed.check(found.account.userid)
    headers = {**_HEADERS, "Content-Type": "text/event-stream"}
    return StreamedResponse(_events(services, found, links), headers=headers)


async def _events(services: Services, found: Session, links: list[int]) -> AsyncIterator[bytes]:
    feed = services.clicks.clicks.feed
    # Only now: who goes away before it begins leaves nothing open.
    with closing(feed.open(found.account.userid, links)) as stream:
        # Not before: nothing would tell of a click in between.
        yield _event("counts", _counts(services, found.account, links))
        while True:
            changed = await stream.changed(PING_SECONDS)
            if stream.has_ended or not _is_open(services, found):
                yield _event("over", {})
                return
            if not changed:
                yield b": ping\n\n"
                continue
            yield _event("counts", _counts(services, found.account, changed))
            await asyncio.sleep(PAUSE_SECONDS)


def _counts(services: Services, account: Account, ids: Iterable[int]) -> dict[str, int]:
    """Counts of those links that the account may see, by id."""
    counts = {}
    with services.store.read() as txn:
        for link_id in ids:
            link = LINKS_BY_ID.get(txn, (link_id,)) if link_id < 2**63 else None
            if link is not None and may_see(txn, account.userid, link):
                counts[str(link_id)] = services.clicks.clicks.live(txn, link_id).count
    return counts


def _is_open(services: Services, found: Session) -> bool:
    """Whether the session that the stream was asked for in still is one."""
    try:
        now = services.clock.now()
        services.accounts.logins.authenticate(found.account.userid, found.token, now)
    except errors.ShortdError:
        return False
    return True


def _event(name: str, data: dict[str, int]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


HANDLERS = (live,)
