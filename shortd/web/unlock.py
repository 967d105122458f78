"""The page that unlocks encrypted files: `/-/unlock?shorturl=…&signature=…`.

The page is the same for every file. Its script reads the query, and the password never comes
here; this module must never look at either.
"""

from __future__ import annotations

from litestar import Response, route
from litestar.enums import HttpMethod

from shortd.web.answers import SCRIPT_PAGE_HEADERS, page
from shortd.web.site import AnyRequest, pages_of, response


@route("/-/unlock", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def unlock(request: AnyRequest) -> Response[bytes]:
    return response(page(pages_of(request), "unlock.html", headers=SCRIPT_PAGE_HEADERS))


HANDLERS = (unlock,)
