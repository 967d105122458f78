"""What operators did: `/-/admin/log`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from litestar import Response

from shortd.models.audit import Action, AuditEntry, Way
from shortd.upkeep.audit import KEPT_DAYS
from shortd.web import forms
from shortd.web.admin.actions import action_words, way_words
from shortd.web.admin.contents import ListPage
from shortd.web.admin.cursors import address, asked, numbers
from shortd.web.admin.operators import PATH, SEARCH_WEIGHT, operator_of
from shortd.web.guard import show
from shortd.web.render import language_of, long_page
from shortd.web.routing import AnyRequest, services_of

LOG = f"{PATH}/log"
TEMPLATE = "admin/log.html"


class LogPage(ListPage, frozen=True, kw_only=True):
    """admin/log.html."""

    rows: Sequence[AuditEntry]
    actions: Mapping[Action, str]
    ways: Mapping[Way, str]
    way: Way | None
    days: int = KEPT_DAYS


@show(LOG)
async def log(request: AnyRequest) -> Response[bytes]:
    operator_of(request)
    q, way = asked(request, "q"), _way(asked(request, "way"))
    place = numbers(asked(request, "after"), (2**63 - 1, 2**32 - 1))
    forms.charge(request, "", SEARCH_WEIGHT if q or way else 0)
    position = None if place is None else (place[0], place[1])
    found = await services_of(request).upkeep.audit.page(position, text=q, way=way)
    words = language_of(request).gettext
    here = {"q": q, "way": way.value if way else ""}
    older = "-".join(map(str, found.older)) if found.older else ""
    content = LogPage(
        rows=found.rows,
        actions=action_words(words),
        ways=way_words(words),
        q=q,
        way=way,
        older=address(LOG, **here, after=older) if older else "",
        first=address(LOG, **here) if position else "",
        is_cut=found.is_cut,
    )
    return await long_page(request, TEMPLATE, content)


def _way(text: str) -> Way | None:
    return Way(text) if text in list(Way) else None


HANDLERS = (log,)
