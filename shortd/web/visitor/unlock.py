"""The page that unlocks encrypted files: `/-/unlock?shorturl=…&signature=…`.

The page is the same for every file. Its script reads the query, and the password never comes
here; this module must never look at either.
"""

from __future__ import annotations

from litestar import Response, route
from litestar.enums import HttpMethod

from shortd.web.render import visitor_page
from shortd.web.routing import AnyRequest, services_of


@route("/-/unlock", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def unlock(request: AnyRequest) -> Response[bytes]:
    reports = services_of(request).settings.web.reports
    answer = visitor_page(request, "visitor/unlock.html", script="unlock.js", reports=reports)
    answer.headers["x-robots-tag"] = "noindex"
    return answer


HANDLERS = (unlock,)
